-- Version 3: who was taken out.

-- Accounts that a commit has taken out of a conversation. A server that was put back may have lost that commit before it reached them.
CREATE TABLE gone (
  conversation INTEGER NOT NULL,
  account      BLOB NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (conversation, account)
) WITHOUT ROWID;
