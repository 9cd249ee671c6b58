-- Version 5.

-- The message that this one edits, takes back or reacts to: such is no entry of its own.
ALTER TABLE timeline ADD COLUMN target BLOB;
-- It came from an admin, who may take back what others have said.
ALTER TABLE timeline ADD COLUMN by_admin INTEGER NOT NULL DEFAULT 0;
CREATE INDEX timeline_target ON timeline (target) WHERE target IS NOT NULL AND kind <> 4;
