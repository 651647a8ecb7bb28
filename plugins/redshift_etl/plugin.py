"""What Airflow registers from this repository: the Warehouse page, as an application and an entry of the navigation.

Every Airflow process imports this file, so it imports nothing else of ours: the application is made when the API
server gets its first request for a page.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class WarehouseApp:
    """The page's application, made at its first request."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request (ASGI)."""
        if self._app is None:
            from redshift_etl.ui import app

            self._app = app.create()
        await self._app(scope, receive, send)


class RedshiftEtlPlugin(AirflowPlugin):
    """Tables, lineage and incidents, beside the DAGs that fill them."""

    name = "redshift_etl"
    fastapi_apps = [{"app": WarehouseApp(), "url_prefix": "/warehouse", "name": "Warehouse"}]  # noqa: RUF012 — Airflow's
    external_views = [  # noqa: RUF012 — Airflow's
        {
            "name": "Warehouse",
            "href": "warehouse/",
            "destination": "nav",
            "url_route": "warehouse",
            "nav_top_level": True,
        }
    ]
