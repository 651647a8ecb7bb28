"""DuckDB beside the task: a child process, so that its memory does not add to Airflow's and all of it is freed."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redshift_etl import settings
from redshift_etl.errors import TransientError

log = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("duckdb_worker.py")
_STOP_SECONDS = 10
_CONFIG = {
    # Nothing may be downloaded when a task runs.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # A name of SQL must not be found among the variables of the program.
    "python_enable_replacements": False,
    "temp_directory": ".",
}
# What Python and its libraries are found by. Airflow's connections are environment variables too.
_ENVIRONMENT = ("HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE")

# Measured: 3 million rows of 18 columns pass with 160 MB. A process adds about 60 MiB that this limit does not see.
# Each column has several vectors of 2,048 values in each thread: by measure, 1,000 VARCHAR columns pass with 400 MB and
# one thread, and 1,600 with 500 MB. DuckDB reserves that much; the process has used 250 MB.
_NARROW = 100
_MB_PER_COLUMN = 0.35


def limits(columns: int) -> dict[str, Any]:
    """The threads and the memory for a table of so many columns."""
    wide = max(0, columns - _NARROW)
    memory = settings.transform_memory() + int(wide * _MB_PER_COLUMN)
    return {"threads": 1 if wide else 2, "memory_limit": f"{memory}MB"}


class DuckDBError(Exception):
    """DuckDB refused a statement: ``kind`` is the name of its exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _locked(folder: Path) -> tuple[str, ...]:
    """The statements after which nothing but the folder can be reached, whatever is run.

    https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
    """
    name = str(folder.resolve()).replace("'", "''")
    return (
        "SET TimeZone = 'UTC'",
        f"SET allowed_directories = ['{name}']",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    )


class DuckDB:
    """A context manager around one in-memory database for a table of so many columns, which reaches ``folder`` alone.

    Statements name its files relative to it: a folder's own name may have characters of a pattern. ``in_order``: rows
    are read in the order of the files, by one thread.
    """

    def __init__(self, folder: Path, columns: int = 1, *, in_order: bool = False) -> None:
        self._folder = folder
        self._in_order = in_order
        self.limits = limits(columns) | ({"threads": 1} if in_order else {})

    def __enter__(self) -> Self:
        config = json.dumps({**_CONFIG, **self.limits, "preserve_insertion_order": self._in_order})
        # -P: the folder of the program is this package, whose module names must not hide others.
        command = [sys.executable, "-P", "-X", "utf8", str(_CHILD), config]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8", env=environment, cwd=self._folder
        )
        for statement in _locked(self._folder):
            self.run(statement)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate(timeout=_STOP_SECONDS)

    def run(self, statement: str) -> list[list[Any]]:
        """Run one statement and return its rows; types that JSON lacks as text.

        Raises DuckDBError when DuckDB refuses it, TransientError when the process is gone.
        """
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(statement) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""  # it has ended, as it has when there is nothing to read
        if not line:
            raise TransientError(
                "The transform's DuckDB process ended in mid-statement.",
                fix="it is retried; if it happens again add memory to the worker, or narrow the window",
                exit_code=self._process.wait(),
            )
        reply = json.loads(line)
        if "error" in reply:
            raise DuckDBError(reply["error"], reply["message"])
        return list(reply["rows"])
