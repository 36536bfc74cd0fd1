-- Spans of a cold file, and whether the studio's index leads to them.
-- param: file: the file, relative to the spans folder, or the end of its path
--
-- A state other than `indexed` holds for all spans of the file; then single entries may be missing.
SELECT span.tier, span.file, span.row_number, file.state, file.cause, span.service_name, span.trace_id, span.span_id,
       span.name, span.start_time,
       trace.entry IS NOT NULL AS lacks_trace, service.entry IS NOT NULL AS lacks_service
FROM stored_spans span
JOIN visible_files file ON file.file = span.file
LEFT JOIN (SELECT file, trace_id, entry FROM index_differences WHERE is_missing AND entry = 'trace_files') trace
    ON trace.file = span.file AND trace.trace_id = span.trace_id
LEFT JOIN (SELECT file, service_name, entry FROM index_differences WHERE is_missing AND entry = 'file_services') service
    ON service.file = span.file AND service.service_name = span.service_name
WHERE ends_with(span.file, $file)
ORDER BY span.file, span.row_number
