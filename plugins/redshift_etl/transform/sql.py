"""The SQL that makes raw rows satisfy a contract: what is read, held back and staged. Pure: text in, DuckDB SQL out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redshift_etl.contracts import names
from redshift_etl.contracts.column_type import Type
from redshift_etl.contracts.csv_format import NO_HEADER, STANDARD, CsvFormat
from redshift_etl.contracts.ddl import Column
from redshift_etl.contracts.transform_spec import PARQUET, TransformSpec
from redshift_etl.lake.files import RawFile
from redshift_etl.transform.value_checks import (
    BLOB,
    NULL,
    Check,
    contract_checks,
    digits,
    duck_type,
    literal,
    quoted,
    raw_checks,
)  # fmt: skip

BAD = "bad"  # the sequence that counts rows that were held back
MAX_LINE_BYTES = 4 << 20  # AWS, "COPY": a row is at most 4 MB
SHOWN_CHARS = 65_535  # of a rejected value: as many bytes as the longest VARCHAR has
BUFFER_BYTES = 2 * MAX_LINE_BYTES


def csv_relation(paths: Iterable[str], columns: Sequence[str], rejects_limit: int, form: CsvFormat = STANDARD) -> str:
    """CSV files as a relation of text columns; lines that are not CSV go to ``reject_errors``.

    Their names have no character that DuckDB would expand. An empty field is NULL and ``""`` the empty string.
    ``new_line`` is not set: a wrong one returns no rows.
    """
    files = ", ".join(map(literal, paths))
    names = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv([{files}], columns = {{{names}}}, auto_detect = false, "
        f"header = {str(form.header != NO_HEADER).lower()}, delim = {literal(form.delimiter)}, "
        f"quote = {literal(form.quote)}, escape = {literal(form.quote)}, strict_mode = true, nullstr = '', "
        "allow_quoted_nulls = false, store_rejects = true, "
        f"rejects_limit = {rejects_limit}, max_line_size = {MAX_LINE_BYTES}, buffer_size = {BUFFER_BYTES})"
    )


def files_relation(files: Sequence[RawFile], spec: TransformSpec, rejects_limit: int) -> str:
    """The transform's columns of files in DuckDB's folder, each of which may have them in an order of its own."""
    if spec.format == PARQUET:
        return f"({' UNION ALL '.join(parquet_select(file, list(spec.columns)) for file in files)}) AS files"
    return _csv_files(files, list(spec.columns), rejects_limit, spec.csv)


def parquet_select(file: RawFile, columns: Sequence[str]) -> str:
    """The values of a Parquet file as text, by the names of their columns, in the ways that ``file.as_text`` has."""
    values = ", ".join(
        f"{file.as_text.get(name, '{}').format(quoted(name))}::VARCHAR AS {quoted(name)}" for name in columns
    )
    return f"SELECT {values} FROM read_parquet({literal(file.path.name)})"


def _csv_files(files: Iterable[RawFile], columns: Sequence[str], rejects_limit: int, form: CsvFormat) -> str:
    alike: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        alike.setdefault(file.columns or tuple(columns), []).append(file.path.name)
    if list(alike) == [tuple(columns)]:
        return csv_relation(alike[tuple(columns)], columns, rejects_limit, form)
    names = ", ".join(map(quoted, columns))
    relations = (csv_relation(paths, own, rejects_limit, form) for own, paths in alike.items())
    return f"({' UNION ALL '.join(f'SELECT {names} FROM {relation}' for relation in relations)}) AS files"


def _staged(column: Column, actual: str) -> str:
    """A value as COPY reads it."""
    name = quoted(column.name)
    if column.type.name == "VARBYTE":
        return f"hex({name})" if actual == BLOB else digits(name)
    return f"CAST({name} AS {duck_type(column.type)})"


@dataclass(frozen=True)
class Explaining:
    """Two columns more of the view ``raw``, under names that no other column has: a row's number, its problems."""

    row: str
    problems: str

    @classmethod
    def beside(cls, *some: Iterable[str]) -> Explaining:
        """Names that are not among these."""
        taken = [name for part in some for name in part]
        return cls(names.unused("_row", taken), names.unused("_problems", taken))


def raw_view(relation: str, columns: Mapping[str, Type], explaining: Explaining | None = None) -> str:
    """The view ``raw`` that a transform reads: typed columns, rows that break a type held back and counted.

    With ``explaining`` nothing is held back: two more columns number the rows and list what is wrong with each.
    """
    typed = [f"try_cast({quoted(name)} AS {duck_type(kind)}) AS {quoted(name)}" for name, kind in columns.items()]
    checks = raw_checks(columns)
    if explaining:
        typed += [f"row_number() OVER () AS {explaining.row}", f"{_problems(checks)} AS {explaining.problems}"]
        return f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join(typed)} FROM {relation}"
    return f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join(typed)} FROM {relation} WHERE {_hold_back(checks)}"


def _hold_back(checks: Sequence[Check]) -> str:
    if not checks:
        return "true"
    bad = "\n OR ".join(f"({check.bad})" for check in checks)
    return f"CASE WHEN {bad}\n THEN nextval('{BAD}') < 0 ELSE true END"


def _problems(checks: Sequence[Check]) -> str:
    found = [
        f"CASE WHEN {check.bad} THEN {{'column': {literal(check.column)}, 'value': {_shown(check.column)}, "
        f"'reason': {literal(check.reason)}}} END"
        for check in checks
    ]
    return f"list_filter([{', '.join(found) or 'NULL'}], lambda problem: problem IS NOT NULL)"


def _shown(name: str) -> str:
    """A column's value as a reject has it."""
    return f"left({quoted(name)}::VARCHAR, {SHOWN_CHARS})"


def stage(
    select: str, columns: Sequence[Column], types: Mapping[str, str], key: Sequence[str], folder: str, file_bytes: int
) -> str:
    r"""COPY the transform's rows, in the contract's types and order, into CSV files; returns the count and the files.

    ``\N`` is NULL and an empty field the empty string, as in ``COPY … FORMAT AS CSV ZSTD NULL AS '\N'``.
    """
    values = ", ".join(_staged(column, types[column.name]) for column in columns)
    rows = f"SELECT {values} FROM (\n{select}\n) AS shaped\nWHERE {_hold_back(contract_checks(columns, types, key))}"
    return (
        f"COPY ({rows}) TO {literal(folder)} (FORMAT csv, HEADER false, NULLSTR {literal(NULL)}, COMPRESSION zstd, "
        f"FILE_SIZE_BYTES {file_bytes}, OVERWRITE true, RETURN_FILES true)"
    )


def explain(
    select: str,
    columns: Sequence[Column],
    types: Mapping[str, str],
    key: Sequence[str],
    limit: int,
    explaining: Explaining,
) -> str:
    """The bad rows of the one file behind an explaining `raw_view`: row number, problems, key. In the file's order."""
    row, raw = explaining.row, explaining.problems
    shaped = f"SELECT {row}, {raw}, {select[len('SELECT') :]}"
    found = _problems(contract_checks(columns, types, key))
    keys = ", ".join(f"{literal(name)}: {_shown(name)}" for name in key) or "'': NULL"
    # What follows from a bad raw value is not named twice.
    problems = f"CASE WHEN len({raw}) > 0 THEN {raw} ELSE {found} END"
    listed = f"SELECT {row} AS n, {problems} AS problems, {{{keys}}} AS row_key FROM (\n{shaped}\n) AS shaped"
    return (
        f"SELECT n, to_json(problems), to_json(row_key) FROM ({listed}) AS listed "
        f"WHERE len(problems) > 0 ORDER BY n LIMIT {limit}"
    )
