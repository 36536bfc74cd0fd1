#!/usr/bin/env python3
"""Judges damaged stores by structure, in plain SQL over stored rows, and compares that with what an audit found.

The queries know the rules of docs/checks.md and nothing of the audit: rows are read by DuckDB and pyarrow, relations
are joins and windows over the whole store.
"""

import json
import pathlib
import sys
import time
from collections import Counter

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

COLUMNS = {
    "trace_id": pa.string(), "span_id": pa.string(), "parent_span_id": pa.string(), "service_name": pa.string(),
    "name": pa.string(), "span_kind": pa.int64(), "start_time": pa.int64(), "end_time": pa.int64(),
    "duration_ns": pa.int64(), "status_code": pa.int64(), "status_message": pa.string(), "attributes": pa.string(),
    "events": pa.string(), "links": pa.string(), "trace_flags": pa.int64(), "trace_state": pa.string(),
    "dropped_attributes_count": pa.int64(), "dropped_events_count": pa.int64(), "dropped_links_count": pa.int64(),
    "resource_attributes": pa.string(), "resource_dropped_attributes_count": pa.int64(),
}

TEXT = "CASE WHEN kind({0}) = 'OBJECT' AND json_type(sound({0}), '$.\"{1}\"') = 'VARCHAR' " \
       "THEN sound({0}) ->> '$.\"{1}\"' END"


def text(column: str, key: str) -> str:
    return TEXT.format(column, key)


# A row with what it says of itself. `own` and `owner` are the Junjo execution that it is, and the one that runs it.
ROWS = f"""
-- DuckDB refuses a text that is no JSON, and asks all sides of an AND.
CREATE MACRO sound(json) AS CASE WHEN json_valid(json) THEN json END;
CREATE MACRO kind(json) AS json_type(sound(json));

CREATE TABLE rows AS
SELECT *,
       regexp_full_match(parent_span_id, '.*') AND parent_span_id <> '0000000000000000' AS has_parent,
       {text("attributes", "e2e.service")} AS tagged,
       {text("resource_attributes", "service.name")} AS resource_service,
       {text("resource_attributes", "service.instance.id")} AS instance,
       {text("attributes", "junjo.span_type")} AS span_type,
       coalesce({text("attributes", "junjo.executable_runtime_id")}, {text("attributes", "junjo.id")}) AS own,
       coalesce({text("attributes", "junjo.parent_executable_runtime_id")}, {text("attributes", "junjo.parent_id")})
           AS executed_by,
       {text("attributes", "junjo.agent.runtime_id")} AS agent,
       coalesce(json_exists(sound(attributes), '$."junjo.id"'), false) AS legacy,
       trace_flags & 512 <> 0 AS remote,
       (tier = 'wal') AS in_wal,
       -- The audit sorts what is no id behind all ids.
       NOT regexp_full_match(span_id, '[0-9a-f]{{16}}') AS odd
FROM stored
"""

