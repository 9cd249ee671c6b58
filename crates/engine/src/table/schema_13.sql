-- Version 13: invitation links.

-- Links made on this device.
CREATE TABLE invitation (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- no number is given twice
  serial       INTEGER UNIQUE,              -- of the delivery address in it; NULL: it has ended
  secret       BLOB,                        -- NULL: it has ended
  suite        INTEGER NOT NULL,
  conversation BLOB,                        -- of a group; NULL: it leads to this person
  title        TEXT NOT NULL,
  made         INTEGER NOT NULL,
  lasts_until  INTEGER NOT NULL,            -- by the time that is counted
  uses         INTEGER NOT NULL,            -- how many may still be let in
  approval     INTEGER NOT NULL,            -- 1: somebody has to approve of each
  admitted     INTEGER NOT NULL DEFAULT 0,
  useless      INTEGER NOT NULL DEFAULT 0,  -- what came for it and is no request
  ended        INTEGER NOT NULL DEFAULT 0   -- 0: it has not; else why
);

-- Who has asked by them.
CREATE TABLE join_request (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  invitation  INTEGER NOT NULL,
  request     BLOB NOT NULL,      -- its id
  account     BLOB NOT NULL,
  device      BLOB NOT NULL,
  handle      TEXT NOT NULL,      -- as the certificate says
  key_package BLOB NOT NULL,      -- empty: it was dealt with
  at          INTEGER NOT NULL,   -- by the server's clock
  state       INTEGER NOT NULL,   -- 0 waits, 1 is being let in, 2 was let in, 3 was refused
  intent      INTEGER,            -- that lets it in
  failure     TEXT,               -- why it could not be let in
  UNIQUE (invitation, request)
);
CREATE INDEX join_request_intent ON join_request (intent) WHERE intent IS NOT NULL;

-- Links opened on this device, until they have let it in.
CREATE TABLE opened (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- no number is given twice
  link         BLOB NOT NULL UNIQUE,  -- the link's id
  maker        BLOB NOT NULL,
  conversation BLOB,                  -- of a group; NULL: it leads to the maker
  title        TEXT NOT NULL,
  serial       INTEGER NOT NULL,      -- of the key package in the request
  reference    BLOB NOT NULL,         -- of that key package
  made         INTEGER NOT NULL,
  lasts_until  INTEGER NOT NULL,      -- by the time that is counted
  state        INTEGER NOT NULL,      -- 0 on its way, 1 waits, 2 failed
  failure      TEXT
);
