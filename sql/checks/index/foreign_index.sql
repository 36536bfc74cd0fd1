-- The index is that of this store.
-- severity: error
-- needs: index
-- examines: indexed files
--
-- No path of the index leads to a file here. Until the backend starts again, no page finds anything; then it deletes all
-- entries and indexes the files here, ten every 30 s.
--
-- Usually: The database was copied from another studio, or the cold files were moved. Restart the backend, and wait.
--
-- Not covered: an index that knows nothing at all (see unread_folder), and paths that lead here from several folders
-- (see several_index_folders).
SELECT file, folder_names AS folder, indexed_files AS files, cold_files AS cold
FROM studio_index
WHERE is_of_another_store
ORDER BY file
