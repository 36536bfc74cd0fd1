-- The studio's index knows every cold file that it should know by now.
-- severity: error
-- needs: index
-- examines: files
-- query: hidden_spans
--
-- The backend finds spans by its index alone. For two minutes after a flush it finds a new file without it; after that
-- the spans of a file that is not indexed are in no list, and their traces open empty. The indexer looks for files every
-- 30 s and takes ten each time, so a file counts as stuck only when its turn is past, however many wait. The cause says
-- why: `passed_over`, the indexer worked after the file was due; `indexer_stopped`, it has not worked since;
-- `tmp_folder`, it leaves out every file below a folder `tmp`.
--
-- Usually: The backend is down, was restarted with another folder, or is killed each time that it reads the file, since
-- it holds all of its rows in memory. Read the backend's log, give it more memory, and restart it; it indexes what it
-- finds then.
--
-- Not covered: files younger than their turn (see waiting_files), files whose turn came after the last sign of life of
-- the studio (see undecided_files), files that were given up (see given_up_files), and files that do not read.
SELECT 'cold' AS tier, file, cause, spans, traces, services, named_at AS flushed_at
FROM visible_files
WHERE state = 'stuck'
ORDER BY file
