"""JSON lines of somebody else's table: exact values, paths, what is absent, files that are not whole."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from redshift_etl.errors import SourceError
from redshift_etl.extract import s3_files
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import DAY, rejects, staged, transform, use_sql_dir

pytestmark = pytest.mark.slow

FRONT = """/*
format: json_lines
columns:
  id: BIGINT
  user.name: VARCHAR(40)
  amount: DECIMAL(30,10)
  note: VARCHAR(40)
  tags: SUPER
optional: [note]
*/
SELECT id, "user.name" AS name, amount, note, tags FROM raw"""
COLUMNS = "id BIGINT NOT NULL, name VARCHAR(40), amount DECIMAL(30,10), note VARCHAR(40), tags SUPER"


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return use_sql_dir(tmp_path, monkeypatch).table("events", COLUMNS, FRONT, max_rejects=2)


def drop(lake: Lake, table: str, *bodies: bytes, name: str = "{}.jsonl") -> Batch:
    keys = [name.format(number) for number in range(len(bodies))]
    for key, body in zip(keys, bodies, strict=True):
        lake.client.put_object(Bucket=lake.location.bucket, Key=f"landing/{key}", Body=body)
    return s3_files.extract(keys, table=table, run="run-try1", lake=lake, window=DAY)


def line(number: object, **values: object) -> bytes:
    record = {"id": number, "user": {"name": "ada"}, "amount": 1, "tags": [], **values}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def loaded(lake: Lake, table: str, *bodies: bytes) -> list[list[str | None]]:
    return staged(lake, transform(lake, drop(lake, table, *bodies)))


def test_numbers_are_the_text_that_stands_in_the_file_whether_quoted_or_not(lake: Lake, events: str) -> None:
    body = (
        b'{"id": 9007199254740993, "user": {"name": "a"}, "amount": 12345678901234567890.0123456789, "tags": {}}\n'
        b'{"id": "9007199254740993", "user": {"name": "a"}, "amount": "0.1", "tags": {"n": [1.10, 9007199254740993]}}\n'
    )
    assert [[row[0], row[2], row[4]] for row in loaded(lake, events, body)] == [
        ["9007199254740993", "0.1000000000", '{"n":[1.10,9007199254740993]}'],
        ["9007199254740993", "12345678901234567890.0123456789", "{}"],
    ]


def test_null_absent_and_empty_are_what_they_are(lake: Lake, events: str) -> None:
    body = line(1, note=None) + line(2, note="") + line(3) + line(4, user=None, tags=None)
    found = {row[0]: row[1:] for row in loaded(lake, events, body)}
    assert [found[number][2] for number in "123"] == [None, "", None]
    assert (found["4"][0], found["4"][3]) == (None, None)


def test_quotes_line_ends_and_other_alphabets_stay(lake: Lake, events: str) -> None:
    note = 'a "b",\nc\r\nd\t🚲'
    [row] = loaded(lake, events, line(1, note=note, user={"name": "Zoë Łuków"}, tags={"k é": [True, None, "x\ny"]}))
    assert (row[1], row[3]) == ("Zoë Łuków", note)
    assert json.loads(str(row[4])) == {"k é": [True, None, "x\ny"]}


def test_a_name_with_a_dot_comes_before_a_path(lake: Lake, events: str) -> None:
    [row] = loaded(lake, events, line(1, **{"user.name": "flat"}))
    assert row[1] == "flat"


def test_a_mark_blank_lines_crlf_and_gzip_of_several_members_are_read(lake: Lake, events: str) -> None:
    plain = b"\xef\xbb\xbf" + line(1).replace(b"\n", b"\r\n") + b"\r\n  \n" + line(2).rstrip()
    packed = gzip.compress(line(3)) + gzip.compress(line(4))
    assert [row[0] for row in loaded(lake, events, plain)] == ["1", "2"]
    batch = drop(lake, events, packed, name="{}.jsonl.gz")
    assert [row[0] for row in staged(lake, transform(lake, batch))] == ["3", "4"]


def test_a_reject_has_the_line_of_its_record(lake: Lake, events: str) -> None:
    batch = drop(lake, events, line(1, note="two\nlines") + b"\n" + line("many") + line(4, amount="1,5"))
    assert transform(lake, batch).rows == 1
    assert [(it["line"], it["lines"], it["column"], it["value"]) for it in rejects(lake, batch)] == [
        (3, 1, "id", "many"),
        (4, 1, "amount", "1,5"),
    ]


@pytest.mark.parametrize(
    ("body", "where", "says"),
    [
        (line(1) + line(2)[:-9], 2, "if this is its last line, it was not written to its end"),
        (b"[" + line(1).strip() + b"]", 1, "not an object a line"),
        (b"7\n", 1, "no JSON object"),
        (line(1) + b'{"id": "\xff"}\n', 2, "not UTF-8"),
        (b"id,name\n1,a\n", 1, "not JSON"),
        (b'{"id": 1, "note": "' + b"x" * (4 << 20) + b'"}\n', 1, "more than 4 MB"),
    ],
    ids=["half-written", "an array", "a number", "another encoding", "CSV", "a long line"],
)
def test_a_file_that_is_no_json_lines_is_refused_with_its_line_whatever_may_be_rejected(
    lake: Lake, events: str, body: bytes, where: int, says: str
) -> None:
    with pytest.raises(SourceError, match=says) as error:
        loaded(lake, events, body)
    assert error.value.where["line"] == where
    assert str(error.value.where["file"]).endswith("landing/0.jsonl")


def test_a_column_that_no_record_has_is_named_with_those_that_are_new(lake: Lake, events: str) -> None:
    renamed = b"".join(json.dumps({"id": n, "who": "x", "amount": 1, "tags": []}).encode() + b"\n" for n in (1, 2))
    with pytest.raises(SourceError, match="No record") as error:
        loaded(lake, events, line(3), renamed)
    assert error.value.where["missing"] == "user.name"
    assert error.value.where["new_columns"] == "who"
    assert str(error.value.where["file"]).endswith("landing/1.jsonl")


def test_a_value_that_becomes_an_object_is_a_reject_and_no_text_of_it(lake: Lake, events: str) -> None:
    batch = drop(lake, events, line(1) + line(2, amount={"value": 1, "currency": "EUR"}))
    transform(lake, batch)
    assert [(it["column"], it["value"]) for it in rejects(lake, batch)] == [("amount", '{"value":1,"currency":"EUR"}')]


def test_a_file_of_no_line_has_no_row(lake: Lake, events: str) -> None:
    assert [row[0] for row in loaded(lake, events, b"\n", line(1))] == ["1"]
