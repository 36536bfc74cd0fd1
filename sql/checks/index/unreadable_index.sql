-- The studio's index can be read.
-- finding: inconclusive
-- needs: index
-- examines: entries
--
-- A private copy of it is read. Where it is locked, damaged, or changes under every attempt, nothing is known of what
-- the studio's pages find.
--
-- Usually: Its file belongs to another user, or the audited copy of the store was made while the backend was writing.
-- Audit as a user who may read it, or copy it again; where `sqlite3 metadata.db 'PRAGMA quick_check'` finds damage, stop
-- the backend, move the database away, and start it again: it indexes all files anew.
--
-- Not covered: whether an index that reads well is right (see the other checks of this family).
SELECT file, problem
FROM studio_index
WHERE state = 'unreadable'
ORDER BY file
