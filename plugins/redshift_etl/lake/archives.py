"""Files of a zip archive: each is a raw file of its own, whatever else the program that packed them has put in."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from redshift_etl import settings
from redshift_etl.errors import SourceError

SUFFIX = ".zip"
_CHUNK = 1 << 20
_ENCRYPTED = 1  # bit 0 of the flags (APPNOTE.TXT, 4.4.4)
_BESIDE = "__MACOSX"
_SUFFIXES = (".csv.gz", ".csv.zst", ".json.zst", ".gz", ".zst", ".parquet", SUFFIX)


def suffix(name: str) -> str:
    """How the name ends that a file has on disk, where it is read by that: an S3 key may be longer than a file name."""
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), ".csv")


def members(url: str, path: Path) -> Iterator[tuple[str, Path]]:
    """The files of an archive, unpacked beside it, with the names that errors have for them; else the file itself.

    Folders, hidden files and what macOS adds are no files. Raises SourceError for an archive that is damaged,
    encrypted or has no file, and for more bytes than a run may have.
    """
    if path.suffix != SUFFIX:
        yield url, path
        return
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if _is_file(info)]
            _verify(found, url)
            left = settings.max_batch()
            for number, info in enumerate(found):
                target = path.with_name(f"{path.stem}-{number:05d}{suffix(info.filename)}")
                with archive.open(info) as member:
                    left = _unpack(member, target, left, url)
                yield f"{url}: {info.filename}", target
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        what = f"The zip archive is damaged, or packed in a way that is not read: {error}."
        raise SourceError(what, fix="ask who writes it to write the file again", file=url) from error
    path.unlink()


def _is_file(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    return not info.is_dir() and _BESIDE not in parts and not parts[-1].startswith(".")


def _verify(found: list[zipfile.ZipInfo], url: str) -> None:
    if not found:
        raise SourceError("The zip archive has no file.", fix="ask who writes it", file=url)
    encrypted = next((info.filename for info in found if info.flag_bits & _ENCRYPTED), None)
    if encrypted:
        what = "The zip archive is encrypted."
        raise SourceError(what, fix="ask who writes it for one that is not", file=f"{url}: {encrypted}")


def _unpack(member: IO[bytes], target: Path, left: int, url: str) -> int:
    """Write a member; returns the bytes that the archive's other members may have."""
    with target.open("wb") as file:
        while chunk := member.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise SourceError(
                    f"The zip archive has more than {settings.max_batch() / 1e9:g} GB, unpacked.",
                    fix=f"ask who writes it, or raise {settings.MAX_BATCH} where the disk has the space",
                    file=url,
                )
            file.write(chunk)
    return left
