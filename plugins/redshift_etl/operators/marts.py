"""Finds the stale days of a mart and builds them, a bounded batch of days a task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import run_of
from redshift_etl.operators.lineage import LineageMixin
from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.lineage.openlineage import Lineage

DAYS_A_TASK = 31
MAX_TASKS = 64
XCOM_BYTES = 4096
_DAY = timedelta(days=1)


class FindStaleDaysOperator(BaseOperator):
    """Queries which days of ``mart`` are stale, or takes those of the trigger form.

    Returns a list of batches of days, oldest first, for ``BuildMartOperator.partial(...).expand(days=...)``. Days in
    a row are one text, ``first/last`` (ISO 8601, both included): the XCom stays small.
    """

    ui_color = "#f3e9cd"

    def __init__(self, *, mart: str, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mart = mart
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> list[list[str]]:
        """The batches of days to build."""
        from redshift_etl import window
        from redshift_etl.contracts.mart import load_mart
        from redshift_etl.marts import build as marts
        from redshift_etl.warehouse import migrate

        connect = warehouse(self.redshift_conn_id)
        migrate.ensure(connect, self.mart)
        forced = window.from_form(context["params"], context["dag"])
        days: Sequence[date] = forced.days if forced else marts.find_stale(connect, load_mart(self.mart))
        self.log.info("%s: %d days to build%s", self.mart, len(days), ", by the dates of the form" if forced else "")
        return batches_of_form(days) if forced else batches(days)


class BuildMartOperator(LineageMixin, BaseOperator):
    """Writes, audits and publishes some days of ``mart`` in one transaction."""

    template_fields = ("days",)
    ui_color = "#d7ecd9"

    def __init__(self, *, mart: str, days: Any, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mart = mart
        self.days = days
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """Build the days; returns rows by day."""
        from redshift_etl.checks import run as audit
        from redshift_etl.contracts.mart import load_mart
        from redshift_etl.marts import build as marts

        days = days_of(self.days)
        connect, mart, run = warehouse(self.redshift_conn_id), load_mart(self.mart), run_of(context)
        checks = audit.of(connect, mart.contract, run, rows=marts.BUILD)
        return marts.build(connect, mart, days, run, [checks.stage], [checks.result])

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.built(self.mart, self.redshift_conn_id)


def batches(days: Sequence[date]) -> list[list[str]]:
    """Days, in order, cut into at most MAX_TASKS batches of under XCOM_BYTES together.

    What is left over is still stale at the next wake-up.
    """
    found: list[list[str]] = []
    for at in range(0, min(len(days), DAYS_A_TASK * MAX_TASKS), DAYS_A_TASK):
        more = [*found, _texts(days[at : at + DAYS_A_TASK])]
        if len(json.dumps(more)) >= XCOM_BYTES:
            break
        found = more
    return found


def batches_of_form(days: Sequence[date]) -> list[list[str]]:
    """The same of the form's days, none left over: they are not stale. Raises FormError when they are too many."""
    from redshift_etl.errors import FormError

    most = DAYS_A_TASK * MAX_TASKS
    if len(days) > most:
        raise FormError(
            f"The form names {len(days)} days, and a run builds {most} at most.",
            fix="start a run for each part of them",
            start=str(days[0]),
            end=str(days[-1]),
        )
    return batches(days)


def days_of(batch: Iterable[str]) -> list[date]:
    """The days of a batch."""
    found: list[date] = []
    for text in batch:
        first, _, last = text.partition("/")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        found += [day + _DAY * number for number in range((end - day).days + 1)]
    return found


def _texts(days: Sequence[date]) -> list[str]:
    rows: list[list[date]] = []
    for day in days:
        if rows and day - rows[-1][-1] == _DAY:
            rows[-1].append(day)
        else:
            rows.append([day])
    return [f"{row[0]}/{row[-1]}" if len(row) > 1 else str(row[0]) for row in rows]
