-- The index of a file leads to all of its traces, services and lists.
-- severity: error
-- needs: index
-- examines: decoded Parquet files
-- query: hidden_spans
--
-- Each page has a table of its own: `trace_files` opens a trace, `file_services` lists services and their spans,
-- `workflow_files` and `agent_files` their executions, and `llm_traces` what is under LLM. An entry that is missing hides
-- spans in that one place, and the others show them; it is never repaired.
--
-- Usually: The database was damaged and repaired, or edited. Stop the backend, move `sqlite/metadata.db` away, and start
-- it again: it indexes all files anew, ten every 30 s.
--
-- Not covered: agents in files that were indexed before studio 0.82 (see unlisted_agents), files that changed since they
-- were indexed (see changed_files), and entries too many, which open empty pages (see index_differences).
SELECT tier, file, entry, service_name, trace_id, spans
FROM index_differences
WHERE is_missing AND NOT before_upgrade
ORDER BY file, entry, service_name, trace_id
