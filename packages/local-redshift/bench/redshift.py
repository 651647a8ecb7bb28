"""The local Redshift against plain PostgreSQL, in one run: `python bench/redshift.py [rows]`.

Each line is the median of nine or more rounds, the two sides taking turns, with the limit that the project sets itself.
A round's two are compared with one another: what else slows the machine down for a while slows both down. Absolute
times say nothing about Amazon Redshift.
"""

from __future__ import annotations

import gzip
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil
import psycopg

from local_redshift.config import to_environment
from local_redshift.storage.embedded_postgres import dsn
from local_redshift.testing.pytest_plugin import RedshiftServer, running

ROUNDS = 9
COLUMNS = """id bigint, carrier varchar(10), origin char(3), name varchar(40), delay int,
    distance double precision, at timestamp"""
ROWS = """SELECT i AS id, 'C' || i % 17 AS carrier, CASE WHEN i % 3 = 0 THEN 'JFK' ELSE 'EWR' END AS origin,
    'name of row ' || (i * 7919) % 100003 AS name, CASE WHEN i % 11 = 0 THEN NULL ELSE (i * 31 % 500)::INT END AS delay,
    (i % 5000) / 8.0 AS distance, TIMESTAMP '2013-01-01' + INTERVAL (i % 500000) MINUTE AS at FROM range({n}) t(i)"""


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Rounds:
    """Seconds of both sides, round by round."""

    ours: list[float]
    peer: list[float]

    @property
    def ratio(self) -> float:
        """How many times as long ours takes, in the median round."""
        return statistics.median(ours / peer for ours, peer in zip(self.ours, self.peer, strict=True))

    @property
    def more(self) -> float:
        """Seconds that ours takes longer, in the median round."""
        return statistics.median(ours - peer for ours, peer in zip(self.ours, self.peer, strict=True))

    def shown(self, factor: int = 1, unit: str = "s") -> str:
        """Both medians."""
        ours, peer = statistics.median(self.ours) * factor, statistics.median(self.peer) * factor
        digits = 2 if unit == "s" else 0
        return f"{ours:.{digits}f} {unit} against {peer:.{digits}f} {unit}"


def rounds(ours: Callable[[], object], peer: Callable[[], object], count: int = ROUNDS) -> Rounds:
    """Both taking turns, after one round that does not count."""
    ours(), peer()
    seconds = [(timed(ours), timed(peer)) for _ in range(count)]
    return Rounds([one for one, _ in seconds], [other for _, other in seconds])


def report(name: str, value: float, limit: float, unit: str, detail: str) -> None:
    """One line of the table; more is worse, except for rates."""
    good = value >= limit if unit == "of direct" else value <= limit
    print(f"{name:38} {value:9.2f} {unit:10} limit {limit:7.2f}  {'ok  ' if good else 'OVER'}  {detail}", flush=True)


class Bench:
    """A server with the same table twice: through the local Redshift, and directly."""

    def __init__(self, server: RedshiftServer, folder: Path, rows: int) -> None:
        self.server, self.folder, self.rows = server, folder, rows
        self.name = server.new_database()
        self.ours = server.connection(self.name).psycopg(autocommit=True)
        self.peer = psycopg.connect(dsn(server.pg, "postgres"), autocommit=True)
        for connection, table in ((self.ours, "t"), (self.peer, "t")):
            connection.execute(f"create table {table} ({COLUMNS})")

    def files(self) -> None:
        """The same rows as csv.gz, Parquet and JSON lines, in S3 and (CSV) on disk."""
        with duckdb.connect() as engine:
            engine.execute("SET threads = 2")
            for name, options in (
                ("csv", "FORMAT csv, HEADER false"),
                ("parquet", "FORMAT parquet"),
                ("json", "FORMAT json"),
            ):
                query = ROWS.format(n=self.rows)
                engine.execute(f"COPY ({query}) TO '{self.folder / ('data.' + name)}' ({options})")
        raw = (self.folder / "data.csv").read_bytes()
        (self.folder / "data.csv.gz").write_bytes(gzip.compress(raw, 1))
        for name in ("csv.gz", "parquet", "json"):
            self.server.s3.upload_file(str(self.folder / f"data.{name}"), self.server.bucket, f"bench/data.{name}")

    def copy(self, name: str, options: str) -> None:
        """COPY through the local Redshift."""
        self.ours.execute("truncate table t")
        role = self.server.iam_role
        self.ours.execute(f"copy t from 's3://{self.server.bucket}/bench/data.{name}' iam_role '{role}' {options}")

    def direct_copy(self) -> None:
        """PostgreSQL's own COPY of the same csv.gz."""
        self.peer.execute("truncate table t")
        unpack = zlib.decompressobj(31)
        with (
            (self.folder / "data.csv.gz").open("rb") as file,
            self.peer.cursor().copy("copy t from stdin (format csv)") as copy,
        ):
            while chunk := file.read(1 << 18):
                copy.write(unpack.decompress(chunk))

    def loads(self) -> None:
        """The three formats."""
        for name, options, limit in (
            ("csv.gz", "csv gzip", 1.1),
            ("parquet", "parquet", 1.3),
            ("json", "json 'auto'", 2.0),
        ):
            found = rounds(lambda n=name, o=options: self.copy(n, o), self.direct_copy)  # type: ignore[misc]
            report(f"COPY {self.rows:,} rows, {name}", found.ratio, limit, "x direct", found.shown())

    def round_trips(self) -> None:
        """`select 1`, a thousand at a time."""

        def loop(connection: psycopg.Connection) -> Callable[[], object]:
            return lambda: [connection.execute("select 1").fetchone() for _ in range(1000)]

        found = rounds(loop(self.ours), loop(self.peer), count=25)
        report("select 1", found.more * 1000, 250, "us more", found.shown(1000, "us"))

    def fetch(self) -> None:
        """All rows into the client."""
        sql = "select id, carrier, name, delay from t"
        found = rounds(lambda: self.ours.execute(sql).fetchall(), lambda: self.peer.execute(sql).fetchall())
        report(f"fetch {self.rows:,} rows", 1 / found.ratio, 0.7, "of direct", found.shown())

    def inserts(self) -> None:
        """One INSERT of a thousand rows, another text each time, so that no plan is remembered."""

        def insert(connection: psycopg.Connection) -> None:
            start = time.monotonic_ns() % 10**9
            rows = ",".join(
                f"({start + i}, 'C1', 'JFK', 'name ''{i}''', {i}, 1.5, '2013-01-01 10:00:00')" for i in range(1000)
            )
            connection.execute(f"insert into t values {rows}")

        found = rounds(lambda: insert(self.ours), lambda: insert(self.peer), count=25)
        report("INSERT of 1,000 rows", found.ratio, 2.0, "x direct", found.shown(1000, "ms"))

    def start(self) -> None:
        """From the command to the line `ready`, the template being there; and a new server's memory."""
        seconds, memory = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "local_redshift"],
                env=to_environment(self.server.config),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert process.stdout is not None
            process.stdout.readline()
            seconds.append(time.perf_counter() - started)
            memory.append(psutil.Process(process.pid).memory_info().rss / 2**20)
            process.terminate()
            process.wait()
        report("ready, warm", statistics.median(seconds), 2.0, "s", "")
        report("idle memory", statistics.median(memory), 120.0, "MiB", "")


def main() -> None:
    """Run all."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="bench-redshift-") as name, running(Path(name)) as server:
        bench = Bench(server, Path(name), rows)
        bench.start()
        bench.round_trips()
        bench.inserts()
        bench.files()
        bench.loads()
        bench.fetch()


if __name__ == "__main__":
    main()
