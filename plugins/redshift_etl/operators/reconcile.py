"""Compares sources and warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import run_of, slug
from redshift_etl.run_conf import started_by_hand
from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context

MAX_REPAIRS = 20


class ReconcileOperator(BaseOperator):
    """Compares sources and warehouse, and writes a report with the commands that repair the difference.

    Returns the arguments of the runs that repair it, if ``repair`` is set in the trigger form; else an empty list.
    """

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> list[dict[str, object]]:
        """Compare; at most ``MAX_REPAIRS`` runs, oldest first. What is left over differs again tomorrow.

        Raises the error of a table that could not be compared, after the report of the others.
        """
        from redshift_etl import window
        from redshift_etl.errors import TransientError
        from redshift_etl.lake.storage import Lake
        from redshift_etl.reconcile import compare
        from redshift_etl.reconcile import run as compared
        from redshift_etl.reconcile.source_counts import count_by_day, file_changed

        params = context["params"]
        form = window.from_form(params, context["dag"])
        days = (form.days[0], form.days[-1]) if form else None
        connect, lake = warehouse(self.redshift_conn_id), Lake.connect()
        lines, gaps, errors = compared.run(
            connect,
            count_by_day,
            file_changed(lake),
            days,
            datetime.now(UTC),
            all_loaded=started_by_hand(context),
            by=run_of(context),
        )
        text = compare.report(lines, gaps, len(errors))
        run = context["ti"].run_id
        entry = lake.put(f"reconcile/{datetime.now(UTC):%Y-%m-%d}/{slug(run)}.md", text.encode())
        self.log.info("The report is %s\n%s", entry.url, text)
        if errors:  # one that a retry may solve first: the others stay as they are
            raise min(errors, key=lambda error: not isinstance(error, TransientError))
        repairs = [found.trigger() for found in compare.ranges(gaps)][:MAX_REPAIRS]
        if repairs and not params.get("repair"):
            self.log.info("Dry run: %d runs would repair it; `repair` in the form starts them", len(repairs))
        return repairs if params.get("repair") else []
