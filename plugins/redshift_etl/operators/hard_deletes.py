"""Finds the rows that their source has deleted, by comparing keys, and marks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import announce, run_key, run_of
from redshift_etl.operators.lineage import LineageMixin
from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.lineage.openlineage import Lineage


class ListKeyFilesOperator(BaseOperator):
    """Lists the tables that have a file in ``include/sql/keys``, for a mapped ``MarkHardDeletesOperator``."""

    ui_color = "#f5dcd3"

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        """Their names, ``schema.table``."""
        from redshift_etl.contracts import key_spec

        return list(key_spec.all_tables())


class MarkHardDeletesOperator(LineageMixin, BaseOperator):
    """Reads all keys of a table's source, and turns the rows whose key is not among them into tombstones.

    If there are such rows, it emits the event of the table's Asset.

    :param table: the table, ``schema.table``; it must have a file in ``include/sql/keys``.
    :param redshift_conn_id: the warehouse.
    """

    template_fields = ("table",)
    ui_color = "#d7ecd9"

    def __init__(self, *, table: str, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, object]:
        """Compare; returns the load_id of the history's row and the counts: ``deleted`` are the rows marked now."""
        from redshift_etl import settings
        from redshift_etl.contracts import key_spec
        from redshift_etl.extract import postgres
        from redshift_etl.lake.batch import STAGED
        from redshift_etl.lake.storage import Lake
        from redshift_etl.warehouse import tombstones

        spec = key_spec.read(self.table)
        keys = postgres.extract(
            spec.connection,
            spec.query,
            table=self.table,
            window=None,
            run=run_key(context),
            lake=Lake.connect(),
            zone=STAGED,  # the cluster's role reads no raw files (docs/connect-a-cluster.md)
            sql_file=settings.shown(spec.path),
        )
        record = tombstones.mark(warehouse(self.redshift_conn_id), keys, spec.contract, run_of(context))
        if record.counts.marked_deleted:
            announce(context, self.table)
        return record.as_dict()

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.contracts import key_spec
        from redshift_etl.lineage import openlineage

        spec = key_spec.read(self.table)
        return openlineage.compared(self.table, spec.sql, spec.connection, self.redshift_conn_id)
