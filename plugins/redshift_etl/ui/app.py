"""The page's web application: static files and JSON, read-only, every route behind Airflow's login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.middleware.gzip import GZipMiddleware

from redshift_etl.catalog import pages
from redshift_etl.catalog.repository import Repository
from redshift_etl.ui.background_value import View
from redshift_etl.ui.state import Model, health

STATIC = Path(__file__).parent / "static"
GZIP_FROM_BYTES = 1024
GZIP_LEVEL = 1  # the page travels a local network more often than the world

# 'self' alone: no inline script or style, nothing from elsewhere, and only Airflow itself may frame the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
NOT_KEPT = "private, no-cache"
KEPT = "private, max-age=31536000, immutable"

router = APIRouter()


def create(model: Model | None = None) -> FastAPI:
    """The application. No OpenAPI pages: FastAPI adds those outside of the login."""
    app = FastAPI(
        title="Warehouse",
        dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.model = model or Model()
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL)
    app.middleware("http")(_with_headers)
    app.include_router(router)
    return app


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", NOT_KEPT)
    return response


def _model(request: Request) -> Model:
    return cast("Model", request.app.state.model)


def _files(model: Annotated[Model, Depends(_model)]) -> Repository:
    view = model.files()
    if view.value is None:
        raise HTTPException(503, view.error or "The contracts are being read.", {"Retry-After": "1"})
    return view.value


def _table(table: str, repository: Annotated[Repository, Depends(_files)]) -> str:
    if table not in repository.tables:
        raise HTTPException(404, f"No table with a contract is called {table}.")
    return table


ModelOf = Annotated[Model, Depends(_model)]
Files = Annotated[Repository, Depends(_files)]
Table = Annotated[str, Depends(_table)]


@router.get("/")
def index() -> Response:
    """The page itself; it names its files below their version, so that they can be kept until they change."""
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace('"static/', f'"static/{_version()}/'))


@router.get("/static/{version}/{name}")
def static(version: str, name: str) -> Response:
    """A style sheet or a module, by its bare name: a path cannot be asked for."""
    found = {path.name: path for path in STATIC.iterdir()}.get(name)
    if found is None:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(found, headers={"Cache-Control": KEPT if version == _version() else NOT_KEPT})


def _version() -> str:
    """Changes with any of the files."""
    return f"{max(path.stat().st_mtime_ns for path in STATIC.iterdir()):x}"


@router.get("/api/overview")
def overview(model: ModelOf, files: Files) -> JSONResponse:
    """Every table, and the incidents."""
    view, now = model.snapshot(), datetime.now(UTC)
    lost = model.incidents() if view.error else ()
    return _json(pages.overview(files, view.value, now, lost), view, now)


@router.get("/api/tables/{table}")
def table_page(table: Table, model: ModelOf, files: Files) -> JSONResponse:
    """One table."""
    view, now = model.snapshot(), datetime.now(UTC)
    return _json(pages.table_page(files, view.value, table, now), view, now)


@router.get("/api/tables/{table}/history")
def history(table: Table, model: ModelOf, files: Files) -> JSONResponse:
    """One table's past."""
    view = model.history(files, table)
    return _json(pages.history_page(view.value) if view.value else {}, view, datetime.now(UTC))


@router.get("/api/lineage")
def lineage(model: ModelOf, files: Files) -> JSONResponse:
    """The whole graph."""
    view, now = model.snapshot(), datetime.now(UTC)
    return _json(pages.lineage_graph(files, view.value, now), view, now)


@router.get("/api/lineage/{name}")
def columns(name: str, files: Files) -> JSONResponse:
    """One table's or source's columns, and those they are linked with."""
    if name not in files.graph.names:
        raise HTTPException(404, f"Nothing here is called {name}.")
    return JSONResponse(pages.column_links(files, name))


@router.get("/api/incidents/{incident_id}")
def report(incident_id: str, model: ModelOf) -> JSONResponse:
    """One incident's post-mortem."""
    view = model.report(incident_id)
    return _json({"report": view.value}, view, datetime.now(UTC))


def _json(page: dict[str, Any], view: View[Any], now: datetime) -> JSONResponse:
    return JSONResponse({"warehouse": health(view, now), **page})
