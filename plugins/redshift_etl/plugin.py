"""The Airflow plugin: it registers the Warehouse page as an application and as an entry of the navigation.

Every Airflow process imports this file, so it imports no other module of this package: the application is created at
the API server's first request for a page.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class WarehouseApp:
    """The page's application, created at its first request."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request (ASGI)."""
        if self._app is None:
            from redshift_etl.ui import app

            self._app = app.create()
        await self._app(scope, receive, send)


class RedshiftEtlPlugin(AirflowPlugin):
    """The page of tables, lineage and incidents in Airflow's navigation."""

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
