"""COPY in bounded memory: objects that unpack to much more than their size, rows without an end, many bad rows."""

import bz2
import gzip
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
import zstandard
from tests.copy_loader import Loader, fails_with
from tests.sampling import sampling

from local_redshift.s3.decompress import EndOfStreamError, decompressed
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

pytestmark = pytest.mark.slow

MIB = 1 << 20
LIMIT = 4 * MIB
_ROWS = b"".join(b"%d,row %d\n" % (i, i * i) for i in range(200_000))
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def zeros(compression: str, size: int) -> bytes:
    """An object that unpacks to `size` times the digit 0, made without holding that text."""
    if compression == "zstd":
        chunker = zstandard.ZstdCompressor(level=1).chunker()
        parts = [part for _ in range(size // MIB) for part in chunker.compress(b"0" * MIB)]
        return b"".join([*parts, *chunker.finish()])  # type: ignore[no-untyped-call]
    if compression == "bzip2":
        stream = bz2.BZ2Compressor()
        return b"".join([*(stream.compress(b"0" * MIB) for _ in range(size // MIB)), stream.flush()])
    return gzip.compress(b"0" * MIB) * (size // MIB)


class Peak:
    """The most memory that a process has had more than at the begin of the block, in bytes."""

    bytes = 0


@contextmanager
def measured(server: RedshiftServer) -> Iterator[Peak]:
    """The peak of the server's memory during the block."""
    process, peak = psutil.Process(server.process.pid), Peak()
    before = process.memory_info().rss

    def look() -> None:
        peak.bytes = max(peak.bytes, process.memory_info().rss - before)

    with sampling(look, 0.01):
        yield peak


@pytest.mark.parametrize(
    ("compression", "options"),
    [
        ("zstd", "csv"),
        *(
            pytest.param(compression, options, marks=pytest.mark.slow)
            for compression, options in itertools.product(
                ("zstd", "gzip", "bzip2"), ("csv", "delimiter '|'", "csv maxerror 2", "json 'auto'")
            )
        ),
    ],
)
def test_an_object_that_unpacks_to_800_mb_takes_no_memory_and_others_are_served(
    loader: Loader, redshift_server: RedshiftServer, shared_redshift: Connection, compression: str, options: str
) -> None:
    loader.run("create table t (a varchar(max))")
    body = zeros(compression, 800 * MIB)
    with measured(redshift_server) as peak, fails_with("row of more than 4 MB at line 1"):
        loader.copy(body, f"{options} {compression}")
    assert peak.bytes < 100 * MIB
    with shared_redshift.psycopg() as other:
        assert other.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("options", ["csv", "delimiter ','", "csv maxerror 1", "csv quote '%' ignoreheader 1"])
def test_a_row_of_four_megabytes_is_loaded_or_refused_by_its_columns_and_a_longer_one_by_its_size(
    loader: Loader, options: str
) -> None:
    loader.run("create table t (a varchar(max), b int)")
    first = "a,1\n"
    longest = "a" * (LIMIT - 2) + ",2\n"
    with fails_with("stl_load_errors"):  # the column holds less
        loader.copy(first + longest, options)
    with fails_with("row of more than 4 MB at line 2"):
        loader.copy(first + "a" + longest, options)


@pytest.mark.parametrize("line", ["x" * 79, pytest.param("x", marks=pytest.mark.slow)])
def test_a_quoted_field_over_many_lines_counts_as_one_row(loader: Loader, line: str) -> None:
    loader.run("create table t (a varchar(max))")
    field = (line + "\n") * (5 * MIB // (len(line) + 1))
    started = time.monotonic()
    with fails_with("row of more than 4 MB at line 1"):
        loader.copy(f'"{field}"\n', "csv")
    with fails_with("row of more than 4 MB at line 1"):
        loader.copy(field.replace("\n", "\\\n") + "\n", "escape delimiter '|'")
    assert time.monotonic() - started < 30


def test_many_rows_and_quoted_newlines_are_no_long_row(loader: Loader) -> None:
    loader.run("create table t (a int, b varchar(200))")
    body = "".join(f'{i},"first\nsecond {i}"\n' for i in range(300_000))
    loader.put("data", body)
    loader.run(f"copy t from 's3://lake/{loader.folder}/data' iam_role '{loader.server.iam_role}' csv")
    assert loader.run("select count(*), max(a) from t") == [(300_000, 299_999)]


def test_a_json_object_of_more_than_four_megabytes_is_refused(loader: Loader) -> None:
    loader.run("create table t (a varchar(max))")
    with fails_with("row of more than 4 MB at line 1"):
        loader.copy('{"a": "' + "x" * LIMIT + '"}', "json 'auto'")
    with fails_with("row of more than 4 MB at line 2"):
        loader.copy('{"a": "x"}\n{"a": "' + "x" * LIMIT + '"}', "json 'auto'")


def test_many_bad_rows_take_no_memory(loader: Loader, redshift_server: RedshiftServer) -> None:
    loader.run("create table t (a int)")
    body = gzip.compress((b"y" * 2000 + b",1\n") * 1000) * 100
    with measured(redshift_server) as peak, fails_with("stl_load_errors"):
        loader.copy(body, "csv gzip maxerror 10")
    assert peak.bytes < 100 * MIB
    assert len(loader.errors()) == 10


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("compression", ["zstd", "gzip", "bzip2"])
@pytest.mark.parametrize("size", [1, 7, 1000, MIB])
def test_streams_are_unpacked_whole_in_steps_of_about_a_megabyte(compression: str, size: int) -> None:
    data = _ROWS if size > 100 else _ROWS[:5000]
    packed = _COMPRESS[compression](data) + _COMPRESS[compression](b"") + _COMPRESS[compression](b"the end\n")
    steps = list(decompressed(in_chunks(packed, size), compression))
    assert b"".join(steps) == data + b"the end\n"
    assert max(map(len, steps)) <= 2 * MIB
    bomb = decompressed(in_chunks(zeros(compression, 30 * MIB), size * MIB), compression)
    steps = list(bomb)
    assert sum(map(len, steps)) == 30 * MIB
    assert max(map(len, steps)) <= 2 * MIB


@pytest.mark.parametrize("compression", ["zstd", "gzip", "bzip2"])
@pytest.mark.parametrize("cut", [1, 5, 9, 100, -1, -5])
def test_a_stream_that_ends_early_is_an_error(compression: str, cut: int) -> None:
    packed = _COMPRESS[compression](_ROWS)
    for start in (b"", packed):
        with pytest.raises(EndOfStreamError):
            list(decompressed(iter([start + packed[:cut]]), compression))


@pytest.mark.parametrize(
    "compressor",
    [
        zstandard.ZstdCompressor(level=1, write_checksum=True),
        zstandard.ZstdCompressor(level=19, write_content_size=False),
        zstandard.ZstdCompressor(level=3, threads=2),
    ],
    ids=["checksum", "without size", "threads"],
)
@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 1000, _ROWS[:300_000], bytes(MIB)], ids=len)
def test_each_kind_of_zstd_frame_is_read(compressor: zstandard.ZstdCompressor, data: bytes) -> None:
    skippable = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"hello"
    stream = compressor.compress(data)
    packed = skippable + stream + skippable + stream
    assert b"".join(decompressed(iter([packed]), "zstd")) == data * 2


@pytest.mark.parametrize("body", [b"no zstd at all", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff"])
def test_what_is_not_zstd_is_an_error(loader: Loader, body: bytes) -> None:
    loader.run("create table t (a int)")
    with fails_with("zstd"):
        loader.copy(body, "csv zstd")
