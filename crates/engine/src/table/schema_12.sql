-- Version 12: what strangers have begun. All that is here by then is taken as accepted.

-- Conversations that wait to be accepted, by the row whose timeline shows them.
CREATE TABLE request (
  conversation INTEGER PRIMARY KEY,
  sender       BLOB NOT NULL,     -- who has begun it, or has brought this account into it
  since        INTEGER NOT NULL,  -- the first position that is not shown: what stands before it was here already
  at           INTEGER NOT NULL   -- when it was last new
);
CREATE INDEX request_sender ON request (sender);
