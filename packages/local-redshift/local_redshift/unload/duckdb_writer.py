"""UNLOAD's files that are not one stream of text: Parquet, and files partitioned by columns. DuckDB writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import duckdb

from local_redshift.protocol.backend import QueryColumn
from local_redshift.s3.client import S3Error
from local_redshift.statements.unload import UnloadCommand

_TYPES = {
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
}
_CODECS = {"gzip": "gzip", "zstd": "zstd"}


@dataclass
class PartFile:
    """One file: its key below the target, its path on disk, and its number of rows."""

    key: str
    path: Path
    rows: int


def write(source: Path, columns: list[QueryColumn], command: UnloadCommand, folder: Path) -> list[PartFile]:
    """Turn a headerless CSV of the query's rows into the command's files. Raises S3Error for what cannot be written."""
    parquet = command.format == "parquet"
    if command.format == "json" or command.compression == "bzip2":
        raise S3Error(
            f"PARTITION BY with {command.compression or command.format} is not modelled by the local Redshift"
        )
    missing = [name for name in command.partition if name not in {column.name for column in columns}]
    if missing:
        raise S3Error(f'PARTITION BY column "{missing[0]}" is not in the query')
    schema = ", ".join(f"{_quoted(c.name)}: {_quoted(_type(c) if parquet else 'VARCHAR', chr(39))}" for c in columns)
    layout = (
        "auto_detect = false, delim = ',', header = false, quote = '\"', escape = '\"', "
        "nullstr = '\\N', allow_quoted_nulls = false"
    )
    rows = f"SELECT * FROM read_csv('{source}', {layout}, columns = {{{schema}}})"
    target = folder / "out"
    try:
        return _write(rows, target, command)
    except duckdb.Error as error:
        raise S3Error(f"The rows cannot be written as {command.format}: {str(error).splitlines()[0]}") from error


def _write(rows: str, target: Path, command: UnloadCommand) -> list[PartFile]:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'; SET threads = 1")
        if command.partition:
            engine.execute(f"COPY ({rows}) TO '{target}' ({_options(command)}, {_partition(command)})")
        else:
            target.mkdir()
            engine.execute(f"COPY ({rows}) TO '{target / 'data_0.parquet'}' ({_options(command)})")
        return [_part(engine, path, target, command) for path in sorted(target.rglob("*")) if path.is_file()]


def _type(column: QueryColumn) -> str:
    if column.type == "numeric":
        return f"DECIMAL({column.precision},{column.scale})" if column.precision else "DECIMAL(38,10)"
    return _TYPES.get(column.type, "VARCHAR")


def _options(command: UnloadCommand) -> str:
    if command.format == "parquet":
        return "FORMAT parquet, COMPRESSION snappy"
    delimiter = command.delimiter or ("," if command.format == "csv" else "|")
    codec = f", COMPRESSION {_CODECS[command.compression]}" if command.compression else ""
    header = "true" if command.has("header") else "false"
    by, null = _quoted(delimiter, "'"), _quoted(command.null_as, "'")
    return f"FORMAT csv, HEADER {header}, DELIMITER {by}, NULLSTR {null}{codec}"


def _partition(command: UnloadCommand) -> str:
    names = ", ".join(map(_quoted, command.partition))
    return f"PARTITION_BY ({names}), WRITE_PARTITION_COLUMNS {'true' if command.include else 'false'}"


def _part(engine: duckdb.DuckDBPyConnection, path: Path, root: Path, command: UnloadCommand) -> PartFile:
    reader = "read_parquet" if command.format == "parquet" else "read_csv"
    options = "" if command.format == "parquet" else f", header = {command.has('header')}, all_varchar = true"
    rows = engine.execute(
        f"SELECT count(*) FROM {reader}({_quoted(str(path), chr(39))}{options}, hive_partitioning = false)"
    ).fetchall()[0][0]
    folder = unquote(str(path.parent.relative_to(root))) if path.parent != root else ""
    number = path.stem.split("_")[1].split(".")[0]
    name = f"0000_part_{int(number):02d}" if command.parallel else f"{int(number):03d}"
    return PartFile("/".join(filter(None, (folder, name + command.suffix))), path, rows)


def _quoted(text: str, mark: str = '"') -> str:
    return mark + text.replace(mark, mark * 2) + mark
