"""The smallest full refresh, upsert, mart, shadow and UNLOAD, by the code that the pipelines use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial, wraps

from redshift_etl import settings
from redshift_etl.backfill import comparison, shadow_table
from redshift_etl.checks import run as audits
from redshift_etl.cluster_check.lake import archive, staged
from redshift_etl.cluster_check.model import Cluster, Result, failed
from redshift_etl.cluster_check.samples import DAILY, EVENTS, SMALL, installed
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.mart import load_mart
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.part_writer import compress
from redshift_etl.marts import build as marts
from redshift_etl.operators.retention import archived_rows
from redshift_etl.retention import rows as retention
from redshift_etl.warehouse import load, migrate
from redshift_etl.warehouse.model import CopySource, Counts
from redshift_etl.warehouse.retry import transaction
from redshift_etl.warehouse.session import open_session
from redshift_etl.warehouse.sql import load_sql
from redshift_etl.warehouse.statement import Statement, ident
from redshift_etl.window import Window

DAY = date(2013, 1, 1)
_WINDOW = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
_LATER = datetime(2013, 3, 1, tzinfo=UTC)
"""The moment at which the only day of the events is past its retention."""
_FIRST = ["1,2013-01-01 08:00:00,2013-01-01,one,10.50", r"2,2013-01-01 08:00:00,2013-01-01,\N,\N"]
_SECOND = [_FIRST[0], "2,2013-01-01 09:00:00,2013-01-01,two,1.25", "3,2013-01-01 09:00:00,2013-01-01,,0.00"]
_CORRECTED = ["1,2013-01-01 08:00:00,2013-01-01,one,20.50"]
_SHADOW = "check"

Function = Callable[[Cluster], Result | str]


def _with_samples(function: Function) -> Function:
    @wraps(function)
    def inside(cluster: Cluster) -> Result | str:
        """Carry it out while the samples are the contracts."""
        with installed(cluster):
            return function(cluster)

    return inside


def _contract(cluster: Cluster, name: str) -> Contract:
    return contracts.load(f"{cluster.name}.{name}")


@_with_samples
def tables(cluster: Cluster) -> Result | str:
    """Create the tables, and those of the bookkeeping where this is the first load."""
    before = _bookkeeping(cluster)
    for name in (SMALL, EVENTS, DAILY):
        migrate.ensure(cluster.connect, _contract(cluster, name).table)
    added = sorted(_bookkeeping(cluster) - before)
    stays = f"; new, and stays: {', '.join(added)}" if added else "; the bookkeeping in etl was there"
    return f"created {SMALL}, {EVENTS}, {DAILY}{stays}"


def _bookkeeping(cluster: Cluster) -> set[str]:
    with open_session(cluster.connect, cluster.name) as session:
        query = "SELECT TRIM(tablename) FROM pg_tables WHERE schemaname = 'etl'"
        return {f"etl.{row[0]}" for row in session.run(Statement("read the bookkeeping's tables", query))}


@_with_samples
def copy(cluster: Cluster) -> Result | str:
    """COPY a staged batch into a temporary table: the cluster's role, its Region and its way to S3."""
    contract = _contract(cluster, SMALL)
    batch, lake = _stage(cluster, contract, ["1,one"], "copy"), settings.lake()
    source = CopySource(lake.url(lake.key(batch.manifest)), settings.iam_role(), settings.region())
    with open_session(cluster.connect, cluster.name) as session:
        session.run(load_sql.create_stage(contract))
        session.run(load_sql.copy_stage(contract, source))
    return f"copied {source.manifest_url}"


@_with_samples
def full_refresh(cluster: Cluster) -> Result | str:
    """Load a whole table twice."""
    contract = _contract(cluster, SMALL)
    _load(cluster, contract, ["1,one", r"2,\N"], "refresh-1")
    return _expect(
        _load(cluster, contract, ["1,one", "2,two", "3,"], "refresh-2"), Counts(inserted=1, updated=1, unchanged=1)
    )


