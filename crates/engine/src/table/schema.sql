-- The messenger's own tables, version 1. MLS state lies in the tables of store/.

-- What this device is: keys, token, certificate, handle. One row a thing.
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

-- How far the mailbox has been applied, and how much of it was dropped. A step that writes a conversation notes there how
-- far it is instead: one page less. The highest of all counts.
CREATE TABLE mailbox (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  applied INTEGER NOT NULL,
  dropped INTEGER NOT NULL
);
INSERT INTO mailbox VALUES (1, 0, 0);

-- People, as remembered keys.
CREATE TABLE contact (
  account     BLOB PRIMARY KEY,
  handle      TEXT NOT NULL,
  account_key BLOB NOT NULL,
  confirmed   INTEGER NOT NULL,
  verified    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX contact_handle ON contact (handle);

CREATE TABLE conversation (
  id           INTEGER PRIMARY KEY,
  public_id    BLOB NOT NULL UNIQUE,
  shown_in     INTEGER NOT NULL,  -- the row whose timeline shows it: its own, or that of a twin
  group_id     BLOB,
  handle       BLOB,
  direct       INTEGER NOT NULL,
  peer         BLOB,              -- the other account, one to one
  title        TEXT NOT NULL,
  standing     INTEGER NOT NULL,
  words        TEXT NOT NULL,     -- why it failed or is held
  epoch        INTEGER NOT NULL,
  server_epoch INTEGER NOT NULL,  -- the highest that the server has spoken of
  suite        INTEGER NOT NULL,
  serial       INTEGER,           -- of the own delivery address in the tree
  counter      INTEGER NOT NULL,  -- content messages written here
  rejected     INTEGER NOT NULL,  -- items that did not open
  since_update INTEGER NOT NULL,  -- messages since the own leaf was new
  update_due   INTEGER,
  past_until   INTEGER,           -- end of the grace of the epoch before, server's clock
  past_due     INTEGER,           -- when to erase it, own clock
  past_key     BLOB,              -- envelope key of the epoch before
  commit_bytes INTEGER NOT NULL,  -- size of the last commit
  next         INTEGER NOT NULL,  -- next position on the timeline
  next_waiting INTEGER NOT NULL,  -- next position among what waits to be sent
  read_up_to   INTEGER NOT NULL,
  unread       INTEGER NOT NULL,
  applied      INTEGER NOT NULL   -- of the mailbox, as of the last delivery that wrote this row
);
CREATE INDEX conversation_peer ON conversation (peer) WHERE peer IS NOT NULL;

CREATE TABLE member (
  conversation INTEGER NOT NULL,
  account      BLOB NOT NULL,
  role         INTEGER NOT NULL,
  devices      INTEGER NOT NULL,
  PRIMARY KEY (conversation, account)
) WITHOUT ROWID;

-- id = conversation row * 2^40 + position: one conversation's entries lie together, in order.
CREATE TABLE timeline (
  id         INTEGER PRIMARY KEY,
  origin     INTEGER NOT NULL,  -- the conversation row whose group carried it
  content_id BLOB,
  sender     BLOB,
  mine       INTEGER NOT NULL,
  kind       INTEGER NOT NULL,
  body       BLOB NOT NULL,
  at         INTEGER NOT NULL,
  state      INTEGER NOT NULL
);
CREATE INDEX timeline_waiting ON timeline (state) WHERE state = 0;
CREATE INDEX timeline_content ON timeline (content_id) WHERE content_id IS NOT NULL;

-- The last counter heard from each device of a conversation, and those below it that did not come.
CREATE TABLE heard (
  conversation INTEGER NOT NULL,
  device       BLOB NOT NULL,
  last         INTEGER NOT NULL,
  missing      BLOB NOT NULL,
  PRIMARY KEY (conversation, device)
) WITHOUT ROWID;

CREATE TABLE address (
  serial       INTEGER PRIMARY KEY,
  address      BLOB NOT NULL,
  use          INTEGER NOT NULL,
  conversation INTEGER,
  until        INTEGER
);
CREATE INDEX address_use ON address (use);
CREATE INDEX address_bytes ON address (address);

CREATE TABLE key_package (
  reference   BLOB PRIMARY KEY,
  suite       INTEGER NOT NULL,
  serial      INTEGER NOT NULL,
  last_resort INTEGER NOT NULL,
  made        INTEGER NOT NULL,
  retired     INTEGER           -- when it was replaced at the directory
) WITHOUT ROWID;

CREATE TABLE intent (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation INTEGER,
  state        INTEGER NOT NULL,
  body         BLOB NOT NULL,
  not_before   INTEGER NOT NULL
);

-- What an intent needs from the directory: one row a person.
CREATE TABLE gathered (
  intent   INTEGER NOT NULL,
  handle   TEXT NOT NULL,
  account  BLOB,
  packages BLOB,
  PRIMARY KEY (intent, handle)
) WITHOUT ROWID;

-- Requests, byte for byte as they go out. Numbers are given by the engine (Session::next_request).
CREATE TABLE outbox (
  id           INTEGER PRIMARY KEY,
  kind         INTEGER NOT NULL,
  conversation INTEGER,
  reference    INTEGER NOT NULL,
  message_id   BLOB,
  body_hash    BLOB,
  epoch        INTEGER NOT NULL,
  frame        BLOB NOT NULL,
  accepted     INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  not_before   INTEGER NOT NULL
);

-- People who have said that they leave, until a commit removes them.
CREATE TABLE leaver (
  conversation INTEGER NOT NULL,
  account      BLOB NOT NULL,
  proof        BLOB NOT NULL,
  PRIMARY KEY (conversation, account)
) WITHOUT ROWID;

-- Items that came too early.
CREATE TABLE parked (
  sequence     INTEGER PRIMARY KEY,
  conversation INTEGER,
  serial       INTEGER NOT NULL,
  item         BLOB NOT NULL
);