KIN = """
CREATE TABLE spans AS
SELECT *, CASE WHEN own IS NULL THEN agent ELSE executed_by END AS owner,
       CASE WHEN span_type IN ('workflow', 'subflow', 'node', 'run_concurrent', 'agent') THEN span_type
            WHEN own IS NULL AND agent IS NOT NULL THEN 'operation' ELSE 'other' END AS kind,
       row_number() OVER (PARTITION BY trace_id, span_id ORDER BY in_wal, file, row_number) AS copy,
       count(*) OVER (PARTITION BY trace_id, span_id) AS copies,
       row_number() OVER (PARTITION BY trace_id, span_id ORDER BY in_wal DESC, file DESC, row_number DESC) AS copy_back
FROM rows;

-- Beside each row its parent: the first copy of it in the same trace.
CREATE TABLE kin AS
SELECT child.*, parent.span_id IS NOT NULL AS parent_here, parent.service_name AS parent_service,
       parent.resource_service AS parent_resource, parent.start_time AS parent_start, parent.end_time AS parent_end,
       parent.own AS parent_own, parent.owner AS parent_owner, parent.kind AS parent_kind, parent.legacy AS parent_legacy,
       (SELECT count(*) FROM spans other WHERE other.span_id = child.parent_span_id
            AND regexp_full_match(other.span_id, '[0-9a-f]{16}') AND other.span_id <> '0000000000000000') > 0
           AS parent_anywhere
FROM spans child
LEFT JOIN spans parent
       ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id AND parent.copy = 1
          AND child.has_parent;

-- What the trace of a row that lacks its parent knows of it.
CREATE TABLE orphans AS
SELECT kin.*, owner.own IS NOT NULL AS owner_here,
       CASE WHEN NOT kin.has_parent OR kin.parent_here OR coalesce(kin.owner, '') = '' THEN NULL
            WHEN owner.own IS NULL THEN 'named'
            WHEN NOT owner.legacy AND owner.kind NOT IN ('run_concurrent', 'node')
                 AND kin.kind NOT IN ('workflow', 'agent') THEN 'closed' END AS witness
FROM kin
LEFT JOIN (SELECT trace_id, own, arg_max(kind, place) AS kind, arg_max(legacy, place) AS legacy
           FROM (SELECT *, row_number() OVER (PARTITION BY trace_id ORDER BY span_id, in_wal, file, row_number) AS place
                 FROM spans WHERE own <> '')
           GROUP BY trace_id, own) owner
       ON owner.trace_id = kin.trace_id AND owner.own = kin.owner;

-- Whoever is an ancestor of itself, but for one who names itself.
CREATE TABLE cycles AS
WITH RECURSIVE up AS (
    SELECT trace_id, span_id AS below, parent_span_id AS above FROM spans
    WHERE copy = 1 AND has_parent AND parent_span_id <> span_id
    UNION
    SELECT up.trace_id, up.below, spans.parent_span_id
    FROM up JOIN spans ON spans.trace_id = up.trace_id AND spans.span_id = up.above
    WHERE spans.copy = 1 AND spans.has_parent AND spans.parent_span_id <> spans.span_id
)
SELECT DISTINCT trace_id, below AS span_id FROM up WHERE below = above;

CREATE TABLE traces AS
SELECT trace_id,
       count(*) FILTER (WHERE copy = 1 AND NOT coalesce(has_parent, false)) AS roots,
       count(DISTINCT coalesce(service_name, chr(0)))
           FILTER (WHERE resource_service IS NULL OR resource_service = service_name) AS services,
       count(*) FILTER (WHERE copy = 1 AND has_parent AND NOT parent_here AND remote) AS remote_orphans,
       count(*) FILTER (WHERE copy = 1 AND has_parent AND NOT parent_here AND witness = 'named' AND remote IS NOT TRUE)
           AS named_owners,
       count(*) FILTER (WHERE has_parent AND NOT parent_here AND parent_anywhere) AS parents_elsewhere,
       arg_min(service_name, (odd, span_id)) FILTER (WHERE copy = 1 AND NOT coalesce(has_parent, false)) AS root_service,
       count(*) FILTER (WHERE EXISTS (SELECT 1 FROM cycles c WHERE c.trace_id = orphans.trace_id)) > 0 AS has_cycle,
       max(end_time) AS ended
FROM orphans GROUP BY trace_id
"""

EVENTS = """
CREATE TABLE events AS
SELECT file, row_number,
       -- A time from 2^63 ns on is negative in the columns, and so beside them.
       CAST(event ->> '$.timeUnixNano' AS HUGEINT)
           - CASE WHEN CAST(event ->> '$.timeUnixNano' AS HUGEINT) >= 9223372036854775808 THEN 18446744073709551616
                  ELSE 0 END AS happened
FROM (SELECT file, row_number, unnest(CAST(json_extract(sound(events), '$[*]') AS JSON[])) AS event FROM rows
      WHERE kind(events) = 'ARRAY')
WHERE json_type(event) = 'OBJECT' AND regexp_full_match(event ->> '$.timeUnixNano', '[0-9]{1,20}')
"""

DAY, HOUR, SETTLE = 86_400_000_000_000, 3_600_000_000_000, 10_000_000_000
LATE = 946_684_800_000_000_000

