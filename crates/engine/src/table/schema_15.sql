-- Version 15: pictures of groups.

-- What stands for a group, as its state says; without a row there is none.
CREATE TABLE group_picture (
  conversation INTEGER PRIMARY KEY,
  picture      BLOB NOT NULL
);
