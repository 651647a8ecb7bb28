"""The intervals of the Warehouse page and of the DAG `freshness`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from redshift_etl import dag, settings
from redshift_etl.errors import ConfigError


def test_the_page_reads_every_15_seconds_and_sizes_every_10_minutes_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (settings.page_interval(), settings.sizes_interval()) == (timedelta(seconds=15), timedelta(minutes=10))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__PAGE_INTERVAL", "300")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SIZES_INTERVAL", "3600")
    assert (settings.page_interval(), settings.sizes_interval()) == (timedelta(minutes=5), timedelta(hours=1))


@pytest.mark.parametrize("value", ["often", "0", "-1", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused_with_the_settings_name(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__PAGE_INTERVAL", value)
    with pytest.raises(ConfigError, match="page_interval"):
        settings.page_interval()


def test_freshness_runs_every_quarter_hour_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dag.monitoring().expression == "*/15 * * * *"
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__FRESHNESS_SCHEDULE", "0 * * * *")
    assert dag.monitoring().expression == "0 * * * *"