# For each check, the rows, spans, traces or services that break it, as `what` in the words of the audit's findings.
PLACE = "file || ' ' || row_number"
NO_DIFFERENCE = "count(DISTINCT row_text) = 1"
CHECKS = {
    "duplicate_spans": f"""
        SELECT trace_id || ' ' || span_id FROM copies WHERE copies > 1 AND same AND NOT (copies = 2 AND in_wal = 1)""",
    "overlapping_spans": "SELECT trace_id || ' ' || span_id FROM copies WHERE copies = 2 AND in_wal = 1 AND same",
    "conflicting_duplicates": "SELECT trace_id || ' ' || span_id FROM copies WHERE copies > 1 AND NOT same",
    "self_parents": f"SELECT {PLACE} FROM rows WHERE has_parent AND parent_span_id = span_id",
    "parent_cycles": f"""
        SELECT {PLACE} FROM spans JOIN cycles USING (trace_id, span_id) WHERE copy = 1
           OR (has_parent AND false)""",
    "parent_in_other_trace": f"SELECT {PLACE} FROM kin WHERE has_parent AND NOT parent_here AND parent_anywhere",
    "several_roots": "SELECT trace_id FROM traces WHERE roots > 1",
    "rootless_traces": f"""
        SELECT trace_id FROM traces WHERE roots = 0 AND named_owners > 0 AND remote_orphans = 0 AND parents_elsewhere = 0
        AND NOT has_cycle AND ended < now - {DAY}""",
    "mixed_service_traces": "SELECT trace_id FROM traces WHERE services > 1",
    "orphan_spans": f"""
        SELECT {PLACE} FROM orphans JOIN traces USING (trace_id)
        WHERE has_parent AND NOT parent_here AND NOT parent_anywhere AND remote IS NOT TRUE
          AND ((witness = 'closed' AND traces.ended < now - {SETTLE})
            OR (witness = 'named' AND (roots > 0 OR remote_orphans > 0) AND traces.ended < now - {DAY}))""",
    "unresolved_parents": f"""
        SELECT {PLACE} FROM orphans JOIN traces USING (trace_id)
        WHERE has_parent AND NOT parent_here AND NOT parent_anywhere AND remote IS NOT TRUE
          AND (witness IS NULL OR (witness = 'named' AND traces.ended >= now - {DAY}))
          AND (remote = false OR roots > 0 OR witness IS NOT NULL) AND traces.ended < now - {HOUR}""",
    "running_parents": f"""
        SELECT {PLACE} FROM orphans JOIN traces USING (trace_id)
        WHERE has_parent AND NOT parent_here AND NOT parent_anywhere AND remote IS NOT TRUE
          AND witness IS DISTINCT FROM 'closed'
          AND (remote = false OR roots > 0 OR witness IS NOT NULL) AND traces.ended >= now - {HOUR}""",
    "remote_parents": f"""
        SELECT {PLACE} FROM orphans JOIN traces USING (trace_id)
        WHERE has_parent AND NOT parent_here AND NOT parent_anywhere AND traces.ended < now - {SETTLE}
          AND (remote OR (remote IS NULL AND roots = 0 AND witness IS NULL))""",
    "polluted_service_name": f"""
        SELECT {PLACE} FROM rows WHERE tagged IS NOT NULL AND tagged IS DISTINCT FROM service_name
        AND (resource_service IS DISTINCT FROM service_name OR service_name IS NULL)""",
    "polluted_attributes": f"SELECT {PLACE} FROM rows WHERE tagged <> service_name AND resource_service = service_name",
    "polluted_resource": f"""
        SELECT {PLACE} FROM rows WHERE tagged = service_name AND resource_service IS DISTINCT FROM tagged
        AND resource_service IS DISTINCT FROM 'the last is not the name'""",
    "service_mismatch": f"""
        SELECT {PLACE} FROM rows WHERE tagged IS NULL AND service_name IS DISTINCT FROM resource_service
        AND (resource_service IS NOT NULL OR service_name <> '')
        AND kind(resource_attributes) = 'OBJECT'""",
    "child_of_other_service": f"""
        SELECT {PLACE} FROM kin WHERE parent_here AND coalesce(owner, '') <> '' AND (owner = parent_own OR owner = parent_owner)
        AND parent_service <> service_name AND service_name = resource_service AND parent_service = parent_resource
        AND (tagged IS NULL OR tagged = service_name)""",
    "shared_instances": """
        SELECT instance FROM rows WHERE instance IS NOT NULL AND service_name = resource_service
        GROUP BY instance HAVING count(DISTINCT service_name) > 1""",
    "unnamed_services": """
        SELECT concat_ws(' ', coalesce(resource_service, '-'), coalesce(instance, '-')) FROM rows
        WHERE service_name = '' AND coalesce(resource_service, '') = '' GROUP BY resource_service, instance""",
    "malformed_ids": f"""
        SELECT {PLACE} FROM rows WHERE NOT regexp_full_match(trace_id, '[0-9a-f]{{32}}') OR regexp_full_match(trace_id, '0{{32}}')
        OR NOT regexp_full_match(span_id, '[0-9a-f]{{16}}') OR regexp_full_match(span_id, '0{{16}}')
        OR NOT regexp_full_match(parent_span_id, '[0-9a-f]{{16}}')""",
    "invalid_json": f"""
        SELECT {PLACE} FROM rows WHERE kind(attributes) IS DISTINCT FROM 'OBJECT'
        OR kind(resource_attributes) IS DISTINCT FROM 'OBJECT'
        OR kind(events) IS DISTINCT FROM 'ARRAY'
        OR (links IS NOT NULL AND kind(links) IS DISTINCT FROM 'ARRAY')""",
    "inverted_intervals": f"SELECT {PLACE} FROM rows WHERE end_time < start_time",
    "wrong_durations": f"""
        SELECT {PLACE} FROM rows WHERE CAST(end_time AS HUGEINT) - start_time - duration_ns
            NOT IN (0, 18446744073709551616, -18446744073709551616)""",
    "times_out_of_range": f"""
        SELECT {PLACE} FROM rows WHERE start_time < {LATE} OR end_time < {LATE}
        OR start_time > now + {DAY} OR end_time > now + {DAY}""",
    "events_outside_spans": f"""
        SELECT DISTINCT {PLACE} FROM rows JOIN events USING (file, row_number) WHERE start_time <= end_time
        AND (happened < start_time OR (happened > end_time AND (own IS NOT NULL OR agent IS NOT NULL)))""",
    "children_outside_parents": f"""
        SELECT {PLACE} FROM kin WHERE parent_here AND coalesce(owner, '') <> '' AND (owner = parent_own OR owner = parent_owner)
        AND parent_service = service_name
        AND (start_time < parent_start OR (end_time > parent_end AND kind NOT IN ('workflow', 'agent')
             AND NOT (parent_legacy AND parent_kind = 'run_concurrent')))
        AND (trace_id, span_id) NOT IN (SELECT (trace_id, span_id) FROM cycles)
        AND start_time <= end_time AND parent_start <= parent_end""",
    "llm_elsewhere": f"""
        SELECT {PLACE} FROM spans JOIN traces USING (trace_id) WHERE root_service <> service_name AND copy = 1
        AND CASE WHEN kind(attributes) = 'OBJECT' THEN
             coalesce(sound(attributes) ->> '$."openinference.span.kind"' = 'LLM', false)
             OR coalesce(sound(attributes) -> '$."gen_ai.provider.name"', 'null') NOT IN ('null', '""', '0', 'false', '[]', '{{}}')
             OR coalesce(sound(attributes) -> '$."gen_ai.operation.name"', 'null') NOT IN ('null', '""', '0', 'false', '[]', '{{}}')
            ELSE false END""",
}

