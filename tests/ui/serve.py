"""The page behind Airflow's real login, without the rest of Airflow: ``python -m tests.ui.serve``.

Prints one line of JSON: the port, and tokens of a viewer, of one who may not read one DAG, and of one without a role.
The environment variable PAGE_MAX_AGE sets after how many seconds the files and the warehouse are read again.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta

import uvicorn
from fastapi import FastAPI

from tests.ui.auth import HIDDEN_DAG, HIDDEN_TABLE, PARTIAL


def application() -> tuple[FastAPI, dict[str, str]]:
    """An application that mounts the plugin as Airflow does, in which `freshness` is paused, and tokens for it."""
    from airflow import plugins_manager, settings
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.asset import AssetModel, TaskOutletAssetReference
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    from redshift_etl.ui import state

    if max_age := os.environ.get("PAGE_MAX_AGE"):
        state.FILES_MAX_AGE = timedelta(seconds=float(max_age))
        os.environ |= {f"AIRFLOW__REDSHIFT_ETL__{name}_INTERVAL": max_age for name in ("PAGE", "SIZES")}
    settings.initialize()
    initdb()  # all tables of Airflow's database, as `airflow db migrate` makes them
    with create_session() as session:
        session.merge(DagBundleModel(name="dags"))
        session.flush()
        for dag_id, is_paused in (("flights", True), ("freshness", True), ("reconcile", False), (HIDDEN_DAG, False)):
            session.merge(DagModel(dag_id=dag_id, bundle_name="dags", is_paused=is_paused, is_stale=False))
        session.merge(AssetModel(id=1, name=HIDDEN_TABLE, uri="redshift-table://core/orders_000", group="warehouse"))
        session.flush()
        session.merge(TaskOutletAssetReference(asset_id=1, dag_id=HIDDEN_DAG, task_id="load"))
    root = FastAPI()
    manager = init_auth_manager(root)
    for plugin in plugins_manager.get_fastapi_plugins()[0]:
        root.mount(plugin["url_prefix"], plugin["app"])
    users = {
        "viewer": SimpleAuthManagerUser(username="eve", role="viewer"),
        "partial": SimpleAuthManagerUser(username=PARTIAL, role="viewer"),
        "no_role": SimpleAuthManagerUser(username="mallory", role=None),
    }
    return root, {name: manager.generate_jwt(user) for name, user in users.items()}


async def serve() -> None:
    """Listen on a free port until the process is ended."""
    root, tokens = application()
    server = uvicorn.Server(uvicorn.Config(root, host="127.0.0.1", port=0, log_level="warning"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 — uvicorn has no event for it
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(json.dumps({"port": port, **tokens}), flush=True)
    await running


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
