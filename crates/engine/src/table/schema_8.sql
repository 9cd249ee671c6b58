-- Version 8.

-- Own files that are on their way to the server, each shown by an entry of kind 6 whose body is the number of its row.
CREATE TABLE upload (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  token   BLOB NOT NULL,
  -- The message as it will be said, but for its counter and id.
  content BLOB NOT NULL,
  -- Why it can't be sent; NULL: it is on its way.
  failed  TEXT
);
CREATE INDEX timeline_upload ON timeline (body) WHERE kind = 6;
