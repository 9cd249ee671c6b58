-- Version 7: pins, and what is agreed on.

-- Messages that pin others, or do not any more.
CREATE INDEX timeline_pin ON timeline (id) WHERE kind = 5;

-- What members have agreed on beside name and roles; without a row it is as mostly.
CREATE TABLE agreed (
  conversation INTEGER PRIMARY KEY,
  description  TEXT NOT NULL,
  may_add      INTEGER NOT NULL,  -- 0 admins, 1 everyone
  may_post     INTEGER NOT NULL,
  may_edit     INTEGER NOT NULL,
  timer        INTEGER            -- seconds after which what was read is to be gone
);
