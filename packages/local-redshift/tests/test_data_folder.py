"""The folder of a test run's servers."""

from __future__ import annotations

import stat
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


def test_a_link_that_is_named_as_such_a_folder_is_not_followed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "kept").touch()
    with data_folder() as running:
        link = running.parent / running.name.replace(running.name.split("-")[3], str(ended.pid), 1)
        link.symlink_to(tmp_path)
        try:
            with data_folder() as other:
                assert stat.S_IMODE(other.stat().st_mode) == 0o700
                assert other.name.rsplit("-", 1) != running.name.rsplit("-", 1)
            assert (tmp_path / "kept").exists()
        finally:
            link.unlink()


def test_without_room_in_memory_it_is_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_ROOM", 1 << 60)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with data_folder() as folder:
        assert folder.parent == tmp_path
