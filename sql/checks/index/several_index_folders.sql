-- All paths of the index begin with one folder.
-- severity: warn
-- needs: index
-- examines: indexed files
--
-- The backend opens files by these paths. It sees one folder; entries of another lead to nothing until it starts again
-- and indexes their files anew.
--
-- Usually: The data directory was mounted at another place. Restart the backend, and wait.
--
-- Not covered: which of the folders the backend sees.
SELECT file, folder_names AS folder, folders AS files
FROM studio_index
WHERE folders > 1 AND NOT is_of_another_store
ORDER BY file
