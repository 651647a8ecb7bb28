"""Monitors the freshness of tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context


class MonitorFreshnessOperator(BaseOperator):
    """Opens an incident for each table that has become late and closes those that are over.

    Returns how many tables are late, and how many incidents were opened and resolved.
    """

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """One look at all tables; ``resolve`` of the trigger form names an incident to close."""
        from redshift_etl.incidents import monitor
        from redshift_etl.lake.storage import Lake

        instance = context["ti"]
        watch = monitor.Monitor(
            warehouse(self.redshift_conn_id), Lake.connect(), instance.dag_id, instance.run_id, instance.task_id
        )
        incident_id = context["params"].get("resolve")
        if incident_id:
            monitor.close_by_hand(watch, incident_id, datetime.now(UTC))
        found = monitor.run(watch, datetime.now(UTC))
        self.log.info("Freshness: %s", found)
        return {name: len(names) for name, names in found.items()}
