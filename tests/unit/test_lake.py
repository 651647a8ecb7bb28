"""Keys that no two tries share, and values that survive XCom and a manifest."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.lake.batch import RAW, STAGED, Batch, Entry, prefix, run_slug
from redshift_etl.lake.storage import Lake
from redshift_etl.window import Window

DAY = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
TRIES = st.tuples(st.text(max_size=90), st.text(max_size=90), st.integers(1, 99), st.integers(-1, 99))


@given(TRIES, TRIES)
def test_two_tries_never_share_a_slug(one: tuple[str, str, int, int], other: tuple[str, str, int, int]) -> None:
    assert (run_slug(*one) == run_slug(*other)) == (one == other)


@given(TRIES)
def test_a_slug_is_one_safe_part_of_a_key(one: tuple[str, str, int, int]) -> None:
    assert re.fullmatch("[A-Za-z0-9-]{1,100}", run_slug(*one))


def test_a_slug_can_be_read() -> None:
    slug = run_slug("flights", "scheduled__2013-01-02T00:00:00+00:00", 2)
    assert slug.startswith("scheduled-2013-01-02T00-00-00-00-00-")
    assert slug.endswith("-try2")


def test_a_prefix_says_what_and_when() -> None:
    assert prefix(RAW, "core.flights", DAY, "r") == "raw/core.flights/20130101T000000-20130102T000000/r"
    assert prefix(STAGED, "core.planes", None, "r") == "staged/core.planes/full/r"


def test_a_batch_survives_xcom() -> None:
    for window in (DAY, None):
        batch = Batch("core.t", window, "r", "m", 5, 100, 2, 7, 2, datetime(2013, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
        assert Batch.from_dict(json.loads(json.dumps(batch.as_dict()))) == batch


def test_an_entry_survives_a_manifest() -> None:
    for entry in (Entry("s3://b/k", 5), Entry("s3://b/k", 5, 0, '"tag"', {"place": "JFK"})):
        assert Entry.from_dict(json.loads(json.dumps(entry.as_dict()))) == entry


def test_an_entry_is_mandatory_so_that_a_missing_file_fails_the_copy() -> None:
    assert Entry("s3://b/k", 5, 3).as_dict() == {
        "url": "s3://b/k",
        "mandatory": True,
        "meta": {"content_length": 5, "record_count": 3},
    }


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"role_arn": "arn:aws:iam::1:role/lake", "endpoint_url": "http://127.0.0.1:1"}, TransientError),
        ({"role_arn": "arn:aws:iam::1:role/lake", "profile_name": "no-such-profile"}, ConfigError),
    ],
)
def test_a_role_that_cannot_be_assumed_is_one_of_our_errors(
    monkeypatch: pytest.MonkeyPatch, how: dict[str, str], error: type[Exception]
) -> None:
    once = {"region_name": "us-east-1", "config_kwargs": {"retries": {"max_attempts": 0}}}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": {**once, **how}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LAKE", "s3://bucket/lake")
    with pytest.raises(error):
        Lake.connect()
