"""Source and warehouse compared by day: missing, short or stale, and the runs that repair it. Pure.

``include/sql/reconcile/<schema>/<table>.sql`` specifies how a table is compared: its ``dag``, and either a SELECT that
counts the source's rows by day of their version (on ``connection``), or the ``landing`` file that it is a copy of, or
neither: then only which windows were loaded.

- missing: the day was never loaded, and the source has rows in it (or cannot be counted);
- short: it was loaded, and the warehouse has fewer rows than the source;
- stale: the source has changed or removed rows of that day since; loading the later days brings them up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from redshift_etl.contracts.model import EXTRACTED_AT, Contract
from redshift_etl.contracts.reconcile_spec import ReconcileSpec
from redshift_etl.warehouse.statement import Statement, column_name, ident
from redshift_etl.window import MAX_DAYS, Window

MISSING, SHORT, STALE = "missing", "short", "stale"
LOOK_BACK = timedelta(days=35)
REPAIRED = (MISSING, SHORT)
_DAY = timedelta(days=1)
_ABOUT_STALE = (
    "Loading the days after a stale day repairs it: the source has changed its rows since. If no later day is missing "
    "or short, the source removes rows without setting its deletion column: docs/hard-deletes.md."
)


@dataclass(frozen=True)
class Gap:
    """A day (None for a whole file) where source and warehouse differ. Counts are None where they cannot be counted."""

    table: str
    dag_id: str
    problem: str
    day: date | None = None
    source: int | None = None
    warehouse: int | None = None


@dataclass(frozen=True)
class Range:
    """Days in a row (UTC) that one run repairs; both included, None for a whole file."""

    dag_id: str
    first: date | None
    last: date | None

    def takes(self, day: date | None) -> bool:
        """Whether the range goes on with this day, and a run may load as many."""
        if not (self.first and self.last and day):
            return False
        return day <= self.last + _DAY and (day - self.first).days < MAX_DAYS

    @property
    def command(self) -> str:
        """What a person types. The days are those of UTC, as the form's: a backfill's are of the DAG's time zone."""
        if self.first is None:
            return f"airflow dags trigger {self.dag_id}"
        return f"airflow dags trigger {self.dag_id} --conf '{json.dumps(self.trigger()['conf'])}'"

    def trigger(self) -> dict[str, object]:
        """The same as arguments of TriggerDagRunOperator."""
        dates = {"start": str(self.first), "end": str(self.last)} if self.first else {}
        return {"trigger_dag_id": self.dag_id, "conf": dates}


def span(loaded: Sequence[Window], now: datetime, counted: bool) -> tuple[date, date] | None:
    """The days that the schedule compares: first and last, or None when nothing was ever loaded.

    From some weeks before the newest load to yesterday. Of a source that cannot be counted nobody knows whether it had
    rows on days that were never loaded: there it is the part of the newest of ``loaded_spans``.
    """
    if not loaded:
        return None
    newest = max(window.end for window in loaded)
    earliest = (min(newest, now) - LOOK_BACK).date()
    if not counted:
        spans = loaded_spans(loaded, now, counted)
        return (max(spans[-1][0], earliest), spans[-1][1]) if spans else None
    first, last = max(min(window.start for window in loaded).date(), earliest), now.astimezone(UTC).date() - _DAY
    return (first, last) if first <= last else None


def loaded_spans(loaded: Sequence[Window], now: datetime, counted: bool) -> list[tuple[date, date]]:
    """The days to compare when a person starts it without dates: first and last of each span that was loaded.

    Whole days up to yesterday. A hole of up to ``LOOK_BACK`` belongs to a span, and so do the days since the newest
    load when they are no more and the source can be counted.
    """
    yesterday, spans = now.astimezone(UTC).date() - _DAY, list[tuple[date, date]]()
    for window in _joined(loaded):
        first = (window.start + _DAY - timedelta(microseconds=1)).date()
        last = min(yesterday, window.end.date() - _DAY)
        if first <= last:
            begins = spans.pop()[0] if spans and first - spans[-1][1] <= LOOK_BACK else first
            spans.append((begins, last))
    if spans and counted and yesterday - spans[-1][1] <= LOOK_BACK:
        spans[-1] = (spans[-1][0], yesterday)
    return spans


def covered(loaded: Iterable[Window], first: date, last: date) -> set[date]:
    """The days that the windows cover from beginning to end, together."""
    spans = _joined(loaded)
    days = (first + _DAY * number for number in range((last - first).days + 1))
    return {day for day in days if any(_contains(span, day) for span in spans)}


