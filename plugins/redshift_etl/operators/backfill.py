"""Operators of the backfill form: plan and record it; compare, swap or undo; then record how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from redshift_etl.operators.context import announce, run_of
from redshift_etl.warehouse.connect import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanBackfillOperator(BaseOperator):
    """Checks the form, refuses a paused DAG, and records the backfill unless it is a dry run.

    Returns the arguments of the runs to start: none for a dry run, a swap or an undo.
    """

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Plan. Raises FormError that names the field of the form, ConfigError for a paused DAG."""
        from redshift_etl.backfill import history
        from redshift_etl.backfill import request as backfill
        from redshift_etl.errors import ConfigError

        instance = context["ti"]
        request = backfill.read(context["params"], instance.run_id, datetime.now(UTC), context["dag"])
        triggers = request.triggers()
        for trigger in triggers:
            self.log.info("%s %s", request.dag_id, trigger["conf"])
        if request.dry_run or request.action not in backfill.LOADS:
            self.log.info("%s", "Dry run: nothing is started" if request.dry_run else f"{request.action} follows")
            return []
        if instance.get_dag(request.dag_id).is_paused:
            raise ConfigError("The table's DAG is paused.", fix=f"airflow dags unpause {request.dag_id}")
        history.begin(warehouse(self.redshift_conn_id), request, instance.run_id, _who(context))
        return triggers


class FinishBackfillOperator(BaseOperator):
    """After the runs: records that they are done, and executes the comparison, swap or undo of a staged backfill.

    Returns what it did: the comparison, or the rows written. A swap and an undo emit the event of the table's Asset.
    """

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Finish the action of the form."""
        from redshift_etl.backfill import actions
        from redshift_etl.backfill import request as backfill

        request = backfill.read(context["params"], context["ti"].run_id, datetime.now(UTC), context["dag"])
        found = actions.finish(warehouse(self.redshift_conn_id), request, run_of(context), _who(context))
        self.log.info("%s of %s (%s): %s", request.action, request.contract.table, request.backfill_id, found)
        if request.action in (backfill.SWAP, backfill.UNDO) and not request.dry_run:
            announce(context, request.contract.table)
        return found


class PlanLoadsAfterUndoOperator(BaseOperator):
    """Returns the arguments of the runs that must follow an undo, of what ``FinishBackfillOperator`` returned."""

    template_fields = ("finished",)
    ui_color = "#f5dcd3"

    def __init__(self, *, finished: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.finished = finished

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002 — Airflow's signature
        """None for any other action."""
        return list(self.finished.get("load_again", ()))


class CloseBackfillOperator(BaseOperator):
    """A teardown: a backfill that the history still has as running is marked as failed."""

    ui_color = "#f5dcd3"

    def __init__(self, *, redshift_conn_id: str = "redshift_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redshift_conn_id = redshift_conn_id

    def execute(self, context: Context) -> None:
        """Close the row of this run, if there is one."""
        from redshift_etl.backfill import actions
        from redshift_etl.backfill import request as backfill

        actions.mark_as_failed(warehouse(self.redshift_conn_id), backfill.own_id(context["ti"].run_id))


def _who(context: Context) -> str:
    return getattr(context["dag_run"], "triggering_user_name", None) or "unknown"
