"""UNLOAD: the query's rows go to files on disk, from there to S3, and the manifest last.

The stand-in is a cluster of one slice: PARALLEL ON names files `0000_part_00`, `0000_part_01`, …, PARALLEL OFF `000`,
`001`, ….
"""

from __future__ import annotations

import asyncio
import bz2
import gzip
import json
import tempfile
from pathlib import Path
from typing import IO, Any

import zstandard

from local_redshift.copy.columns import NULL_MARKER
from local_redshift.protocol import messages
from local_redshift.protocol.host import Host
from local_redshift.s3.client import S3Error, s3_client, split_url
from local_redshift.s3.region import check_region
from local_redshift.s3.target import default_kms_key, delete_objects, list_keys, put_object, upload_file
from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import Refusal
from local_redshift.statements.plan import Forward, Plan
from local_redshift.statements.unload import UnloadCommand
from local_redshift.unload import duckdb_writer
from local_redshift.unload.duckdb_writer import PartFile
from local_redshift.unload.text import copy_options, delimiter_of, redshift_rows


async def run_unload(session: Host, command: UnloadCommand, query: Plan) -> bytes:
    """Unload the rows of a query, given the plan of `command.query`, and return the client's replies.

    Raises BackendError, after failing the client's transaction.
    """
    if isinstance(query, Refusal):
        raise await session.failure(query)
    if not isinstance(query, Forward):
        raise await session.failure(Refusal("UNLOAD takes a SELECT", "42601"))
    try:
        rows = await _unload(session, command, query.sql)
    except S3Error as error:
        raise await session.failure(Refusal(str(error), "XX000")) from error
    return messages.notice(f"UNLOAD completed, {rows} record(s) unloaded successfully.") + messages.command_complete(
        "UNLOAD"
    )


async def _unload(session: Host, command: UnloadCommand, query: str) -> int:
    client = await asyncio.to_thread(s3_client, session.config, command.credentials, command.region)
    await asyncio.to_thread(check_region, client, session.config, command.region, command.target)
    await asyncio.to_thread(_prepare_target, client, command)
    columns = await session.backend.describe(query)
    with tempfile.TemporaryDirectory(prefix="redshift-unload-") as name:
        folder = Path(name)
        if command.format == "parquet" or command.partition:
            source = folder / "rows.csv"
            with source.open("wb") as file:
                async for data in session.backend.copy_out(
                    f"COPY ({query}) TO STDOUT WITH (FORMAT csv, NULL {quote_literal(NULL_MARKER)})"
                ):
                    file.write(data)
            files = await asyncio.to_thread(duckdb_writer.write, source, columns, command, folder)
        else:
            files = await _text_files(session, command, query, [column.name for column in columns], folder)
        await asyncio.to_thread(_upload, client, command, files, columns)
        return sum(file.rows for file in files)


def _prepare_target(client: Any, command: UnloadCommand) -> None:
    """Refuse a target that is not empty, or empty it, by the options. Raises S3Error."""
    bucket, prefix = split_url(command.target)
    if command.auto_key and (key := default_kms_key(client, bucket)):
        raise S3Error(
            f"The local Redshift, which has no KMS, does not model ENCRYPTED AUTO with the default key {key} of bucket "
            f"{bucket}: use ENCRYPTED"
        )
    existing = list_keys(client, bucket, prefix)
    if existing and command.has("cleanpath"):
        delete_objects(client, bucket, existing)
    elif existing and not command.has("allowoverwrite"):
        raise S3Error(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, "
            "manually removing the target files in S3, or using the ALLOWOVERWRITE option."
        )


async def _text_files(
    session: Host, command: UnloadCommand, query: str, names: list[str], folder: Path
) -> list[PartFile]:
    if command.format == "json":
        query = f"SELECT row_to_json(q) FROM ({query}) AS q"
    header = (delimiter_of(command).join(names) + "\n").encode() if command.has("header") else b""
    sequence = _FileSequence(folder, command, header)
    rows = session.backend.copy_out(f"COPY ({query}) TO STDOUT WITH ({copy_options(command)})")
    async for row in redshift_rows(rows, command):
        sequence.write(row)
    return sequence.close()


class _FileSequence:
    """Files of at most MAXFILESIZE, each with the header."""

    def __init__(self, folder: Path, command: UnloadCommand, header: bytes) -> None:
        self._folder, self._command, self._header = folder, command, header
        self._files: list[PartFile] = []
        self._open: IO[bytes] | None = None
        self._size = 0

    def write(self, row: bytes) -> None:
        if self._open is None or self._size + len(row) > self._command.max_file_size:
            self._next()
        assert self._open is not None
        self._open.write(row)
        self._size += len(row)
        self._files[-1].rows += 1

    def _next(self) -> None:
        if self._open is not None:
            self._open.close()
        number = len(self._files)
        name = f"0000_part_{number:02d}" if self._command.parallel else f"{number:03d}"
        path = self._folder / name
        self._files.append(PartFile(name + self._command.suffix, path, 0))
        self._open = _compressed(path, self._command.compression)
        self._open.write(self._header)
        self._size = len(self._header)

    def close(self) -> list[PartFile]:
        if self._open is None:
            self._next()
        assert self._open is not None
        self._open.close()
        return self._files


def _compressed(path: Path, compression: str | None) -> Any:
    if compression == "gzip":
        return gzip.open(path, "wb", compresslevel=1)
    if compression == "bzip2":
        return bz2.open(path, "wb")
    if compression == "zstd":
        return zstandard.open(path, "wb")
    return path.open("wb")


def _upload(client: Any, command: UnloadCommand, files: list[PartFile], columns: list[Any]) -> None:
    bucket, prefix = split_url(command.target)
    entries: list[dict[str, Any]] = []
    for file in files:
        upload_file(client, bucket, prefix + file.key, file.path)
        meta = {"content_length": file.path.stat().st_size}
        if command.verbose:
            meta["record_count"] = file.rows
        entries.append({"url": f"s3://{bucket}/{prefix}{file.key}", "meta": meta})
    if command.manifest:
        document: dict[str, Any] = {"entries": entries}
        if command.verbose:
            document["schema"] = {
                "elements": [{"name": column.name, "type": {"base": column.type}} for column in columns]
            }
            document["meta"] = {
                "content_length": sum(e["meta"]["content_length"] for e in entries),
                "record_count": sum(f.rows for f in files),
            }
            document["author"] = {"name": "Amazon Redshift", "version": "1.0.0"}
        put_object(client, bucket, prefix + "manifest", json.dumps(document, indent=2).encode())
