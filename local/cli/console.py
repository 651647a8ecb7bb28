"""What `make run` and `make status` print: colours and one live line on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Self

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.stack import airflow_services, state_dir, status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

# In a log, the current step is written at most every LOG_SECONDS; an unchanged one every UNCHANGED_SECONDS.
LOG_SECONDS, UNCHANGED_SECONDS = 10.0, 30.0
# A log is not wrapped at a terminal's width.
LOG_COLUMNS = 200
STYLES = {
    **dict.fromkeys(("ready", "done"), "green"),
    **dict.fromkeys(("starting", "waiting"), "yellow"),
    **dict.fromkeys(("down", "stopped", "failed"), "red"),
}


def create() -> Console:
    """A console on stdout that prints text as it is."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else LOG_COLUMNS)


class Progress:
    """Shows the current step with the time since the start; finished steps stay on the screen."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._console = create()
        self._live = self._console.status("")
        self._written, self._last = 0.0, ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop showing the current step."""
        self._live.stop()

    def elapsed(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self._start

    def now(self, text: str) -> None:
        """Show the current step; on a terminal it replaces the previous one."""
        if self._console.is_terminal:
            self._live.update(Text(self._stamped(text)))
        elif time.monotonic() - self._written > (UNCHANGED_SECONDS if text == self._last else LOG_SECONDS):
            self.done(text)
            self._last = text

    def done(self, text: str) -> None:
        """Print a step that has ended."""
        self._console.print(self._stamped(text), soft_wrap=True)
        self._written = time.monotonic()

    def services(self, state: dict[str, Any]) -> None:
        """Show the start of the stack."""
        waiting, total = status.not_ready(state), len(state["services"])
        ready = f"{total - len(waiting)} of {total} services"
        self.now(f"starting the local stack: {ready}; waiting for {', '.join(waiting)}")

    def _stamped(self, text: str) -> str:
        return f"{self.elapsed():6.1f} s  {text}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> Table:
    """A table whose first `left` columns are aligned to the left, the others to the right."""
    result = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for position, name in enumerate(header):
        result.add_column(name, justify="left" if position < left else "right", overflow="fold")
    for row in rows:
        result.add_row(*(Text(text, STYLES.get(text, "")) for text in map(_cell, row)))
    return result


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def login(state: state_dir.StateDir) -> str:
    """How to log in to the UI."""
    password = airflow_services.password_file(state)
    return f"Airflow: {state.url('ui')}   user: {airflow_services.USER}   password: in {password}"


def print_status(running: state_dir.StateDir, state: dict[str, Any]) -> None:
    """Print the services of a running stack, their addresses and logs, and Airflow's own health."""
    addresses = {
        "metadata": f"{state_dir.HOST}:{running.ports['metadata']}",
        "postgres": running.postgres.host,
        "redshift": f"{state_dir.HOST}:{running.ports['redshift']}",
        "s3": running.url("s3"),
        "weather-api": running.url("weather_api"),
        "api-server": running.url("ui"),
    }
    rows = [
        (name, it["state"], addresses.get(name), it["pid"] and str(it["pid"]), it["restarts"], it["seconds"])
        for name, it in state["services"].items()
    ]
    health = ", ".join(f"{name} {value}" for name, value in airflow_services.health(running).items())
    console = create()
    console.print(table(("service", "state", "address", "process", "restarts", "start, s"), rows, left=3))
    hints = status.hints(running.path, state)
    lines = (f"Health: {health or 'the api-server does not respond'}", f"Logs: {running.logs}", login(running), *hints)
    console.print("\n".join(lines), soft_wrap=True)
