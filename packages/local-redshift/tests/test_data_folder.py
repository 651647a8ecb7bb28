"""The folder of a test run's servers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local_redshift.testing import data_folder as module
from local_redshift.testing.data_folder import data_folder


def test_the_folder_of_a_run_that_was_killed_goes_and_that_of_a_running_one_stays() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with data_folder() as running:
        killed = running.parent / running.name.replace(running.name.split("-")[3], str(ended.pid), 1)
        killed.mkdir()
        with data_folder() as other:
            assert other.parent == running.parent
            assert running.is_dir()
            assert not killed.exists()
    assert not running.exists()


def test_without_room_in_memory_it_is_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_ROOM", 1 << 60)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with data_folder() as folder:
        assert folder.parent == tmp_path
