"""Which days differ, what they are called, and which command repairs them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from redshift_etl.contracts import contract, reconcile_spec
from redshift_etl.contracts.reconcile_spec import ReconcileSpec
from redshift_etl.errors import ConfigError
from redshift_etl.reconcile import compare as reconcile
from redshift_etl.reconcile.compare import Gap
from redshift_etl.window import Window

FLIGHTS = contract.load("core.flights")
PLAN = ReconcileSpec(FLIGHTS, "flights", "airline_db", "SELECT 1")
FIRST, LAST = date(2013, 1, 1), date(2013, 1, 5)


def day(number: int) -> datetime:
    return datetime(2013, 1, number, tzinfo=UTC)


def loaded(*days: int) -> list[Window]:
    return [Window(day(n), day(n) + timedelta(days=1)) for n in days]


def test_days_are_missing_short_or_stale() -> None:
    source = {date(2013, 1, n): 10 for n in range(1, 5)}
    here = {date(2013, 1, 1): 10, date(2013, 1, 2): 7, date(2013, 1, 3): 12}
    gaps = reconcile.compare(PLAN, FIRST, LAST, loaded(1, 2, 3), source, here)
    assert [(gap.day and gap.day.day, gap.problem, gap.source, gap.warehouse) for gap in gaps] == [
        (2, "short", 10, 7),
        (3, "stale", 10, 12),
        (4, "missing", 10, 0),
    ]


def test_a_day_on_which_the_source_has_nothing_is_not_missing_but_one_that_cannot_be_counted_is() -> None:
    assert reconcile.compare(PLAN, FIRST, FIRST, [], {}, {}) == []
    assert [gap.problem for gap in reconcile.compare(PLAN, FIRST, FIRST, [], None, {})] == ["missing"]


def test_a_day_is_covered_by_windows_that_meet_or_overlap_and_not_by_ones_with_a_hole() -> None:
    half = timedelta(hours=12)
    windows = [Window(day(1), day(1) + half), Window(day(1) + half, day(2)), Window(day(2), day(2) + half)]
    assert reconcile.covered(windows, FIRST, LAST) == {FIRST}
    assert reconcile.covered([Window(day(1), day(6))], FIRST, LAST) == {date(2013, 1, n) for n in range(1, 6)}


def test_days_in_a_row_are_one_command_and_stale_days_are_none() -> None:
    gaps = [Gap("t", "flights", problem, date(2013, 1, n)) for n, problem in
            [(1, "short"), (2, "missing"), (3, "stale"), (4, "missing")]]  # fmt: skip
    assert [found.command for found in reconcile.ranges(gaps)] == [
        """airflow dags trigger flights --conf '{"start": "2013-01-01", "end": "2013-01-02"}'""",
        """airflow dags trigger flights --conf '{"start": "2013-01-04", "end": "2013-01-04"}'""",
    ]
    assert reconcile.ranges(gaps)[0].trigger() == {
        "trigger_dag_id": "flights",
        "conf": {"start": "2013-01-01", "end": "2013-01-02"},
    }


def test_a_file_written_after_it_was_read_is_stale_and_one_run_mends_all_files_of_a_dag() -> None:
    plans = [ReconcileSpec(replace(FLIGHTS), "reference_tables", landing=name) for name in ("a.csv", "b.csv")]
    gaps = [gap for plan in plans for gap in reconcile.compare_file(plan, day(2), day(1))]
    assert [gap.problem for gap in gaps] == ["stale", "stale"]
    assert [found.command for found in reconcile.ranges(gaps)] == ["airflow dags trigger reference_tables"]
    assert reconcile.compare_file(plans[0], day(1), day(2)) == []


def test_without_dates_it_looks_from_some_weeks_before_the_newest_load_to_yesterday() -> None:
    now = datetime(2013, 3, 10, 4, tzinfo=UTC)
    assert reconcile.span([], now, counted=True) is None
    assert reconcile.span(loaded(1, 31), now, counted=True) == (date(2013, 1, 1), date(2013, 3, 9))
    assert reconcile.span(loaded(1, 31), now, counted=False) == (date(2013, 1, 1), date(2013, 1, 31))
    live = [*loaded(1, 7), Window(datetime(2013, 3, 9, tzinfo=UTC), datetime(2013, 3, 10, tzinfo=UTC))]
    assert reconcile.span(live, now, counted=True) == (date(2013, 2, 3), date(2013, 3, 9))
    assert reconcile.span(live, now, counted=False) == (date(2013, 3, 9), date(2013, 3, 9)), "nobody loaded the others"
    year = [Window(day(1), datetime(2013, 3, 10, tzinfo=UTC))]
    assert reconcile.span(year, now, counted=True) == (date(2013, 2, 3), date(2013, 3, 9))


def test_without_dates_a_run_by_hand_looks_at_the_whole_days_that_were_loaded_and_at_the_holes_between_them() -> None:
    now = datetime(2026, 11, 28, 4, tzinfo=UTC)
    hour, late = timedelta(hours=1), Window(datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC))
    assert reconcile.loaded_spans([], now, counted=True) == []
    assert reconcile.loaded_spans(loaded(1, 2, 5), now, counted=True) == [(date(2013, 1, 1), date(2013, 1, 5))]
    assert reconcile.loaded_spans([*loaded(3, 4), late], now, counted=True) == [
        (date(2013, 1, 3), date(2013, 1, 4)),
        (date(2026, 11, 26), date(2026, 11, 27)),
    ]
    assert reconcile.loaded_spans([late], now, counted=False) == [(date(2026, 11, 26), date(2026, 11, 26))]
    hourly = [Window(day(1) + n * hour, day(1) + (n + 1) * hour) for n in range(5, 60)]
    assert reconcile.loaded_spans(hourly, now, counted=True) == [(date(2013, 1, 2), date(2013, 1, 2))]
    assert reconcile.loaded_spans(hourly[:3], now, counted=True) == [], "no whole day was loaded"
    today = Window(datetime(2026, 11, 28, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC))
    assert reconcile.loaded_spans([today], now, counted=True) == []


@pytest.mark.parametrize("text", [
    "SELECT 1", "/*\nconnection: x\n*/\nSELECT 1", "/*\ndag: x\nconnection: y\n*/", "/*\ndag: x\n*/\nSELECT 1",
    "/*\ndag: x\ntable: y\n*/",
])  # fmt: skip
def test_a_comparison_that_does_not_hold_together_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"reconcile/core/flights\.sql"):
        reconcile_spec.parse(FLIGHTS, text, Path("include/sql/reconcile/core/flights.sql"))


def test_every_table_that_is_loaded_says_how_it_is_compared() -> None:
    for table in contract.all_tables():
        if table.startswith("core."):
            assert reconcile_spec.read(contract.load(table)), table


def test_the_report_names_the_days_and_the_commands() -> None:
    text = reconcile.report(["`core.flights`: …"], [Gap("core.flights", "flights", "short", FIRST, 10, 7)])
    assert "| core.flights | 2013-01-01 | short | 10 | 7 |" in text
    assert """airflow dags trigger flights --conf '{"start": "2013-01-01", "end": "2013-01-01"}'""" in text
    assert "agree" in reconcile.report([], [])
