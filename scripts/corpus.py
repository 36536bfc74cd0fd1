"""Asks DuckDB the questions of the corpus and compares its answers with ours: see scripts/corpus."""

import datetime
import json
import re
import sys
from pathlib import Path

import duckdb


def cell(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        mantissa, exponent = f"{value:.9e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value)


def in_duckdb(sql):
    """The few words that the two write differently."""
    sql = sql.replace("octet_length(", "strlen(")
    # `->>` binds more loosely there than comparisons.
    return re.sub(r"((?:[ab]\.)?attributes) ->> ('[^']*')", r"(\1 ->> \2)", sql)


def main(folder):
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    # Counts are signed: in unsigned ones a difference below zero is an error there.
    counts = "span_kind status_code trace_flags dropped_attributes_count".split()
    cast = [f"CAST({name} AS BIGINT) AS {name}" for name in counts]
    cast += [f"CAST({name} AS TIMESTAMP) AS {name}" for name in ("start_time", "end_time")]
    base.execute(
        f"CREATE TABLE stored_spans AS SELECT * REPLACE ({', '.join(cast)}) FROM read_parquet(?)",
        [str(folder / "rows.parquet")],
    )
    asked, differing = 0, []
    for line in (folder / "questions.ndjson").read_text().splitlines():
        question = json.loads(line)
        asked += 1
        try:
            rows = base.execute(in_duckdb(question["sql"])).fetchall()
        except duckdb.Error as err:
            differing.append((question["sql"], f"DuckDB: {err}"))
            continue
        found = ["|".join(map(cell, row)) for row in rows]
        if not question["ordered"]:
            # By bytes, as Rust sorts.
            found.sort(key=str.encode)
        if found != question["rows"]:
            first = [pair for pair in zip(question["rows"], found) if pair[0] != pair[1]][:2]
            differing.append((question["sql"], f"{len(question['rows'])} rows here, {len(found)} there, {first}"))
    for sql, why in differing:
        print(f"{sql}\n  {why}")
    print(f"{asked} questions, {len(differing)} answered otherwise by DuckDB {duckdb.__version__}")
    return 1 if differing else 0


sys.exit(main(Path(sys.argv[1])))
