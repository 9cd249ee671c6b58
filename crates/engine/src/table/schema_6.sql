-- Version 6.

-- Messages that pin others, or do not any more.
CREATE INDEX timeline_pin ON timeline (id) WHERE kind = 5;
