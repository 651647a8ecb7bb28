"""bin/setup runs programs of the system, and none of the folder that it is run in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.stack import state_dir

SETUP = state_dir.REPOSITORY / "bin" / "setup"


@pytest.mark.parametrize("entries", ["{path}:", ":{path}", "{path}::/none", ".:{path}", "bin:{path}", "./*:{path}"])
def test_no_program_of_the_repository_is_run_because_of_an_entry_of_path(tmp_path: Path, entries: str) -> None:
    """A copy of it, in a folder with programs that the script looks for, on a machine without Python."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "setup"
    script.write_bytes(SETUP.read_bytes())
    (tmp_path / "system").mkdir()
    for tool in ("dirname", "cut", "sed", "rm"):
        (tmp_path / "system" / tool).symlink_to(shutil.which(tool, path=os.defpath) or "")
    for folder in (tmp_path, tmp_path / "bin"):
        for name in ("python3.12", "python3", "python", "dirname", "sed"):
            (folder / name).write_text(f"#!/bin/sh\necho ran >> {tmp_path}/ran\n")
            (folder / name).chmod(0o755)
    env = {"PATH": entries.format(path=tmp_path / "system"), "HOME": str(tmp_path)}

    done = subprocess.run(
        ["/bin/sh", str(script)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert "No usable Python found" in done.stderr
    assert done.returncode == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("own", [{}, {"UV_INDEX_STRATEGY": "first-index"}])
def test_a_version_is_taken_from_the_first_index_that_has_it(tmp_path: Path, own: dict[str, str]) -> None:
    """The function that tells uv of pip's indexes, with an extra index in pip's settings."""
    script = SETUP.read_text()
    function = script[script.index("use_pip_index() {") : script.index("if ! $venv/bin/python")]
    index = {"PIP_INDEX_URL": "https://pypi.example/simple", "PIP_EXTRA_INDEX_URL": "https://extra.example/simple"}
    done = subprocess.run(
        ["/bin/sh", "-c", f"venv={tmp_path}\n{function}\nuse_pip_index\nenv"],
        env={"PATH": os.defpath, **index, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    uv = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("UV_"))
    assert (
        uv
        == {
            "UV_DEFAULT_INDEX": index["PIP_INDEX_URL"],
            "UV_EXTRA_INDEX_URL": index["PIP_EXTRA_INDEX_URL"],
            "UV_INDEX_STRATEGY": "unsafe-first-match",
        }
        | own
    )