def _joined(loaded: Iterable[Window]) -> list[Window]:
    spans: list[Window] = []
    for window in sorted(loaded, key=lambda window: window.start):
        if spans and window.start <= spans[-1].end:
            spans[-1] = Window(spans[-1].start, max(spans[-1].end, window.end))
        else:
            spans.append(window)
    return spans


def _contains(span: Window, day: date) -> bool:
    start = datetime.combine(day, time(), UTC)
    return span.start <= start and start + _DAY <= span.end


def compare(
    plan: ReconcileSpec,
    first: date,
    last: date,
    loaded: Iterable[Window],
    source: Mapping[date, int] | None,
    warehouse: Mapping[date, int],
) -> list[Gap]:
    """The days that differ, oldest first. ``source`` is None when it cannot be counted."""
    known, gaps = covered(loaded, first, last), []
    for number in range((last - first).days + 1):
        day = first + _DAY * number
        there = None if source is None else source.get(day, 0)
        here = warehouse.get(day, 0)
        problem = _problem(day in known, there, here)
        if problem:
            gaps.append(Gap(plan.contract.table, plan.dag_id, problem, day, there, None if source is None else here))
    return gaps


def _problem(loaded: bool, there: int | None, here: int) -> str | None:
    if not loaded:
        return None if there == 0 else MISSING
    if there is None or there == here:
        return None
    return SHORT if here < there else STALE


def compare_file(plan: ReconcileSpec, changed_at: datetime, extracted_at: datetime | None) -> list[Gap]:
    """A landing file against the last load of its table."""
    if extracted_at is None:
        return [Gap(plan.contract.table, plan.dag_id, MISSING)]
    return [Gap(plan.contract.table, plan.dag_id, STALE)] if changed_at > extracted_at else []


def ranges(gaps: Iterable[Gap]) -> list[Range]:
    """What repairs the gaps, days in a row together. A stale day has no command of its own, a stale file has."""
    found: list[Range] = []
    repaired = [gap for gap in gaps if gap.day is None or gap.problem in REPAIRED]
    for gap in sorted(repaired, key=lambda gap: (gap.dag_id, gap.day or date.min)):
        last = found[-1] if found else None
        if last and last.dag_id == gap.dag_id and last.takes(gap.day):
            found[-1] = Range(last.dag_id, last.first, gap.day)
        elif last != Range(gap.dag_id, gap.day, gap.day):
            found.append(Range(gap.dag_id, gap.day, gap.day))
    return found


def report(compared: Sequence[str], gaps: Sequence[Gap], errors: int = 0) -> str:
    """The report, as Markdown. ``errors`` is how many tables could not be compared."""
    lines = ["# Reconciliation", "", *(f"- {line}" for line in compared), ""]
    if not gaps:
        agree = f"The others agree; {errors} could not be compared." if errors else "Source and warehouse agree."
        return "\n".join([*lines, agree, ""])
    lines += ["| table | day | problem | source | warehouse |", "|---|---|---|--:|--:|"]
    for gap in gaps:
        counts = (gap.source if gap.source is not None else "", gap.warehouse if gap.warehouse is not None else "")
        lines.append(f"| {gap.table} | {gap.day or 'whole file'} | {gap.problem} | {counts[0]} | {counts[1]} |")
    commands = [found.command for found in ranges(gaps)]
    if commands:
        lines += ["", "These commands repair it:", "", "```sh", *commands, "```"]
    if any(gap.problem == STALE and gap.day for gap in gaps):
        lines += ["", _ABOUT_STALE]
    return "\n".join([*lines, ""])


def count_by_day(contract: Contract, first: date, last: date) -> Statement:
    """The table's rows by day of their version, without those that a comparison of keys found to be gone.

    Such a row has the read time of the keys as its deletion (``warehouse.tombstones``).
    """
    version, found = column_name(contract.version or ""), ""
    if contract.deleted and contract.column(contract.deleted).type.name == "TIMESTAMP":
        deleted = column_name(contract.deleted)
        found = f"\n    AND ({deleted} IS NULL OR {EXTRACTED_AT} IS NULL OR {deleted} <> {EXTRACTED_AT})"
    return Statement(
        "count the rows by day",
        f"SELECT CAST({version} AS DATE), COUNT(*) FROM {ident(contract.table)}\n"
        f"WHERE {version} >= %s AND {version} < %s{found} GROUP BY 1",
        (datetime.combine(first, time()), datetime.combine(last + _DAY, time())),
    )
