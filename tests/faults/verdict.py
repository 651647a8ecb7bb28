"""What must be true when a history has ended. Each function returns what is not, as sentences."""

from __future__ import annotations

import csv
import io
import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import zstandard

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.mart import load_mart
from redshift_etl.lake.storage import Lake
from redshift_etl.marts import build as marts
from redshift_etl.window import Window, aware_utc
from tests.faults import truth
from tests.faults.plan import WINDOWS, History
from tests.faults.reader import LONGEST_WAIT_SECONDS, Seen
from tests.faults.source import Source
from tests.faults.tables import KINDS, MART
from tests.faults.truth import Loaded, Row
from tests.faults.worker import GONE

_HISTORY = """SELECT load_kind, table_name, run_id, load_id, window_start, window_end, extracted_at, manifest,
    rows_after
FROM etl.load_history WHERE table_name = 'core.items' OR table_name LIKE 'etl_shadow.%' ORDER BY committed_at"""


_COUNTED = """SELECT load_id, rows_after - inserted + deleted, LAG(rows_after) OVER (ORDER BY committed_at)
FROM etl.load_history WHERE table_name = 'core.items' ORDER BY committed_at"""


def counts_add_up(target: Any) -> list[str]:
    """The rows before each load, plus those inserted, less those deleted, are the rows after it."""
    wrong = [load_id for load_id, before, counted in target.rows(_COUNTED) if before != (counted or 0)]
    return [f"the counts of loads do not add up: {wrong}"] if wrong else []


def loads(target: Any, lake: Lake) -> list[Loaded]:
    """The committed loads, in order, with the rows of their files."""
    contract = contracts.load("core.items")
    found = []
    for kind, table, run_id, load_id, start, end, extracted_at, manifest, rows_after in target.rows(_HISTORY):
        window = Window(aware_utc(start), aware_utc(end)) if start else None
        columns = contract.key if kind == "hard_deletes" else contract.staged.column_names
        rows = _rows(lake, manifest, contract, columns, header=kind == "hard_deletes") if manifest else ()
        found.append(Loaded(kind, table, run_id, load_id, window, extracted_at, rows, rows_after))
    return found


def _rows(lake: Lake, manifest: str, contract: Contract, columns: Sequence[str], *, header: bool) -> tuple[Row, ...]:
    types = [contract.column(name).type.name for name in columns]
    key = manifest.removeprefix(lake.location.url(lake.location.key(""))).lstrip("/")
    rows: list[Row] = []
    for entry in lake.read_manifest(key):
        body = _body(lake, *entry.object)
        text = zstandard.ZstdDecompressor().decompressobj().decompress(body).decode()
        lines = list(csv.reader(io.StringIO(text, newline="")))[1 if header else 0 :]
        rows += [
            tuple(truth.parse(None if value == "\\N" else value, kind) for value, kind in zip(line, types, strict=True))
            for line in lines
        ]
    return tuple(rows)


def _body(lake: Lake, bucket: str, name: str) -> bytes:
    try:
        response = lake.client.get_object(Bucket=bucket, Key=name)
    except lake.client.exceptions.NoSuchKey:  # a later try deleted it
        response = lake.client.get_object(Bucket=bucket, Key=f"{name}{GONE}")
    return bytes(response["Body"].read())


def history_matches(committed: Sequence[Loaded], table: list[Row], kind: str) -> tuple[list[list[Row]], list[str]]:
    """The states of the table by the model, and where the history or the table differs from it."""
    states, wrong = truth.states(kind, committed)
    twice = [load_id for load_id, times in Counter(load.load_id for load in committed).items() if times > 1]
    if twice:
        wrong.append(f"the history has a load more than once: {twice}")
    if table != states[-1]:
        wrong.append(f"the table is not what its loads make it: {_difference(table, states[-1])}")
    return states, wrong


def _difference(found: Sequence[Row], expected: Sequence[Row]) -> str:
    more, less = Counter(found) - Counter(expected), Counter(expected) - Counter(found)
    return f"too many {list(more.elements())[:3]}, missing {list(less.elements())[:3]}"


