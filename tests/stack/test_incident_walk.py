"""What a person at 3 a.m. sees and does: an incident in Chromium, from the run to its end, by the report's commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from local.cli.airflow_api import AirflowApi
from local.stack import state_dir
from local_redshift.storage import embedded_postgres
from tests.stack.test_local_stack import CommandLine
from tests.ui.test_browser import CHROMIUM, browser_context

__all__ = ["browser_context"]

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]
DAY = "2013-01-02"
FORM = {"start": DAY, "end": DAY}
SECONDS = 300
ENDED = ("success", "failed")


@dataclass
class Stack:
    """A running stack, and what a person has at hand: the API, a shell, psql on the source and on the warehouse."""

    command_line: CommandLine
    api: AirflowApi

    def shell(self, command: str) -> str:
        """Type a command in a shell of `make env`."""
        script = f'eval "$({sys.executable} -m local.cli env)"\n{command}'
        env = os.environ | {"LOCAL_HOME": str(self.command_line.path)}
        done = subprocess.run(
            ["sh", "-ec", script], cwd=state_dir.REPOSITORY, env=env, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def execute(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Execute statements as the owner of a source's database; returns the rows of the last one."""
        return execute(self.command_line.state_dir.metadata, database, *statements)

    def start(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run by hand."""
        body = {"logical_date": None, "conf": conf or {}}
        return str(self.api.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def end_of(self, dag_id: str, run_id: str) -> str:
        """The state in which a run ends."""
        return str(until(lambda: state if (state := self.api.run_state(dag_id, run_id)) in ENDED else None))

    def wait_until_quiet(self) -> None:
        """Until no run is under way: one that fails first would open the incident of the same cause."""
        dags = ("flights", "weather", "daily_performance", "freshness")
        until(lambda: not any(self.api.runs(dag_id, "queued", "running") for dag_id in dags))


def execute(server: embedded_postgres.Postgres, database: str, *statements: str) -> list[tuple[Any, ...]]:
    """Execute statements as PostgreSQL's superuser; returns the rows of the last one."""
    with psycopg.connect(embedded_postgres.dsn(server, database), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def until(found: Callable[[], Any]) -> Any:
    """What the function returns once it returns something."""
    deadline = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, f"nothing within {SECONDS} s"
        time.sleep(0.5)
    return value


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    command_line = CommandLine(tmp_path_factory.mktemp("walk") / "state")
    try:
        done = command_line.run("run", "--days", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        yield Stack(command_line, AirflowApi(command_line.state_dir))
    finally:
        command_line.run("clean")


@dataclass(frozen=True)
class Breakage:
    """What is broken, how it is repaired, which table is late, and what its report must say."""

    break_it: Callable[[Stack], None]
    repair: Callable[[Stack], None]
    says: tuple[str, ...]
    dag_id: str = "flights"
    table: str = "core.flights"


def rename(before: str, after: str) -> Callable[[Stack], None]:
    return lambda stack: void(stack.execute("airline", f"ALTER TABLE flights RENAME COLUMN {before} TO {after}"))


def void(_: object) -> None:
    pass


A_FLIGHT = f"SELECT MIN(flight_id) FROM flights WHERE modified_at >= '{DAY}' AND modified_at < '2013-01-03'"


def set_carrier(change: str) -> Callable[[Stack], None]:
    return lambda stack: void(
        stack.execute("airline", f"UPDATE flights SET carrier = {change} WHERE flight_id = ({A_FLIGHT})")
    )


SPOILED = "carrier = 'UA' AND flight_date = '2013-01-02'"


def spoil_the_inputs_of_a_mart(stack: Stack) -> None:
    stack.shell(
        f'psql -c "CREATE TABLE core.before AS SELECT * FROM core.flights WHERE {SPOILED}" '
        f"-c \"UPDATE core.flights SET deleted_at = '2013-01-02', departure_delay_min = 99 WHERE {SPOILED}\""
    )


def restore_the_inputs(stack: Stack) -> None:
    stack.shell(
        f'psql -c "DELETE FROM core.flights WHERE {SPOILED}" '
        '-c "INSERT INTO core.flights SELECT * FROM core.before" -c "DROP TABLE core.before"'
    )


def take_the_warehouse_away(stack: Stack) -> None:
    execute(
        stack.command_line.state_dir.postgres,
        "postgres",
        "ALTER DATABASE warehouse ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'warehouse'",
    )


def give_the_warehouse_back(stack: Stack) -> None:
    allow = "ALTER DATABASE warehouse ALLOW_CONNECTIONS true"
    execute(stack.command_line.state_dir.postgres, "postgres", allow)


BREAKAGES = {
    "source": Breakage(
        rename("tailnum", "tail_number"),
        rename("tail_number", "tailnum"),
        ("is late** and not wrong", "| new columns | tail_number", "airline_db: flights"),
    ),
    "batch": Breakage(
        set_carrier("'NO CARRIER'"),
        set_carrier(f"(SELECT carrier FROM flights WHERE modified_at < '{DAY}' LIMIT 1)"),
        ("is late** and not wrong", "break the contract", "the owner of the source to act"),
    ),
    "warehouse": Breakage(
        take_the_warehouse_away,
        give_the_warehouse_back,
        ("every try has failed", "| 1 |", "| 2 |", "| 3 |", "| 4 |", "--only-failed"),
    ),
    "mart": Breakage(
        spoil_the_inputs_of_a_mart,
        restore_the_inputs,
        ("is late** and not wrong", "parts_do_not_exceed_the_whole"),
        "daily_performance",
        "mart.carrier_day",
    ),
}


@pytest.fixture
def tab(browser_context: BrowserContext, stack: Stack) -> Iterator[Tab]:
    """A tab of the person who is logged in."""
    url = stack.command_line.state_dir.url("ui")
    token = str(stack.api._session.headers["Authorization"]).partition(" ")[2]
    browser_context.add_cookies([{"name": "_token", "value": token, "url": url}])
    opened = browser_context.new_page()
    opened.set_default_timeout(120_000)
    yield opened
    opened.close()


def commands_of(report: str) -> list[str]:
    block = re.search(r"## Run it again.*?```sh\n(.*?)```", report, re.DOTALL)
    assert block, report
    return block[1].splitlines()


@pytest.mark.parametrize("kind", BREAKAGES)
def test_an_incident_is_followed_from_the_run_to_its_end(stack: Stack, tab: Tab, kind: str) -> None:
    breakage, page = BREAKAGES[kind], f"{stack.command_line.state_dir.url('ui')}/warehouse"
    stack.wait_until_quiet()
    with ExitStack() as repairs:
        breakage.break_it(stack)
        repairs.callback(breakage.repair, stack)
        run_id = stack.start(breakage.dag_id, FORM)
        assert stack.end_of(breakage.dag_id, run_id) == "failed"
        incident, report = read_report(tab, page, breakage, run_id)
        for words in breakage.says:
            assert words in report, report

    commands = commands_of(report)
    assert len(commands) > 1
    for command in commands:
        stack.shell(command)
    until(lambda: not stack.api.runs(breakage.dag_id, "queued", "running"))
    assert stack.end_of(breakage.dag_id, run_id) == "success", "the first command is enough"

    assert stack.end_of("freshness", stack.start("freshness")) == "success"
    tab.goto(f"{page}/#/incidents")
    tab.locator(f".incidents .resolved a[href$='{incident}']").wait_for()
    tab.goto(f"{page}/#/tables/{breakage.table}")
    tab.locator("h2 .state").wait_for()
    assert tab.locator(".incidents .open").count() == 0


def read_report(tab: Tab, page: str, breakage: Breakage, run_id: str) -> tuple[str, str]:
    """Go from the overview to the table's page, to its incident. Returns the incident's id, and its report."""
    tab.goto(f"{page}/#/")
    row = tab.locator("tbody tr").filter(has=tab.get_by_role("link", name=breakage.table, exact=True))
    row.locator(".badge.bad", has_text="incident").wait_for()
    row.get_by_role("link", name=breakage.table, exact=True).click()
    link = tab.locator(".incidents .open a").first
    link.wait_for()
    incident = str(link.get_attribute("href")).rpartition("/")[2]
    link.click()
    tab.locator("pre.report", has_text=run_id).wait_for()
    return incident, tab.locator("pre.report").inner_text()


def test_the_commands_of_a_late_table_start_its_dag(stack: Stack, tab: Tab) -> None:
    month_ago = "UPDATE etl.load_history SET committed_at = DATEADD(day, -40, committed_at) WHERE table_name = "
    stack.shell(f"psql -c \"{month_ago}'core.airlines'\"")
    assert stack.end_of("freshness", stack.start("freshness")) == "success"
    page = f"{stack.command_line.state_dir.url('ui')}/warehouse"
    tab.goto(f"{page}/#/tables/core.airlines")
    tab.locator("h2 .state.late").wait_for()
    tab.locator(".incidents .open a").first.click()
    before = {run["dag_run_id"] for run in stack.api.runs("reference_tables")}
    for command in commands_of(tab.locator("pre.report").inner_text()):
        stack.shell(command)
    [started] = {run["dag_run_id"] for run in stack.api.runs("reference_tables")} - before
    assert stack.end_of("reference_tables", started) == "success"
    assert stack.end_of("freshness", stack.start("freshness")) == "success"
    tab.goto(f"{page}/#/tables/core.airlines")
    tab.locator("h2 .state.fresh").wait_for()
