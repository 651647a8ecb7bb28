"""Counts rows in the sources and the warehouse, and compares them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta

from redshift_etl.checks import run as checks
from redshift_etl.checks.run import Outcome
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import reconcile_spec
from redshift_etl.contracts.check import RESULT, WARN, Check
from redshift_etl.contracts.reconcile_spec import ReconcileSpec
from redshift_etl.errors import EtlError
from redshift_etl.reconcile import compare as reconcile
from redshift_etl.reconcile.compare import Gap
from redshift_etl.warehouse import history, migrate
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.session import Connect, Session, open_session
from redshift_etl.window import Window, aware_utc

RECONCILED = "reconciled"
"""The check whose failing rows are the days that are missing or short."""

log = logging.getLogger(__name__)

CountSource = Callable[[str, str, datetime, datetime], dict[date, int]]
"""Counts by day: connection, SQL with ``%(start)s`` and ``%(end)s``, and the window (UTC)."""
FileChanged = Callable[[str], datetime]
"""When a landing file was last written (UTC)."""
Days = tuple[date, date]
ChooseDays = Callable[[Sequence[Window], bool], list[Days]]
"""The days to compare, by the windows that were loaded and whether the source can be counted."""


def run(
    connect: Connect,
    count_source: CountSource,
    file_changed: FileChanged,
    form_days: Days | None,
    now: datetime,
    tables: Sequence[str] | None = None,
    *,
    all_loaded: bool = False,
    by: Run | None = None,
) -> tuple[list[str], list[Gap], list[EtlError]]:
    """Compare every table that has a spec. Returns a line a table, the gaps, and the errors of those not compared.

    ``form_days``: first and last day; without it, by table, the weeks before its newest load, or with ``all_loaded``
    the days that were loaded. A table never loaded is reported as such. What was found is a check's outcome of each
    table, recorded as that of the run ``by``, if given.
    """

    def choose(loaded: Sequence[Window], counted: bool) -> list[Days]:
        """The days of a table to compare, by the windows that were loaded."""
        if all_loaded:
            return reconcile.loaded_spans(loaded, now, counted)
        span = reconcile.span(loaded, now, counted)
        return [span] if span else []

    lines: list[str] = []
    gaps: list[Gap] = []
    errors: list[EtlError] = []
    for table in tables or contracts.all_tables():
        plan = reconcile_spec.read(contracts.load(table))
        if plan is None:
            continue
        migrate.ensure(connect, table)
        with open_session(connect, table) as session:
            try:
                line, found = (
                    _file(session, plan, file_changed)
                    if plan.landing
                    else _days(session, plan, count_source, form_days, choose)
                )
            except EtlError as error:  # one source that does not respond must not hide the gaps of the others
                line, found = f"**not compared**: {error.what}", []
                errors.append(error)
            else:
                if by:
                    _record(session, plan, sum(gap.problem in reconcile.REPAIRED for gap in found), by)
        lines.append(f"`{table}`: {line}")
        gaps += found
        log.info("%s", lines[-1])
    return lines, gaps, errors


def _record(session: Session, plan: ReconcileSpec, days: int, by: Run) -> None:
    """As the last outcome of the check, which the Warehouse page shows as days missing."""
    check = Check(RECONCILED, WARN, RESULT, "Its source has no days that it lacks, by the last comparison.", "")
    with session.transaction():
        session.run_step(checks.records(plan.contract.table, [Outcome(check, days)], by))


def _file(session: Session, plan: ReconcileSpec, file_changed: FileChanged) -> tuple[str, list[Gap]]:
    newest = session.value(history.newest_extract(plan.contract.table))
    extracted_at = aware_utc(newest)
    changed = file_changed(plan.landing or "")
    gaps = reconcile.compare_file(plan, changed, extracted_at)
    return f"the file changed {changed:%Y-%m-%d %H:%M}, read {extracted_at or 'never'}; {len(gaps)} differ", gaps


def _days(
    session: Session, plan: ReconcileSpec, count_source: CountSource, form_days: Days | None, choose: ChooseDays
) -> tuple[str, list[Gap]]:
    loaded = history.loaded_windows(session, plan.contract.table)
    spans = [form_days] if form_days else choose(loaded, plan.connection is not None)
    if not spans:
        return "no whole day was loaded" if loaded else "was never loaded", []
    gaps: list[Gap] = []
    there = here = 0
    for first, last in spans:
        source = None
        if plan.connection:
            start, end = datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1)
            source = count_source(plan.connection, plan.sql, start, end)
        counts = {day: int(rows) for day, rows in session.run(reconcile.count_by_day(plan.contract, first, last))}
        gaps += reconcile.compare(plan, first, last, loaded, source, counts)
        there, here = there + sum((source or {}).values()), here + sum(counts.values())
    days = ", ".join(f"{first} to {last}" for first, last in spans)
    counted = f", {there} rows in the source, {here} here" if plan.connection else ""
    return f"{days}{counted}; {len(gaps)} days differ", gaps
