"""Write, audit, publish: a batch that fails a check changes nothing, and its rows can be looked at afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.checks import rules
from redshift_etl.checks import run as audit
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.check import Check
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Reference
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse import load
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.window import Window
from tests.integration.batches import INCREMENTAL, REFRESHED, RUN, LoadTarget

THINGS = replace(INCREMENTAL, accepted={"name": ("a", "b")})


@pytest.fixture
def things(target: LoadTarget) -> LoadTarget:
    target.create(THINGS)
    return target


def load_checked(target: LoadTarget, contract: Contract, rows: list[Any], more: tuple[Check, ...] = ()) -> LoadRecord:
    batch = target.batch(contract, rows)
    window = batch.window if contract.load == "incremental" else None
    gate = audit.Audit(target.connect, contract, (*rules.from_contract(contract, window), *more), RUN)
    return load.execute(target.connect, batch, [gate.stage], [gate.result])


def row(number: int, name: str | None = "a", version: str = "2013-01-01 12:00:00") -> tuple[Any, ...]:
    return (number, version, "2013-01-01", name, None)


def outcomes(target: LoadTarget) -> dict[str, tuple[str, int]]:
    found = target.rows("SELECT check_name, outcome, failing_rows FROM etl.check_results")
    return {name: (outcome, failing) for name, outcome, failing in found}


def test_a_sound_batch_is_loaded_and_each_check_recorded_with_it(things: LoadTarget) -> None:
    load_checked(things, THINGS, [row(1), row(2, "b"), row(3, None)])
    assert things.history() == 1
    assert set(outcomes(things).values()) == {("passed", 0)}
    assert {"not_null", "byte_length", "accepted_name", "row_count", "key_unique"} <= set(outcomes(things))


def test_a_failed_check_leaves_the_table_untouched_and_keeps_the_rows(things: LoadTarget) -> None:
    load_checked(things, THINGS, [row(1)])
    before = things.table(THINGS)
    with pytest.raises(SourceError) as error:
        load_checked(things, THINGS, [row(1, "b", "2013-01-01 13:00:00"), *(row(n, "z") for n in range(10, 260))])
    assert things.table(THINGS) == before
    assert things.history() == 1
    kept = things.rows("SELECT row_key, reason FROM etl.check_failures WHERE check_name = 'accepted_name'")
    assert len(kept) == 100
    assert ("id=10", "name is z") in kept
    assert ("accepted_name", "failed", 250) in things.rows(
        "SELECT check_name, outcome, failing_rows FROM etl.check_results WHERE outcome <> 'passed'"
    )
    assert "accepted_name, 250 rows" in str(error.value)
    assert str(error.value).count("name is z") == 5


def test_a_warning_is_recorded_and_the_batch_is_loaded(things: LoadTarget) -> None:
    load_checked(things, THINGS, [row(1, version="2999-01-01 00:00:00")])
    assert outcomes(things)["version_not_ahead"] == ("warned", 1)
    assert things.history() == 1
    assert things.rows("SELECT row_key FROM etl.check_failures") == [("id=1",)]


@pytest.mark.parametrize(("rows", "verdict"), [(4, "warned"), (5, "passed"), (20, "passed"), (21, "warned")])
def test_a_batch_far_from_the_mean_of_the_last_ones_is_a_warning(things: LoadTarget, rows: int, verdict: str) -> None:
    load_days(things, rules.HISTORY_NEEDED)
    load_checked(things, THINGS, [row(n) for n in range(rows)])
    assert outcomes(things)["row_count"] == (verdict, int(verdict == "warned"))
    kept = things.rows("SELECT reason FROM etl.check_failures")
    assert kept == [("the mean of the last loads is 10.0",)] * (verdict == "warned")


def load_days(things: LoadTarget, days: int) -> None:
    """Ten rows in each of some days that end with 31 December 2012."""
    for number in range(days):
        day = datetime(2012, 12, 31, tzinfo=UTC) - timedelta(days=number)
        things.load(THINGS, [row(n) for n in range(10)], window=Window(day, day + timedelta(days=1)))


@pytest.mark.slow
def test_a_window_that_ran_more_than_once_counts_once_by_its_newest_load(things: LoadTarget) -> None:
    load_days(things, rules.HISTORY_NEEDED - 1)
    again = {"window": Window(datetime(2012, 6, 1, tzinfo=UTC), datetime(2012, 6, 2, tzinfo=UTC))}
    for rows in (1, 1, 1, 1, 10):
        things.load(THINGS, [row(n) for n in range(rows)], **again)
    load_checked(things, THINGS, [row(n) for n in range(21)])
    assert things.rows("SELECT reason FROM etl.check_failures") == [("the mean of the last loads is 10.0",)]


@pytest.mark.slow
def test_a_window_that_ran_again_and_again_is_still_too_few(things: LoadTarget) -> None:
    load_days(things, rules.HISTORY_NEEDED - 2)
    for _ in range(rules.HISTORY_NEEDED):
        load_days(things, 1)
    load_checked(things, THINGS, [row(1)])
    assert outcomes(things)["row_count"] == ("passed", 0)


def test_each_refresh_of_a_table_counts(target: LoadTarget) -> None:
    target.create(REFRESHED)
    for _ in range(rules.HISTORY_NEEDED):
        target.load(REFRESHED, [(n, "a") for n in range(10)], window=None)
    load_checked(target, REFRESHED, [(n, "a") for n in range(21)])
    assert outcomes(target)["row_count"] == ("warned", 1)


@pytest.mark.slow
def test_too_few_loads_or_those_of_a_longer_window_say_nothing_of_a_batch(things: LoadTarget) -> None:
    load_days(things, rules.HISTORY_NEEDED - 1)
    for day in range(rules.HISTORY_NEEDED):
        longer = datetime(2013, 3, 1 + day, tzinfo=UTC)
        things.load(THINGS, [row(n) for n in range(10)], window=Window(longer, longer + timedelta(days=30)))
    load_checked(things, THINGS, [row(1)])
    assert outcomes(things)["row_count"] == ("passed", 0)


def test_a_batch_older_than_its_window_says_is_a_warning(things: LoadTarget) -> None:
    contract = replace(THINGS, fresh_within=timedelta(hours=1))
    load_checked(things, contract, [row(1, version="2013-01-01 01:00:00")])
    assert outcomes(things)["freshness"] == ("warned", 1)


def test_the_same_key_twice_in_a_refresh_names_the_key(target: LoadTarget) -> None:
    target.create(REFRESHED)
    with pytest.raises(SourceError, match=r"key_unique, 1 rows, e\.g\. id=1 \(the key occurs 2 times\)"):
        load_checked(target, REFRESHED, [(1, "a"), (1, "b"), (2, "c")])
    assert target.table(REFRESHED) == []


def test_a_check_on_the_result_sees_the_whole_table_and_rolls_everything_back(things: LoadTarget) -> None:
    load_checked(things, THINGS, [row(n) for n in range(3)])
    few = Check(
        name="few",
        severity="fail",
        on="result",
        description="At most four rows.",
        sql="SELECT n, 'too many' AS r FROM (SELECT COUNT(*) AS n FROM :rows) AS t WHERE n > 4",
        path=Path("few.sql"),
    )
    with pytest.raises(SourceError, match=r"few, 1 rows, e\.g\. id=6 "):
        load_checked(things, THINGS, [row(n) for n in range(10, 13)], (few,))
    assert len(things.table(THINGS)) == 3
    assert things.history() == 1


def test_a_check_that_the_warehouse_refuses_stops_the_load_and_names_its_file(things: LoadTarget) -> None:
    broken = Check("broken", "warn", "stage", "d", "SELECT nothing FROM :rows", path=Path("core/broken.sql"))
    with pytest.raises(ConfigError, match=r"core/broken\.sql") as error:
        load_checked(things, THINGS, [row(1)], (broken,))
    assert "nothing" in str(error.value)
    assert things.table(THINGS) == []


def test_references_that_are_missing_are_named_and_loaded_all_the_same(things: LoadTarget) -> None:
    things.run("CREATE TABLE core.names (name VARCHAR(5), PRIMARY KEY (name))")
    things.run("INSERT INTO core.names VALUES ('a'), ('a')")
    columns = tuple(
        replace(column, references=Reference("core.names", "name", declared=False)) if column.name == "name" else column
        for column in INCREMENTAL.columns
    )
    load_checked(things, replace(INCREMENTAL, columns=columns), [row(1), row(2, "b"), row(3, None)])
    assert outcomes(things)["references_name"] == ("warned", 1)
    assert things.rows("SELECT row_key, reason FROM etl.check_failures") == [("id=2", "name b is not in core.names")]
    assert things.history() == 1


def test_a_boolean_that_is_not_accepted_is_named(things: LoadTarget) -> None:
    flags = contracts.parse("""/*
description: Flags.
owner: us
load: incremental
version: version
retention: never
accepted:
  flag: [true]
*/
CREATE TABLE core.flags (id BIGINT NOT NULL, version TIMESTAMP NOT NULL, flag BOOLEAN, PRIMARY KEY (id));""")
    things.create(flags)
    batch = [(1, "2013-01-01", "true"), (2, "2013-01-01", None), (3, "2013-01-01", "false")]
    with pytest.raises(SourceError, match=r"accepted_flag, 1 rows, e\.g\. id=3 \(flag is false\)"):
        load_checked(things, flags, batch)
