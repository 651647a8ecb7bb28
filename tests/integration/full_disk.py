"""Transforms a batch whose temporary folder is on a disk of its own size, and prints what it raised as JSON.

unshare --mount python -m tests.integration.full_disk FOLDER KILOBYTES BATCH
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from redshift_etl.errors import EtlError
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.transform.run import transform_batch


def main() -> None:
    """Mount the disk, which nobody else sees, and transform."""
    folder, kilobytes, batch = sys.argv[1:]
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], check=True)
    tempfile.tempdir = folder
    try:
        transform_batch(Batch.from_dict(json.loads(batch)), run="run-try1", lake=Lake.connect())
    except EtlError as error:
        print(json.dumps({"class": type(error).__name__, "message": str(error)}))
    else:
        print(json.dumps({"class": None, "message": ""}))


if __name__ == "__main__":
    main()
