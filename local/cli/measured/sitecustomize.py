"""Record which lines of this repository's packages a Python process runs; written to a file when it exits.

Python imports this by its name when it starts, in every process whose PYTHONPATH has this folder: pytest, its workers
and the servers that tests start. `local.cli.coverage` sets the variables and reads the files.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path


def record(folder: Path, sources: list[str]) -> Callable[[], None]:
    """Instrument the modules below `sources` as they are imported; returns what writes the lines that ran to `folder`.

    It is called at exit. A process that may be killed before, as pytest-xdist's workers may, must call it itself.
    """
    import slipcover

    lines = slipcover.Slipcover()
    slipcover.ImportManager(lines, slipcover.FileMatcher(sources)).__enter__()
    started_by = os.getpid()

    def write() -> None:
        # Not in a forked child; and the folder is gone when a process outlives the tests.
        if os.getpid() == started_by and folder.is_dir():
            os.chdir(folder)  # slipcover shortens the paths below the working directory
            part = folder / f"{uuid.uuid4()}.part"
            part.write_text(json.dumps(lines.get_coverage()))
            part.rename(part.with_suffix(".json"))  # whole, also when the process is killed meanwhile

    atexit.register(write)
    return write


write: Callable[[], None] | None = None
if "COVERAGE_FOLDER" in os.environ:
    with contextlib.suppress(ImportError):  # in another environment's Python, where slipcover is not installed
        write = record(Path(os.environ["COVERAGE_FOLDER"]), os.environ["COVERAGE_SOURCES"].split(os.pathsep))
