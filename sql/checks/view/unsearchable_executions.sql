-- The lists of workflows and agents find what they list.
-- severity: warn
-- examines: stored rows
-- query: around_row
--
-- They search attributes for the compact text `"junjo.span_type":"workflow"`, or `"agent"`. A row that says the same with
-- spaces is in no such list, although the index leads to its file.
--
-- Usually: Another program rewrote the file. Its traces open by their ids.
--
-- Not covered: rows whose attributes are no JSON (see invalid_json).
SELECT tier, file, row_number, service_name, trace_id, span_id, cause
FROM hidden_rows
WHERE cause IN ('workflow_list', 'agent_list')
ORDER BY file, row_number
