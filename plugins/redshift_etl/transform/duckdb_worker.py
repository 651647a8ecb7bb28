"""A program, not a module: DuckDB in a process of its own. Statements come in and rows go out, one JSON line each.

It ends when its standard input does, also in mid-statement, so it never outlives the task that started it.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading

import duckdb


def _read(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def main() -> None:
    """Answer statements until standard input ends. The one argument is DuckDB's configuration as JSON."""
    connection = duckdb.connect(config=json.loads(sys.argv[1]))
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while True:
        try:
            answer: dict[str, object] = {"rows": connection.execute(json.loads(lines.get())).fetchall()}
        except duckdb.Error as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
