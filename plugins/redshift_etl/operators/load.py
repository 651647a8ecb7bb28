"""Loads a conformed batch into its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import run_of
from redshift_etl.operators.lineage import LineageMixin
from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.lineage.openlineage import Lineage


class LoadToRedshiftOperator(LineageMixin, BaseOperator):
    """Full refresh or incremental upsert of ``table``, as its contract says, in one transaction.

    :param table: the table, ``schema.table``; it must have a contract.
    :param batch: what the conform task returned.
    :param redshift_conn_id: the warehouse.
    """

    template_fields = ("batch",)
    ui_color = "#d7ecd9"

    def __init__(self, *, table: str, batch: Any, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.batch = batch
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, object]:
        """Load the batch; returns its load_id and counts."""
        from redshift_etl import settings
        from redshift_etl.backfill import shadow_table
        from redshift_etl.checks import run as audit
        from redshift_etl.contracts import contract as contracts
        from redshift_etl.lake.batch import Batch
        from redshift_etl.warehouse import load, migrate
        from redshift_etl.warehouse.load_sql import CopySource
        from redshift_etl.warehouse.model import Load

        batch = Batch.from_dict(self.batch)
        connect = warehouse(self.redshift_conn_id)
        migrate.ensure(connect, self.table)
        contract, staged_by = contracts.load(self.table), (context["dag_run"].conf or {}).get("shadow")
        target = shadow_table.create(connect, contract, staged_by) if staged_by else contract
        window = batch.window
        lake = settings.lake()
        source = CopySource(lake.url(lake.key(batch.manifest)), settings.iam_role(), settings.region())
        run = run_of(context)
        checks = audit.of(connect, contract, run, window, into=target)
        result = load.run(
            connect,
            Load(
                contract=target,
                source=source if batch.rows else None,
                window_start=window.start if window else None,
                window_end=window.end if window else None,
                window_days=window.days if window else (),
                extracted=batch.extracted,
                rejected=batch.rejected,
                rows=batch.rows,
                extracted_at=batch.extracted_at,
                run=run,
            ),
            [checks.stage],
            [checks.result],
        )
        return result.as_dict()

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.loaded(self.table, self.redshift_conn_id)
