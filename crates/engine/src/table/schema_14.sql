-- Version 14: polls, places, contact cards, previews of links, and files that are opened once.

-- When the key of a file that is opened once is erased, by the time that is counted (see clock.rs); nothing where none is kept.
ALTER TABLE timeline ADD COLUMN once_until INTEGER;
CREATE INDEX timeline_once ON timeline (once_until) WHERE once_until IS NOT NULL;
