-- A trace belongs to one service.
-- severity: info
-- scope: trace
-- examines: traces judged by structure
-- query: shared_traces
--
-- Distributed tracing exists for traces of several services. If your services never call each other, such a trace is
-- the first sign of pollution.
--
-- Usually: One service calls another. If yours do not, look at the trace, and at service_mismatch and
-- child_of_other_service.
--
-- Not covered: traces of known runs, whose services are compared with their plan.
SELECT tier, file, row_number, trace_id, service_name, services, spans, start_time
FROM unplanned_traces
WHERE services > 1
ORDER BY file, row_number
