"""An auth manager that has rights per DAG, as those of FAB and Keycloak have: one user may not read one DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

HIDDEN_DAG, HIDDEN_TABLE, PARTIAL = "load_orders", "core.orders_000", "peggy"


class PerDagManager(SimpleAuthManager):
    """The simple one, in which the user ``peggy`` may not read the DAG ``load_orders``."""

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        """As the simple one's, but for that DAG."""
        if user.username == PARTIAL and details and details.id == HIDDEN_DAG:
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