# Which column of a finding says the same. Any row may stand for its trace.
BY_SPAN = {"duplicate_spans", "overlapping_spans", "conflicting_duplicates"}
BY_TRACE = {"several_roots", "rootless_traces", "mixed_service_traces"}


def found(report: dict) -> dict[str, Counter]:
    all_found = {}
    for check in report["checks"]:
        if check["verdict"] == "broken":
            raise SystemExit(f"{check['id']} is broken")
        if check["id"] not in CHECKS:
            continue
        what = Counter()
        for sample in check.get("samples", []):
            if check["id"] in BY_SPAN:
                key = f"{sample['trace_id']} {sample['span_id']}"
            elif check["id"] in BY_TRACE:
                key = sample["trace_id"]
            elif check["id"] == "shared_instances":
                key = sample["instance_id"]
            elif check["id"] == "unnamed_services":
                key = f"{sample.get('resource_service') or '-'} {sample.get('instance_id') or '-'}"
            else:
                key = f"{sample['file']} {sample['row_number']}"
            what[key] += 1
        all_found[check["id"]] = what
    return all_found


def stored(spans: pathlib.Path) -> pa.Table:
    tables = []
    for file in sorted(spans.rglob("*.parquet")) + sorted(spans.rglob("*.ipc")):
        if file.suffix == ".ipc":
            table, tier = pa.ipc.open_stream(file).read_all(), "wal"
        else:
            table, tier = pa.parquet.ParquetFile(file).read(), "cold"
        columns = {"tier": pa.array([tier] * len(table)), "row_number": pa.array(range(len(table)), pa.int64())}
        columns["file"] = pa.array([str(file.relative_to(spans))] * len(table))
        for name, kind in COLUMNS.items():
            if name in table.column_names:
                columns[name] = table[name].cast(pa.int64() if kind == pa.int64() else kind)
            else:
                columns[name] = pa.nulls(len(table), kind)
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def judged(spans: pathlib.Path, now: int) -> dict[str, Counter]:
    engine = duckdb.connect()
    engine.execute("SET threads = 1")
    engine.register("stored", stored(spans))
    engine.execute(ROWS)
    engine.execute(KIN)
    engine.execute(EVENTS)
    values = ", ".join(name for name in COLUMNS)
    engine.execute(f"""
        CREATE TABLE copies AS SELECT trace_id, span_id, count(*) AS copies, count(*) FILTER (WHERE in_wal) AS in_wal,
               count(DISTINCT to_json(({values}))) = 1 AS same
        FROM rows GROUP BY trace_id, span_id""")
    answers = {}
    for check, query in CHECKS.items():
        query = query.replace("now ", f"{now} ")
        answers[check] = Counter(row[0] for row in engine.execute(query).fetchall())
    return answers


