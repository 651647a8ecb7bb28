"""`make faults N=1000 SEED=1`: plays the histories of a seed, two at a time, and prints what they came to.

Each result is a line of build/faults/seed-<seed>.jsonl; a history that is there is not played again.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.stack import reaper
from tests.faults.plan import seed_of

if TYPE_CHECKING:
    from tests.faults.histories import Result

_ROOT = Path(__file__).resolve().parents[2]
SIDE_BY_SIDE = 2
_PROGRESS_SECONDS = 30
_HISTORY_SECONDS = 900
"""Longer than any history whose runs all reach their time limit: what takes longer waits for something for ever."""


def main() -> int:
    """Play, or with ``--part`` play every second one of them in this process. 1 when something was wrong, else 0."""
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first history of the seed")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = _ROOT / "build" / "faults" / f"seed-{options.seed}.jsonl"
    numbers = range(options.first, options.first + options.histories)
    if options.part is not None:
        _play([seed_of(options.seed, number) for number in numbers][options.part :: SIDE_BY_SIDE], path)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    seeds = [seed_of(options.seed, number) for number in numbers]
    return reaper.run(lambda: _side_by_side(path, seeds))


def _side_by_side(path: Path, seeds: Sequence[int]) -> int:
    """Play them, showing how far it is, then what they came to."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the folder is removed
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        own = {"AIRFLOW_HOME": folder, "TMPDIR": folder, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        Path(folder).chmod(0o711)  # where PostgreSQL runs as another user, that user must be able to enter
        command = [sys.executable, "-m", "tests.faults", *sys.argv[1:], "--part"]
        environment = {**os.environ, **own}
        parts = [subprocess.Popen([*command, str(part)], cwd=_ROOT, env=environment) for part in range(SIDE_BY_SIDE)]
        try:
            _watch(parts, path, seeds)
        finally:
            reaper.end_all(psutil.Process().children(recursive=True))
    return _summary(path, seeds)


def _watch(parts: Sequence[subprocess.Popen[bytes]], path: Path, seeds: Sequence[int]) -> None:
    began = shown = time.monotonic()
    while any(part.poll() is None for part in parts):
        time.sleep(0.5)
        if time.monotonic() - shown > _PROGRESS_SECONDS:
            shown = time.monotonic()
            print(f"{shown - began:5.0f} s: {_counts(path, seeds)}", flush=True)


def _play(seeds: Sequence[int], path: Path) -> None:
    """Those that are not in the file yet, on a local Redshift of this process."""
    from local_redshift.testing.data_folder import data_folder
    from local_redshift.testing.pytest_plugin import running
    from tests.faults import histories
    from tests.integration.batches import LoadTarget

    done = {result.seed for result in _results(path)}
    with data_folder() as folder, running(folder) as server:
        template = server.new_database()
        LoadTarget(server, server.connection(template), server.s3).keep_books()
        gc.collect()
        gc.freeze()  # so that the processes of the runs share the memory of this one
        for seed in seeds:
            if seed not in done:
                faulthandler.dump_traceback_later(_HISTORY_SECONDS, exit=True)  # where it waits
                result = histories.run(seed, server, template)
                faulthandler.cancel_dump_traceback_later()
                with path.open("a") as file:
                    file.write(result.as_line())


def _results(path: Path) -> list[Result]:
    from tests.faults.histories import Result

    return [Result.from_line(line) for line in path.read_text().splitlines()]


def _counts(path: Path, seeds: Sequence[int]) -> str:
    results = [result for result in _results(path) if result.seed in set(seeds)]
    faults = sum(sum(result.faults.values()) for result in results)
    reads = sum(result.reads for result in results)
    wrong = sum(bool(result.wrong) for result in results)
    return f"{len(results)} histories, {faults} faults, {reads} reads by pollers, {wrong} histories with a violation"


def _summary(path: Path, seeds: Sequence[int]) -> int:
    results = [result for result in _results(path) if result.seed in set(seeds)]
    by_kind, by_load = Counter[str](), Counter[str]()
    for result in results:
        by_kind.update(result.faults)
        by_load[result.kind] += 1
    for result in results:
        for sentence in result.wrong:
            print(f"{result.kind}, history {result.seed % 1_000_000}: {sentence}")
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in by_kind.most_common()))
    print("histories: " + ", ".join(f"{kind} {count}" for kind, count in by_load.most_common()))
    print(_counts(path, seeds))
    missing = len(seeds) - len(results)
    if missing:
        print(f"{missing} histories were not played: a process ended early")
    return 1 if missing or any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
