-- Version 9: messages that disappear.

-- Seconds after which it is to be gone, from when it was read or, one's own, accepted.
ALTER TABLE timeline ADD COLUMN lasts INTEGER;
-- When it goes, by the clock below; nothing while its time has not begun.
ALTER TABLE timeline ADD COLUMN goes_at INTEGER;
CREATE INDEX timeline_goes_at ON timeline (goes_at) WHERE goes_at IS NOT NULL AND target IS NULL;
CREATE INDEX timeline_lasts ON timeline (id) WHERE lasts IS NOT NULL AND goes_at IS NULL;

-- The time that is counted, in milliseconds (see clock.rs).
CREATE TABLE clock (
  id            INTEGER PRIMARY KEY,  -- 0
  passed        INTEGER NOT NULL,
  seen          INTEGER NOT NULL,
  own_lead      INTEGER NOT NULL,
  server_offset INTEGER,
  lost          INTEGER NOT NULL
);
