from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlglot
from sqlglot import exp

from redshift_etl.contracts import contract
from redshift_etl.warehouse.compare import has_super
from redshift_etl.warehouse.model import CopySource
from redshift_etl.warehouse.sql import load_sql, sort_range, upsert_sql
from redshift_etl.warehouse.statement import ident, insert_rows, literal
from redshift_etl.window import Window

READ = datetime(2013, 1, 2, tzinfo=UTC)
FLIGHTS = contract.parse("""/*
description: Flights.
owner: us
load: incremental
version: modified_at
deleted: deleted_at
day: flight_date
retention: never
*/
CREATE TABLE core.flights (
    flight_id BIGINT NOT NULL, flight_date DATE NOT NULL, note VARCHAR(8),
    modified_at TIMESTAMP NOT NULL, deleted_at TIMESTAMP, PRIMARY KEY (flight_id)
)""")


def test_copy_names_its_columns_and_its_role_and_no_key() -> None:
    text = load_sql.copy_stage(FLIGHTS, CopySource("s3://lake/m.json", "arn:aws:iam::1:role/r", "us-east-1")).sql
    assert text == (
        'COPY stage ("flight_id", "flight_date", "note", "modified_at", "deleted_at")\n'
        "FROM 's3://lake/m.json'\nIAM_ROLE 'arn:aws:iam::1:role/r'\nREGION 'us-east-1'\n"
        "FORMAT AS CSV ZSTD MANIFEST\nNULL AS '\\\\N'\n"
        "DATEFORMAT 'auto' TIMEFORMAT 'auto'\nCOMPUPDATE OFF"
    )
    assert "CREDENTIALS" not in text
    assert "ACCESS_KEY" not in text


def test_newest_version_wins_then_the_last_read_then_the_tombstone_then_every_other_column() -> None:
    text = upsert_sql.decide(FLIGHTS, READ).sql
    order = (
        'ORDER BY "modified_at" DESC, "_extracted_at" DESC NULLS LAST, '
        'CASE WHEN "deleted_at" IS NULL THEN 1 ELSE 0 END, "flight_date" DESC, '
        '"note" DESC NULLS LAST, "deleted_at" DESC NULLS LAST, from_target DESC'
    )
    assert f'ROW_NUMBER() OVER (PARTITION BY "flight_id" {order}) AS place' in text


def test_a_full_refresh_never_truncates_drops_or_renames() -> None:
    text = "\n".join(statement.sql for statement in load_sql.replace_all(FLIGHTS)).upper()
    assert not any(word in text for word in ("TRUNCATE", "DROP", "RENAME", "ALTER"))
    assert text.startswith("DELETE FROM")


def test_identifiers_are_quoted_part_by_part() -> None:
    assert ident('core.we"ird') == '"core"."we""ird"'


def test_literals_escape_quotes_and_backslashes() -> None:
    assert literal("it's \\N") == "'it''s \\\\N'"


def test_values_are_bound_and_never_in_the_text() -> None:
    (statement,) = insert_rows("etl.t", ("a", "b"), [(1, "x'; --"), (2, None)], "record")
    assert statement.sql == 'INSERT INTO "etl"."t" ("a", "b")\nVALUES (%s, %s), (%s, %s)'
    assert statement.values == (1, "x'; --", 2, None)


@pytest.mark.parametrize("years", [0, 1, 31])
def test_what_records_the_days_touched_does_not_grow_with_the_window(years: int) -> None:
    window = Window(datetime(1995, 1, 1, tzinfo=UTC), datetime(1995 + years, 1, 2, tzinfo=UTC))
    statement = upsert_sql.touch_days(FLIGHTS, "load", window.days)
    assert statement.sql.count("%s") == len(statement.values)
    assert statement.sql == upsert_sql.touch_days(FLIGHTS, "load", window.days[:1]).sql
    assert len(statement.sql) < 3000
    assert upsert_sql.touch_days(FLIGHTS, "load", ()).values == (FLIGHTS.table, "load")


