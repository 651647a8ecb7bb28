"""The reference tables' own files: pinned in the landing zone, validated and cast by their contracts."""

from __future__ import annotations

import pytest

from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.extract import s3_files
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import staged, transform

AIRPORTS = (
    "faa,name,lat,lon,alt,tz,dst,tzone\n"
    "EWR,Newark Liberty Intl,40.6925,-74.168667,18,-5,A,America/New_York\n"
    "BFT,Beaufort,32.4774,-80.7232,500,-5,A,NA\n"
    "ORD,Chicago O\\'Hare Intl,41.978603,-87.904842,668,-6,A,America/Chicago\n"
)
PLANES = (
    "tailnum,year,type,manufacturer,model,engines,seats,speed,engine\n"
    "N10156,2004,Fixed wing multi engine,EMBRAER,EMB-145XR,2,55,NA,Turbo-fan\n"
    "N201AA,NA,Fixed wing single engine,CESSNA,150,1,2,90,Reciprocating\n"
)


def drop(lake: Lake, name: str, text: str) -> None:
    lake.client.put_object(Bucket=lake.location.bucket, Key=f"landing/{name}", Body=text.encode())


def extract(lake: Lake, name: str) -> Batch:
    return s3_files.extract([f"{name}.csv"], table=f"core.{name}", run="run-try1", lake=lake)


def test_airports_are_typed_and_their_missing_time_zone_is_null(lake: Lake) -> None:
    drop(lake, "airports.csv", AIRPORTS)
    batch = transform(lake, extract(lake, "airports"))
    assert staged(lake, batch) == [
        ["BFT", "Beaufort", "32.4774", "-80.7232", "500", "-5.00", "A", None],
        ["EWR", "Newark Liberty Intl", "40.6925", "-74.168667", "18", "-5.00", "A", "America/New_York"],
        ["ORD", "Chicago O\\'Hare Intl", "41.978603", "-87.904842", "668", "-6.00", "A", "America/Chicago"],
    ]
    assert (batch.window, batch.extracted, batch.rows) == (None, 3, 3)


def test_planes_have_null_where_the_file_says_na(lake: Lake) -> None:
    drop(lake, "planes.csv", PLANES)
    rows = staged(lake, transform(lake, extract(lake, "planes")))
    assert [(row[0], row[1], row[7]) for row in rows] == [("N10156", "2004", None), ("N201AA", None, "90")]


def test_airlines_pass_through(lake: Lake) -> None:
    drop(lake, "airlines.csv", "carrier,name\n9E,Endeavor Air Inc.\n")
    assert staged(lake, transform(lake, extract(lake, "airlines"))) == [["9E", "Endeavor Air Inc."]]


def test_nothing_is_copied(lake: Lake) -> None:
    drop(lake, "airlines.csv", "carrier,name\n9E,Endeavor Air Inc.\n")
    [entry] = lake.read_manifest(extract(lake, "airlines").manifest)
    assert entry.url == f"s3://{lake.location.bucket}/landing/airlines.csv"
    assert entry.etag


def test_a_file_dropped_again_between_extract_and_transform_is_noticed(lake: Lake) -> None:
    drop(lake, "airlines.csv", "carrier,name\n9E,Endeavor Air Inc.\n")
    batch = extract(lake, "airlines")
    drop(lake, "airlines.csv", "carrier,name\nAA,American Airlines\n")
    with pytest.raises(SourceError, match="written again"):
        transform(lake, batch)


def test_a_file_that_was_not_dropped_is_named(lake: Lake) -> None:
    with pytest.raises(SourceError) as error:
        extract(lake, "airlines")
    assert error.value.where["key"] == f"s3://{lake.location.bucket}/landing/airlines.csv"


def test_an_empty_file_is_refused_before_the_transform(lake: Lake) -> None:
    drop(lake, "airlines.csv", "")
    with pytest.raises(SourceError, match="empty"):
        extract(lake, "airlines")


def test_a_lake_that_is_not_there_is_a_setting_to_correct(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(lake, "airlines.csv", "carrier,name\n")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LAKE", "s3://there-is-no-such-bucket/lake")
    with pytest.raises(ConfigError, match="bucket"):
        extract(Lake.connect(), "airlines")


def test_a_landing_zone_that_is_not_configured_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__REDSHIFT_ETL__LANDING")
    with pytest.raises(ConfigError, match="AIRFLOW__REDSHIFT_ETL__LANDING"):
        extract(lake, "airlines")
