"""Loads a staged batch into its table."""

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
    """Full refresh or incremental upsert of ``table``, by its contract, in one transaction.

    :param table: the table, ``schema.table``; it must have a contract.
    :param batch: the output of the transform task.
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
        from redshift_etl.backfill import history, shadow_table
        from redshift_etl.checks import run as checks
        from redshift_etl.contracts import contract as contracts
        from redshift_etl.lake.batch import Batch
        from redshift_etl.lake.storage import Lake
        from redshift_etl.run_conf import SHADOW
        from redshift_etl.warehouse import load

        connect, batch, run = warehouse(self.redshift_conn_id), Batch.from_dict(self.batch), run_of(context)
        contract = contracts.load(self.table).without(batch.left_out)
        if batch.rows:
            Lake.connect().read_manifest(batch.manifest)  # COPY reads whatever a manifest names
        target, shadow = contract, (context["dag_run"].conf or {}).get(SHADOW)
        if shadow:
            history.require_asked(connect, str(shadow), self.table, run.run_id, batch.window)
            target = shadow_table.create(connect, contract, str(shadow))
        audits = checks.of(connect, contract, run, batch.window, into=target, without_window=batch.without_window)
        return load.load_batch(connect, batch, target, run, audits).as_dict()

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.loaded(self.table, self.redshift_conn_id)
