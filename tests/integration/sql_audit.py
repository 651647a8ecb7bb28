"""Records each statement that the product sends through the driver, and fails tests that send an unchecked shape.

The local Redshift may let a statement pass that a cluster refuses; so each shape of statement, with the types of its
bound values, is compared with AWS's pages by a person once (``sql_shapes.yaml``).

``python -m tests.integration.sql_audit [--accept]`` runs the integration tests and prints the differences; with
``--accept`` it adds the new shapes to the list, without a page: they fail until somebody has read and named it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from redshift_connector.core import Connection
from redshift_connector.utils.oids import RedshiftOID

from tests.integration.sql_shapes import Shape, accept, compare, complaint, is_checked, read_list, shape_of, write_list

RECORD = "SQL_AUDIT_RECORD"
"""The environment variable with the folder in which each process writes what it has recorded."""
PRODUCT = "redshift_etl."
_TRANSPORT = "redshift_etl.warehouse.session"
_INTEGERS = {"SMALLINT", "INTEGER", "BIGINT"}  # the driver takes the smallest that holds the value


def types_of(connection: Connection, values: Iterable[Any]) -> frozenset[str]:
    """The names of the types by which the driver binds values; a NULL takes part with any type."""
    names = {RedshiftOID(oid).name for oid, *_ in connection.make_params([it for it in values if it is not None])}
    return frozenset("INT" if name in _INTEGERS else name for name in names)


def sender() -> str | None:
    """The function of the product that sends the statement; None for a test's own statement."""
    frame: FrameType | None = sys._getframe(3)  # 0 to 2: this function, and the two that record
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("tests."):
            return None
        if module.startswith(PRODUCT) and module != _TRANSPORT:
            return f"{module.removeprefix(PRODUCT)}.{frame.f_code.co_name}"
        frame = frame.f_back
    return None


Message = tuple[str, frozenset[str], str]
"""A statement as it was sent: its text, the types of its values, its sender."""


class Recorder:
    """What the product has sent through the driver in this process."""

    def __init__(self, checked: dict[str, Shape]) -> None:
        self.checked = checked
        self.messages: set[Message] = set()
        self.unchecked: dict[str, Shape] = {}

    def record(self, connection: Connection, sql: str, values: Iterable[Any]) -> None:
        """Note a statement, unless it is a test's own."""
        function = sender()
        if function is None:
            return
        types = types_of(connection, values)
        self.messages.add((sql, types, function))
        shape = Shape(shape_of(sql), set(types), {function})
        if not is_checked(shape, self.checked):
            self.unchecked.setdefault(shape.sql, shape).add(shape)

    def take_unchecked(self) -> list[Shape]:
        """The shapes that are not on the list, since the last call."""
        found, self.unchecked = list(self.unchecked.values()), {}
        return found


@pytest.fixture(scope="session", autouse=True)
def sql_recorder() -> Generator[Recorder, None, None]:
    """Records what goes through the driver in this process."""
    recorder, execute = Recorder(read_list()), Connection.execute

    def recording(self: Connection, cursor: Any, operation: str, vals: Any) -> None:
        recorder.record(self, operation, vals or ())
        execute(self, cursor, operation, vals)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "execute", recording)
        yield recorder
    if folder := os.environ.get(RECORD):
        lines = [json.dumps([sql, sorted(types), by]) for sql, types, by in recorder.messages]
        Path(folder, f"{os.getpid()}.jsonl").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(autouse=True)
def only_checked_sql(sql_recorder: Recorder) -> Generator[None, None, None]:
    """Fails a test that makes the product send a shape which nobody has compared with AWS's pages."""
    yield
    unchecked = sql_recorder.take_unchecked()
    if unchecked and not os.environ.get(RECORD):
        pytest.fail("\n\n".join(map(complaint, unchecked)), pytrace=False)


def read_messages(folder: Path) -> dict[str, Shape]:
    """The shapes of what was recorded."""
    found: dict[str, Shape] = {}
    for path in folder.glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            sql, types, by = json.loads(line)
            shape = Shape(shape_of(sql), set(types), {by})
            found.setdefault(shape.sql, shape).add(shape)
    return found


def main() -> int:
    """Run the integration tests, compare, and print. 1 when something is to be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="add the new shapes to the list, without a page")
    accepted = parser.parse_args().accept
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "tests/integration"]
        tests = subprocess.run(command, env=os.environ | {RECORD: folder}, check=False).returncode
        sent, checked = read_messages(Path(folder)), read_list()
    if accepted:
        checked = accept(sent, checked)
        write_list(checked)
    todo, unsent = compare(sent, checked), sorted(checked.keys() - sent.keys())
    print("\n\n".join(todo) or f"Each of {len(sent)} shapes is on the list with its page.")
    if tests:
        print("The tests did not pass, so not every shape may have been sent.")
    elif unsent:
        print("\n".join(["On the list, and sent by no test:", *unsent]))
    return 1 if todo or tests else 0


if __name__ == "__main__":
    sys.exit(main())