@pytest.mark.parametrize("deleted", [None, "deleted_at"])
def test_an_outcome_has_a_type_wherever_it_is_a_column(deleted: str | None) -> None:
    contract = replace(FLIGHTS, deleted=deleted)
    for relation in (upsert_sql.all_new(contract, READ), upsert_sql.decide(contract, READ).sql):
        (column,) = [each for each in sqlglot.parse_one(_select(relation), dialect="redshift").find_all(exp.Alias)
                     if each.alias == "outcome"]  # fmt: skip
        kinds = [column.this] if isinstance(column.this, exp.Cast) else [*column.this.find_all(exp.Cast)]
        assert {kind.to.sql("redshift") for kind in kinds} == {"VARCHAR(16)"}


def _select(relation: str) -> str:
    return f"SELECT * FROM {relation}" if relation.startswith("(") else relation


def test_the_values_of_the_days_touched_have_types() -> None:
    text = upsert_sql.touch_days(FLIGHTS, "load", (date(2013, 1, 1),)).sql
    assert "SELECT CAST(%s AS VARCHAR(128)), day, CAST(%s AS VARCHAR(32)) FROM (" in text


@pytest.mark.parametrize(("rows", "statements"), [(0, 0), (1, 1), (10922, 1), (10923, 2), (30000, 3)])
def test_an_insert_binds_no_more_than_the_driver_does(rows: int, statements: int) -> None:
    made = insert_rows("etl.t", ("a", "b", "c"), [(number, "b", None) for number in range(rows)], "record")
    assert len(made) == statements
    assert all(len(statement.values) <= 32_767 for statement in made), "the protocol counts them in two bytes"
    assert [value for statement in made for value in statement.values[::3]] == list(range(rows))


def test_a_long_super_is_never_serialized() -> None:
    text = """/*
description: Events.
owner: us
load: incremental
version: at
retention: never
*/
CREATE TABLE core.events (id BIGINT NOT NULL, body SUPER, at TIMESTAMP NOT NULL, PRIMARY KEY (id))"""
    events = contract.parse(text)
    value = 'CASE WHEN JSON_SIZE("body") <= 65535 THEN JSON_SERIALIZE("body") END'
    assert f"{value} DESC NULLS LAST" in upsert_sql.decide(events, READ).sql
    assert load_sql.compare_refresh(events).sql.count(value) == 2
    assert has_super(events)
    assert not has_super(FLIGHTS)


HOURLY = contract.parse("""/*
description: Weather.
owner: us
load: incremental
version: as_of
retention: never
*/
CREATE TABLE core.hourly (
    airport VARCHAR(3) NOT NULL, observed_at TIMESTAMP NOT NULL, as_of TIMESTAMP NOT NULL,
    PRIMARY KEY (airport, observed_at)
)
COMPOUND SORTKEY (observed_at, airport)""")


def test_a_load_reads_the_range_of_its_batch_where_the_key_has_the_sort_column() -> None:
    bounds = sort_range.read_bounds(HOURLY)
    assert bounds
    assert bounds.sql == 'SELECT MIN("observed_at"), MAX("observed_at") FROM stage'
    near = sort_range.between(HOURLY, datetime(2013, 1, 1), datetime(2013, 1, 1, 23))
    condition = (
        "AND {}.\"observed_at\" BETWEEN CAST('2013-01-01 00:00:00' AS TIMESTAMP) "
        "AND CAST('2013-01-01 23:00:00' AS TIMESTAMP)"
    )
    target = '"core"."hourly"'
    assert condition.format("t") in upsert_sql.known_keys(HOURLY, near).sql
    assert condition.format("t") in upsert_sql.decide(HOURLY, READ, near).sql
    delete, _, proof = upsert_sql.write_step(HOURLY, upsert_sql.DECIDED, 1, 1, near)
    assert condition.format(target) in delete.sql
    assert condition.format("t") in proof.sql


def test_a_table_whose_sort_column_may_change_is_read_whole() -> None:
    dated = replace(FLIGHTS, sort="flight_date")
    assert sort_range.read_bounds(dated) is None
    assert sort_range.read_bounds(replace(HOURLY, sort=None)) is None
    assert sort_range.between(HOURLY, None, None) == sort_range.EVERYWHERE
    assert "BETWEEN" not in upsert_sql.known_keys(dated).sql
