"""What `make run` and `make status` show: one live line on a terminal, plain lines in a log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from local.stack import airflow_services, state_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

# In a log, what is running is written at most this often, and if it is the same again, that often.
LOG_SECONDS, SAME_SECONDS = 10.0, 30.0


class Progress:
    """Says what is running, how far it is, and the time since the start; finished steps stay on the screen."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._live = sys.stdout.isatty()
        self._shown, self._written, self._seen = "", 0.0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._clear()

    def elapsed(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self._start

    def now(self, text: str) -> None:
        """What is running at this moment; replaces the last such line on a terminal."""
        if self._live:
            line = self._stamped(text)[: shutil.get_terminal_size().columns - 1]
            self._clear()
            sys.stdout.write(line)
            self._shown = line
        elif time.monotonic() - self._written > (SAME_SECONDS if text == self._seen else LOG_SECONDS):
            print(self._stamped(text))
            self._seen, self._written = text, time.monotonic()
        sys.stdout.flush()

    def done(self, text: str) -> None:
        """A step that has ended."""
        self._clear()
        print(self._stamped(text), flush=True)
        self._written = time.monotonic()

    def parts(self, state: dict[str, Any]) -> None:
        """The start of the stack."""
        entries = state["parts"]
        waiting = [name for name, entry in entries.items() if entry["state"] not in ("ready", "done")]
        ready = f"{len(entries) - len(waiting)} of {len(entries)} parts"
        self.now(f"starting the local stack: {ready}; waiting for {', '.join(waiting)}")

    def _stamped(self, text: str) -> str:
        return f"{self.elapsed():6.1f} s  {text}"

    def _clear(self) -> None:
        if self._shown:
            sys.stdout.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> str:
    """Columns lined up: the first `left` of them to the left, the others to the right."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def login(stack: state_dir.Home) -> str:
    """How to get into the UI."""
    password = airflow_services.password_file(stack)
    return f"Airflow: {stack.url('ui')}   user: {airflow_services.USER}   password: in {password}"


def status(stack: state_dir.Home, state: dict[str, Any]) -> str:
    """The parts of a running stack, their addresses and logs, and Airflow's own health."""
    addresses = {
        "postgres": f"{state_dir.HOST}:{stack.ports['postgres']}",
        "redshift": f"{state_dir.HOST}:{stack.ports['redshift']}",
        "s3": stack.url("s3"),
        "weather-api": stack.url("weather_api"),
        "api-server": stack.url("ui"),
    }
    rows = [
        (
            name,
            entry["state"],
            addresses.get(name),
            entry["pid"] and str(entry["pid"]),
            entry["restarts"],
            entry["seconds"],
        )
        for name, entry in state["parts"].items()
    ]
    health = ", ".join(f"{name} {value}" for name, value in airflow_services.health(stack).items()) or "does not answer"
    return "\n".join(
        [
            table(("part", "state", "address", "process", "restarts", "start, s"), rows, left=3),
            f"Health: {health}",
            f"Logs: {stack.logs}",
            login(stack),
        ]
    )
