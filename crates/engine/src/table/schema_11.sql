-- Version 11: profiles, and who is blocked.

-- What people show of themselves, oneself included.
CREATE TABLE profile (
  account BLOB PRIMARY KEY,
  version INTEGER NOT NULL,
  name    TEXT NOT NULL,  -- as in `encoded`, for lists; empty: none
  encoded BLOB NOT NULL
) WITHOUT ROWID;

-- Which version of one's own profile all members of a conversation have.
CREATE TABLE told (
  conversation INTEGER PRIMARY KEY,
  version      INTEGER NOT NULL
);

-- Whom this person wants to hear nothing of.
CREATE TABLE blocked (account BLOB PRIMARY KEY) WITHOUT ROWID;
