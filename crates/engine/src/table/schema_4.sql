-- Version 4.

-- Places of a conversation that this device does not follow, the newest with the largest id.
CREATE TABLE given_up (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation INTEGER NOT NULL,
  moves        INTEGER NOT NULL,
  handle       BLOB NOT NULL,
  UNIQUE (conversation, handle)
);
