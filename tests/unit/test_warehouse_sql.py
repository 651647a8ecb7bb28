from __future__ import annotations

import pytest

from redshift_etl.contracts import contract
from redshift_etl.warehouse import load_sql
from redshift_etl.warehouse.model import CopySource
from redshift_etl.warehouse.statement import ident, insert_rows, literal

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


def test_newest_version_wins_then_the_tombstone_then_every_other_column() -> None:
    text = load_sql.decide(FLIGHTS).sql
    order = (
        'ORDER BY "modified_at" DESC, CASE WHEN "deleted_at" IS NULL THEN 1 ELSE 0 END, "flight_date" DESC, '
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


@pytest.mark.parametrize("days", [(), ("2013-01-01",), ("2013-01-01", "2013-01-02")])
def test_touched_days_bind_one_value_a_mark(days: tuple[str, ...]) -> None:
    statement = load_sql.touch_days(FLIGHTS, "load", days)
    assert statement.sql.count("%s") == len(statement.values) == 2 + len(days)
