from __future__ import annotations

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
