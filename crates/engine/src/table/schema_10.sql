-- Signals: presence, typing, receipts.

-- Keys of epochs that are over, under which signals may still wait at the server.
CREATE TABLE signal_key (
  group_id BLOB NOT NULL,
  epoch    INTEGER NOT NULL,
  key      BLOB NOT NULL,
  until    INTEGER NOT NULL,
  PRIMARY KEY (group_id, epoch)
) WITHOUT ROWID;

-- What this device has told in a conversation, by the row whose timeline shows it.
CREATE TABLE signal_told (
  conversation INTEGER PRIMARY KEY,
  spoken       INTEGER NOT NULL DEFAULT 0,  -- this account has begun it, or said something in it
  presence     INTEGER NOT NULL DEFAULT 0,  -- 1: shown; 2: to be taken back
  due          INTEGER NOT NULL DEFAULT 0,  -- the cursors may have moved since
  delivered    BLOB,                        -- how far they were when they were told last
  read         BLOB
);
CREATE INDEX signal_told_due ON signal_told (conversation) WHERE due <> 0 OR presence = 2;

-- The last counter of each kind from each device of a conversation: an older signal is ignored.
CREATE TABLE signal_heard (
  conversation INTEGER NOT NULL,
  device       BLOB NOT NULL,
  kind         INTEGER NOT NULL,
  counter      INTEGER NOT NULL,
  PRIMARY KEY (conversation, device, kind)
) WITHOUT ROWID;

-- When a person was last active on each of their devices, by this device's clock.
CREATE TABLE presence (
  account BLOB NOT NULL,
  device  BLOB NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (account, device)
) WITHOUT ROWID;

-- How far members have come: 0 delivered, 1 read. A message's id is what all have alike.
CREATE TABLE cursor (
  conversation INTEGER NOT NULL,
  account      BLOB NOT NULL,
  kind         INTEGER NOT NULL,
  content_id   BLOB NOT NULL,
  PRIMARY KEY (conversation, account, kind)
) WITHOUT ROWID;

-- Who may see when this person was last active, where not everybody may.
CREATE TABLE shown_to (account BLOB PRIMARY KEY) WITHOUT ROWID;
