-- Version 15: pictures of groups, where what was deleted here stood, and what the server says has passed beyond what is counted.

-- What stands for a group, as its state says; without a row there is none.
CREATE TABLE group_picture (
  conversation INTEGER PRIMARY KEY,
  picture      BLOB NOT NULL
);

-- Where it stood, or what was last when it came; nothing where that is not known any more.
ALTER TABLE hidden ADD COLUMN place INTEGER;

ALTER TABLE clock ADD COLUMN credit INTEGER NOT NULL DEFAULT 0;
