-- Version 2: the ways back.

-- A conversation has one line in use. Others are rows of their own: a group that it has left behind and still reads, or one that
-- is to take over.
ALTER TABLE conversation ADD COLUMN line_of INTEGER;            -- the row of the conversation
ALTER TABLE conversation ADD COLUMN talk BLOB;                  -- the conversation's id, on a line
ALTER TABLE conversation ADD COLUMN moves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;  -- to be let in again
CREATE INDEX conversation_line ON conversation (line_of) WHERE line_of IS NOT NULL;

-- The last counter from before a device lost its state.
ALTER TABLE heard ADD COLUMN before INTEGER NOT NULL DEFAULT 0;

-- Key packages that this device has handed to a member to be let in again, by the serial of their address.
CREATE TABLE offer (
  serial       INTEGER PRIMARY KEY,
  reference    BLOB NOT NULL,
  conversation INTEGER NOT NULL
);

-- What this device has found out about members (kind: see table/finding.rs).
CREATE TABLE finding (
  conversation INTEGER NOT NULL,
  account      BLOB NOT NULL,
  kind         INTEGER NOT NULL,
  PRIMARY KEY (conversation, account, kind)
) WITHOUT ROWID;

-- On a primary device: the requests by which it has added others, so that a server that has forgotten them gets them again.
CREATE TABLE linked (
  device BLOB PRIMARY KEY,
  frame  BLOB NOT NULL
) WITHOUT ROWID;
