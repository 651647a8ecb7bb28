"""Validates and casts a raw batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import run_key
from redshift_etl.operators.lineage import LineageMixin

if TYPE_CHECKING:
    from airflow.sdk import Context

    from redshift_etl.lineage.openlineage import Lineage


class TransformOperator(LineageMixin, BaseOperator):
    """Casts and checks a raw batch against the contract of its table, and sets aside the rows that fail.

    :param batch: what the extract task returned.
    """

    template_fields = ("batch",)
    ui_color = "#e8dff2"

    def __init__(self, *, batch: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        """Transform the batch; returns the staged batch."""
        from redshift_etl.lake.batch import Batch
        from redshift_etl.lake.storage import Lake
        from redshift_etl.transform import run as transform

        return transform.transform_batch(
            Batch.from_dict(self.batch), run=run_key(context), lake=Lake.connect()
        ).as_dict()

    def lineage(self) -> Lineage:
        """What was read and written."""
        from redshift_etl.lineage import openlineage

        return openlineage.transformed(self.batch["table"])
