"""The text of a COPY's files as one stream of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_redshift.copy.job import Job
from local_redshift.s3.client import Source, read_object


def chunks(client: Any, job: Job) -> Iterator[tuple[Source | None, bytes]]:
    """The files' text without header lines, each ended by a newline; a file's first chunk has its source."""
    for source in job.sources:
        skip, last, named = job.command.ignore_header, b"\n", False
        for chunk in read_object(client, source, job.command.compression):
            data = chunk
            while skip and data:
                end = data.find(b"\n")
                skip, data = (skip, b"") if end < 0 else (skip - 1, data[end + 1 :])
            if data:
                yield (None if named else source), data
                last, named = data[-1:], True
        if last != b"\n":
            yield None, b"\n"
        if not named:
            yield source, b""
