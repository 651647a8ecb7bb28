from __future__ import annotations

import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from redshift_etl.transform import tempdir

HOLD = (
    "import sys; from redshift_etl.transform import tempdir\n"
    "with tempdir.folder() as f: print(f, flush=True); sys.stdin.read()"
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(tempdir.__file__).parents[2]))
    return tmp_path


def holder() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout
    process.folder = Path(process.stdout.readline().strip())  # type: ignore[attr-defined]
    return process


def test_the_folder_is_gone_at_the_end(temporary: Path) -> None:
    with tempdir.folder() as mine:
        (mine / "data").write_text("x")
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_the_folder_of_a_killed_task_goes_with_the_next_and_that_of_a_running_one_stays(temporary: Path) -> None:
    killed, running = holder(), holder()
    killed.kill()
    killed.communicate()
    assert killed.folder.exists()  # type: ignore[attr-defined]

    with tempdir.folder() as mine:
        assert sorted(temporary.iterdir()) == sorted([mine, running.folder])  # type: ignore[attr-defined]
    running.communicate("")
    assert list(temporary.iterdir()) == []


def test_folders_are_their_users_alone_and_their_names_cannot_be_foreseen(temporary: Path) -> None:
    with tempdir.folder() as one, tempdir.folder() as other:
        assert {stat.S_IMODE(path.stat().st_mode) for path in (one, other)} == {0o700}
        name, random = one.name.rsplit("-", 1)
        assert other.name.startswith(f"{name}-")
        assert not other.name.endswith(random)
        assert one.parent == temporary


def test_a_link_that_is_named_as_the_folder_of_a_killed_task_is_not_followed(temporary: Path, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    kept = tmp_path / "kept" / "file"
    kept.parent.mkdir()
    kept.touch()
    (temporary / f"transform-{socket.gethostname()}-{ended.pid}-x").symlink_to(kept.parent)
    with tempdir.folder():
        assert kept.exists()
