"""Loads of a table whose key has its leading sort column read the range of the batch, and miss no key of it."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse.model import Counts
from tests.integration.batches import LoadTarget

READ = datetime(2013, 1, 2, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "TIMESTAMP": [datetime(2013, 1, 1) + timedelta(hours=hour, microseconds=hour) for hour in range(8)],
    "DATE": [date(2013, 1, 1) + timedelta(days=day) for day in range(8)],
    "BIGINT": [number - 4 for number in range(8)],
}


def sorted_by(kind: str) -> Contract:
    return contracts.parse(f"""/*
description: Readings.
owner: us
load: incremental
version: version
retention: never
*/
CREATE TABLE core.readings (
    sensor INTEGER NOT NULL, taken {kind} NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (sensor, taken)
)
COMPOUND SORTKEY (taken, sensor);""")


@pytest.mark.parametrize("kind", VALUES)
def test_any_batches_end_in_the_newest_version_of_each_key(target: LoadTarget, kind: str) -> None:
    contract, chance, expected = sorted_by(kind), random.Random(3), dict[tuple[int, Any], int]()
    target.create(contract)
    for number in range(5):
        first = chance.randrange(6)
        keys = [(sensor, taken) for sensor in (1, 2) for taken in VALUES[kind][first : first + 3]]
        versions = {key: chance.randrange(10) for key in keys}
        rows = [(*key, version) for key, version in versions.items()]
        target.load(contract, rows, extracted_at=READ + timedelta(hours=number))
        expected |= {key: max(version, expected.get(key, -1)) for key, version in versions.items()}
    found = target.rows("SELECT sensor, taken, version FROM core.readings")
    assert sorted(found) == sorted((*key, version) for key, version in expected.items())


def test_the_rows_at_both_ends_of_the_range_are_found(target: LoadTarget) -> None:
    contract, taken = sorted_by("TIMESTAMP"), VALUES["TIMESTAMP"]
    target.create(contract)
    target.load(contract, [(1, moment, 1) for moment in taken])
    again = target.load(contract, [(1, taken[2], 2), (1, taken[5], 2)], extracted_at=READ + timedelta(hours=1))
    assert again.counts == Counts(updated=2)
    assert target.load(contract, []).counts == Counts()