def reader_saw_only(states: Sequence[list[Row]], seen: Seen) -> list[str]:
    """Each state that a reader saw must be one after a whole number of loads, and none older than the one before."""
    place = 0
    for rows in seen.states:
        later = next((at for at in range(place, len(states)) if states[at] == rows), None)
        if later is None:
            return [f"a reader saw what no load left behind, after {place} loads: {_difference(rows, states[place])}"]
        place = later
    if seen.longest > LONGEST_WAIT_SECONDS:
        return [f"a reader waited for {seen.longest:.1f} s"]
    return []


def runs_are_recorded(history: History, committed: Sequence[Loaded]) -> list[str]:
    """Each run that loads has left its row."""
    there = {load.run_id for load in committed}
    missing = [run.number for run in history.runs if run.action == "load" and f"run-{run.number}" not in there]
    return [f"runs that succeeded are not in the history: {missing}"] if missing else []


def errors_are_transient(history: History, errors: Path) -> list[str]:
    """What was lost on the way is tried again; only a file that is gone needs a person."""
    lines = map(json.loads, errors.read_text().splitlines()) if errors.exists() else ()
    planned = {f"run-{run.number}": {fault.kind for faults in run.tries for fault in faults} for run in history.runs}
    wrong = [line for line in lines if not line["transient"] and "copy_file_gone" not in planned[line["run"]]]
    return [f"an error needs a person: {wrong[0]}"] if wrong else []


def table_is_source(history: History, source: Source, table: list[Row]) -> list[str]:
    """The table after the last runs has what the source has."""
    kind = history.kind
    expected = _EXPECTED[kind](source, table) if kind in _EXPECTED else None
    if expected is None or Counter(expected[0]) == Counter(expected[1]):
        return []
    return [f"the table is not the source's: {_difference(expected[0], expected[1])}"]


Pair = tuple[list[Row], list[Row]]


def _incremental(source: Source, table: list[Row]) -> Pair:
    rows = source.rows("code, changed_at, day, amount, name, deleted_at")
    codes = {row[0] for row in rows}
    return [row for row in table if row[0] in codes or row[5] is None], rows


def _refresh(source: Source, table: list[Row]) -> Pair:
    return table, source.rows("code, amount, name")


def _append(source: Source, table: list[Row]) -> Pair:
    end = KINDS["append"].window(WINDOWS).end.replace(tzinfo=None) - timedelta(minutes=15)
    return table, [row for row in source.rows("code, changed_at, amount") if row[1] < end]


def _partition(source: Source, table: list[Row]) -> Pair:
    return table, source.rows("day, code, amount")


def _changes(source: Source, table: list[Row]) -> Pair:
    return [row[:4] for row in table if row[-1]], source.rows("code, changed_at, amount, deleted_at")


def _copies(source: Source, table: list[Row]) -> Pair:
    return [row[:2] for row in table if row[-1]], source.rows("code, amount")


_EXPECTED = {
    "incremental": _incremental, "full_refresh": _refresh, "append": _append, "partition": _partition,
    "changes": _changes, "copies": _copies,
}  # fmt: skip


def mart_is_recomputed(target: Any) -> list[str]:
    """No day of the mart is stale, and its rows are those that its SELECT gives now."""
    mart = load_mart(MART)
    stale = marts.find_stale(target.connect, mart)
    if stale:
        return [f"days of the mart are stale after its last build: {stale}"]
    select = mart.select.replace("AND day IN (:days)", "")
    found, expected = target.rows("SELECT day, items, amount FROM mart.items_day"), target.rows(select)
    return [] if Counter(found) == Counter(expected) else [f"the mart differs: {_difference(found, expected)}"]


def nothing_is_left(target: Any, admin: str, database: str) -> list[str]:
    """No session, lock or shadow is left behind. A session that was cut ends when its server notices."""
    wrong = []
    shadows = target.rows(
        "SELECT c.relname FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'etl_shadow'"
    )
    if shadows:
        wrong.append(f"shadows are left behind: {shadows}")
    deadline = time.monotonic() + 10
    with psycopg.connect(admin, autocommit=True) as connection:
        while sessions := connection.execute(
            "SELECT pid, state, query FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'",
            [database],
        ).fetchall():
            if time.monotonic() > deadline:
                return [*wrong, f"sessions are left behind: {sessions}"]
            time.sleep(0.02)
    return wrong
