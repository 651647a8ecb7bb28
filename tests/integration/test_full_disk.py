"""A transform whose temporary folder has no space left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import raw, use_sql_dir

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
UNSHARE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "--"]


@pytest.mark.parametrize(("kilobytes", "error"), [(100, "TransientError"), (700, "TransientError"), (20_000, None)])
def test_a_full_disk_is_named_with_its_folder_and_tried_again(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kilobytes: int, error: str | None
) -> None:
    if not sys.platform.startswith("linux") or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("this system gives no network and mount namespaces")
    table = use_sql_dir(tmp_path, monkeypatch).table(
        "noise",
        "id INTEGER NOT NULL, noise VARCHAR(100)",
        "/*\ncolumns: {id: INTEGER, noise: VARCHAR}\n*/\nSELECT id, noise FROM raw",
    )
    chance = random.Random(1)
    lines = "".join(f"{number},{chance.randbytes(40).hex()}\n" for number in range(10_000))
    batch = replace(raw(lake, table, f"id,noise\n{lines}"), window=None)
    folder = tmp_path / "small"
    folder.mkdir()
    command = [*UNSHARE, sys.executable, "-m", "tests.integration.full_disk", str(folder), str(kilobytes)]
    done = subprocess.run(
        [*command, json.dumps(batch.as_dict())], cwd=ROOT, env={**os.environ, "PYTHONPATH": "plugins"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["class"] == error, found
    if error:
        assert str(folder) in found["message"]
        assert "no space left" in found["message"]
