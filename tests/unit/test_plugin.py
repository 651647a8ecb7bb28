"""What Airflow finds in the plugins folder, and what finding it costs every process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN = REPOSITORY / "plugins" / "redshift_etl" / "plugin.py"


def test_airflow_finds_the_plugin_and_no_other_file() -> None:
    from airflow._shared.module_loading import find_path_from_directory

    found = find_path_from_directory(str(REPOSITORY / "plugins"), ".airflowignore", "glob")
    assert [Path(path) for path in found] == [PLUGIN]


@pytest.mark.slow
def test_finding_it_imports_nothing_else_of_ours_and_no_parser() -> None:
    code = f"""
import runpy, sys
import airflow.plugins_manager
before = set(sys.modules)
runpy.run_path({str(PLUGIN)!r})
new = set(sys.modules) - before
ours = {{name for name in new if name.split(".")[0] in ("redshift_etl", "sqlglot", "duckdb", "fastapi")}}
sys.exit(str(sorted(ours)) if ours else 0)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_stands_in_the_navigation_where_its_application_is_mounted() -> None:
    from redshift_etl.plugin import RedshiftEtlPlugin

    (view,), (app,) = RedshiftEtlPlugin.external_views, RedshiftEtlPlugin.fastapi_apps
    assert (view["destination"], view["name"]) == ("nav", "Warehouse")
    assert view["href"] == f"{app['url_prefix'].strip('/')}/"
