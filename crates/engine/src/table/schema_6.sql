-- Version 6: what a person keeps in order on this device alone, and search.

-- A person has starred it.
ALTER TABLE timeline ADD COLUMN starred INTEGER NOT NULL DEFAULT 0;
CREATE INDEX timeline_starred ON timeline (at) WHERE starred <> 0;

-- Messages that were deleted on this device, by the row whose timeline showed them: neither they nor what is about them is shown
-- should it come (again).
CREATE TABLE hidden (
  conversation INTEGER NOT NULL,
  content_id   BLOB NOT NULL,
  PRIMARY KEY (conversation, content_id)
) WITHOUT ROWID;

CREATE TABLE mark (
  conversation INTEGER PRIMARY KEY,
  archived     INTEGER NOT NULL DEFAULT 0,
  muted        INTEGER NOT NULL DEFAULT 0,  -- see table/mark.rs
  muted_until  INTEGER,
  unread       INTEGER NOT NULL DEFAULT 0,  -- by hand
  pinned       INTEGER,                     -- its turn among those that are
  draft        TEXT,
  deleted      INTEGER NOT NULL DEFAULT 0
);

-- The words of messages, by their places. The words alone: what a message says is not kept twice (see words.rs, table/search.rs).
CREATE VIRTUAL TABLE search USING fts5 (
  words, content = '', columnsize = 0,
  tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);

-- Up to which position the words of each timeline are in there; none: of nothing yet.
CREATE TABLE searched (
  conversation INTEGER PRIMARY KEY,
  up_to        INTEGER NOT NULL
);