def main() -> None:
    folder, page = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    stores, agreed, findings, wrong = 0, 0, Counter(), []
    for store in sorted(folder.iterdir()):
        ours = found(json.loads((store / "report.json").read_text()))
        theirs = judged(store / "spans", int((store / "now").read_text()))
        stores += 1
        for check, their in theirs.items():
            mine = ours[check]
            findings[check] += sum(mine.values())
            if mine == their:
                agreed += 1
            else:
                wrong.append((store.name, check, mine - their, their - mine))
    for store, check, mine, their in wrong[:200]:
        print(f"{store} {check}: only the audit: {list(mine)[:3]} ({len(mine)}), only here: {list(their)[:3]} ({len(their)})")
    by_check = Counter(check for _, check, _, _ in wrong)
    print(f"{stores} stores, {len(CHECKS)} checks: {agreed} agree, {len(wrong)} do not: {dict(by_check)}")
    lines = [
        "## A second opinion", "", "<!-- Made by `scripts/second_opinion`. Do not edit. -->", "",
        f"The rules of {len(CHECKS)} checks that judge by structure, in plain SQL for DuckDB over stored rows, beside audits of "
        "randomly damaged stores: columns of any row changed, exchanged between rows, rows lost and stored twice.", "",
        "| figure | |", "|---|---|", f"| stores | {stores:,} |".replace(",", " "),
        f"| findings compared | {sum(findings.values()):,} |".replace(",", " "),
        f"| disagreements | {len(wrong)} |", "", "| check | findings | disagreements |", "|---|---|---|",
    ]
    lines += [f"| {check} | {findings[check]:,} | {by_check[check]} |".replace(",", " ") for check in CHECKS]
    page.write_text("\n".join(lines) + "\n")
    sys.exit(1 if wrong else 0)


main()
