"""Loads a conformed batch into its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.warehouse.model import Run


class LoadToRedshiftOperator(BaseOperator):
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
        from redshift_etl.lake.storage import Batch
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

    def get_openlineage_facets_on_complete(self, _instance: Any) -> Any:
        """What was read and written, for OpenLineage."""
        from redshift_etl.lineage import openlineage

        return openlineage.loaded(self.table, self.redshift_conn_id)


def warehouse(conn_id: str) -> Any:
    """A function that opens a new connection to the warehouse, not in autocommit."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    return RedshiftSQLHook(redshift_conn_id=conn_id).get_conn


def warehouse_at_once(conn_id: str) -> Any:
    """The same for whoever says that the warehouse is down instead of waiting for it: the hook tries for 15 s."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    hook = RedshiftSQLHook(redshift_conn_id=conn_id)
    once = RedshiftSQLHook.get_conn.retry_with(stop=lambda _: True)
    return lambda: once(hook)


def run_of(context: Mapping[str, Any]) -> Run:
    """The task instance, for the history."""
    from redshift_etl.warehouse.model import Run

    instance = context["ti"]
    return Run(instance.dag_id, instance.run_id, instance.task_id, instance.try_number)
