"""No orphans: run a function so that, however it ends, no process that it started is left.

`run` forks. The child calls the function; the parent waits, and when the child has ended, cleanly or by SIGKILL, ends
every process that came from it. On Linux the parent is a subreaper (prctl(2)), so descendants that left their group,
their session or their parent are still found. Elsewhere the process groups that `local.stack.supervisor` records are
used. If the parent itself is killed, the child gets SIGTERM and ends cleanly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

GRACE_SECONDS = 8.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(signum: int = signal.SIGTERM) -> None:
    """Ask Linux to signal this process when its parent dies (prctl(2) PR_SET_PDEATHSIG); nothing elsewhere."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def run(work: Callable[[], int]) -> int:
    """Run `work` in a child process, end everything that it started, and return its exit code.

    SIGTERM and SIGHUP are passed on to the child; SIGINT reaches it from the terminal, or is passed on like the others.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        die_with_parent()
        _run_and_exit(work)
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: _signal(child, number))
    code = _wait_for(child)
    end_all(psutil.Process().children(recursive=True))
    return code


def end_all(processes: Iterable[psutil.Process], grace: float = GRACE_SECONDS) -> None:
    """SIGTERM, and SIGKILL for those that still run after `grace` seconds."""
    alive = list(processes)
    for process in alive:
        _quietly(process.terminate)
    deadline = time.monotonic() + grace
    while alive and time.monotonic() < deadline:
        _, alive = psutil.wait_procs(alive, timeout=0.1)
    for process in alive:
        for descendant in _descendants(process):
            _quietly(descendant.kill)
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=5)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _run_and_exit(work: Callable[[], int]) -> None:
    code = 1
    try:
        code = work()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 the process ends here, after reporting the error
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait_for(child: int) -> int:
    while True:
        pid, status = os.wait()  # also reaps descendants that were reparented to this process
        if pid == child:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _signal(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has exited already
        os.kill(pid, signum)


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has exited already
        action()