@_with_samples
def upsert(cluster: Cluster) -> Result | str:
    """Load new keys, then a batch that has an equal row, a newer one and a new one."""
    contract = _contract(cluster, EVENTS)
    first = _load(cluster, contract, _FIRST, "upsert-1")
    if first != Counts(inserted=2):
        return _expect(first, Counts(inserted=2))
    return _expect(_load(cluster, contract, _SECOND, "upsert-2"), Counts(inserted=1, updated=1, unchanged=1))


@_with_samples
def mart(cluster: Cluster) -> Result | str:
    """Find the stale day and build it."""
    daily = load_mart(f"{cluster.name}.{DAILY}")
    days, run = marts.find_stale(cluster.connect, daily), cluster.run("mart")
    if days != [DAY]:
        return failed(f"stale days: {days}, not {DAY}", "")
    audit = audits.of(cluster.connect, daily.contract, run, rows=marts.BUILD)
    return f"built {marts.build(cluster.connect, daily, days, run, [audit.stage], [audit.result])}"


@_with_samples
def shadow_swap(cluster: Cluster) -> Result | str:
    """Stage a corrected row in a shadow, compare, swap it in, and drop the shadow."""
    contract = _contract(cluster, EVENTS)
    shadow = shadow_table.create(cluster.connect, contract, _SHADOW)
    try:
        _load(cluster, contract, _CORRECTED, "shadow", into=shadow)
        with open_session(cluster.connect, cluster.name) as session, session.transaction():
            changed = comparison.compare(session, contract, _SHADOW, DAY, DAY).changed
        with open_session(cluster.connect, cluster.name) as session, session.transaction():
            counts, records = shadow_table.swap(session, contract, _SHADOW, cluster.run("swap"))
            session.run_step(records)
    finally:
        drop = partial(shadow_table.drop, contract=contract, backfill_id=_SHADOW)
        transaction(cluster.connect, cluster.name, contract.table, drop)
    if changed != 1:
        return failed(f"the comparison has {changed} changed rows, not 1", "")
    return _expect(counts, Counts(updated=1))


@_with_samples
def unload(cluster: Cluster) -> Result | str:
    """Archive the events and delete them, as retention does: UNLOAD, read its manifest, compare the rows."""
    contract, lake = _contract(cluster, EVENTS), cluster.lake
    plan = retention.plan(cluster.connect, contract, _LATER)
    if plan is None or plan.past != len(_SECOND):
        return failed(f"retention would archive {plan.past if plan else 0} rows, not {len(_SECOND)}", "")
    prefix = lake.location.url(lake.location.key(archive(cluster)))
    place = retention.Archive(prefix, settings.iam_role(), lambda url: archived_rows(lake, url))
    deleted = retention.run(cluster.connect, plan, place, cluster.run("unload"))
    with open_session(cluster.connect, cluster.name) as session:
        left = session.value(Statement("count", f"SELECT COUNT(*) FROM {ident(contract.table)}"))
    if (deleted, left) != (len(_SECOND), 0):
        return failed(f"{deleted} rows archived, {left} left", "")
    return f"archived {deleted} rows below {prefix}/"


def _stage(cluster: Cluster, contract: Contract, lines: Sequence[str], step: str) -> Batch:
    """Put a batch into the lake as the transform leaves it."""
    lake, below = cluster.lake, f"{staged(cluster)}/{step}"
    body = compress("".join(f"{line}\n" for line in lines).encode())
    entry = lake.put(f"{below}/part-00000.csv.zst", body, rows=len(lines))
    return Batch(
        table=contract.table,
        window=_WINDOW if contract.load == "incremental" else None,
        run=step,
        manifest=lake.write_manifest(below, [entry]),
        rows=len(lines),
        bytes=len(body),
        files=1,
        extracted=len(lines),
        rejected=0,
        extracted_at=datetime.now(UTC),
    )


def _load(
    cluster: Cluster, contract: Contract, lines: Sequence[str], step: str, into: Contract | None = None
) -> Counts:
    batch, run = _stage(cluster, contract, lines, step), cluster.run(step)
    audit = audits.of(cluster.connect, contract, run, batch.window, into=into)
    return load.load_batch(cluster.connect, batch, into or contract, run, audit).counts


def _expect(counts: Counts, expected: Counts) -> Result | str:
    return str(counts) if counts == expected else failed(f"{counts}, not {expected}", "")
