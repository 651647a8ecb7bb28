"""Where the records of a raw file are in it, for people: DuckDB numbers the records that it has read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from redshift_etl.contracts.csv_format import NO_HEADER, CsvFormat
from redshift_etl.errors import SourceError
from redshift_etl.lake.files import RawFile
from redshift_etl.transform import csv_files, json_lines


class Records(Protocol):
    """The rows of a file, and the places of some: the first line, and the number of lines."""

    rows: int

    def lines_of_record(self, record: int) -> tuple[int, int]:
        """The place of a record that is broken."""

    def lines_of_row(self, row: int) -> tuple[int, int]:
        """The place of a row that DuckDB has read."""


class NumberedRecords:
    """The rows of a Parquet file, which has no lines."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def lines_of_record(self, record: int) -> tuple[int, int]:
        """Its number."""
        return record, 1

    lines_of_row = lines_of_record


class JsonRecords:
    """The lines of a file of JSON lines. In the CSV that DuckDB reads, a header precedes a record for each."""

    def __init__(self, file: RawFile, broken: set[int], wanted: set[int]) -> None:
        self.rows = good = 0
        self._of_record: dict[int, int] = {}
        self._of_row: dict[int, int] = {}
        for line, _ in json_lines.lines(file):
            self.rows += 1
            if (record := self.rows + 1) in broken:
                self._of_record[record] = line
                continue
            good += 1
            if good in wanted:
                self._of_row[good] = line

    def lines_of_record(self, record: int) -> tuple[int, int]:
        """Its line."""
        return self._of_record.get(record, 1), 1

    def lines_of_row(self, row: int) -> tuple[int, int]:
        """Its line."""
        return self._of_row[row], 1


class CsvRecords:
    """The records of a CSV file, of which the header is the first. A quoted value may span lines.

    Only the places of the ``broken`` records, of the ``wanted`` rows and of the last record are kept in memory.
    """

    def __init__(self, file: RawFile, form: CsvFormat, broken: set[int], wanted: set[int], columns: int) -> None:
        self._file, self._broken, self._wanted = file, broken, wanted
        self._skip_empty = columns > 1  # as DuckDB does
        self._of_record: dict[int, tuple[int, int]] = {}
        self._of_row: dict[int, tuple[int, int]] = {}
        self._last = (1, 1)
        self.rows = self._good = 0
        first = 1 if form.header == NO_HEADER else 2
        # Those of a file that was written again are UTF-8.
        for record, place, empty in self._each(CsvFormat(form.delimiter, form.quote)):
            if record >= first and not empty:
                self._count(record, place)
            if record in broken:
                self._of_record[record] = place
            self._last = place

    def _each(self, form: CsvFormat) -> Iterator[tuple[int, tuple[int, int], bool]]:
        """The records in order: number, first line and number of lines, and whether DuckDB skips it."""
        record, begin, empty, goes_on = 0, 1, False, False
        for number, (line, still) in enumerate(csv_files.lines(self._file, form), 1):
            if not goes_on:
                record, begin = record + 1, number
                empty = self._skip_empty and not line.strip("\r\n")
            if len(line) >= csv_files.LINE_CHARS:
                raise SourceError(
                    f"A line has more than {csv_files.LINE_CHARS} characters, which is more than Redshift takes.",
                    fix="ask who writes it",
                    file=self._file.url,
                    line=number,
                )
            goes_on = still
            if not goes_on:
                yield record, (begin, number - begin + 1), empty
        if goes_on:
            raise SourceError(
                f"A quoted value is never closed: the last {number - begin + 1} lines of the file would be one row.",
                fix="ask who writes it; where quotes are a part of the text, declare `quote` in the transform",
                file=self._file.url,
                line=begin,
            )

    def _count(self, record: int, place: tuple[int, int]) -> None:
        """Count a row of the file, and keep its place when it is one of those wanted."""
        self.rows += 1
        if record not in self._broken:
            self._good += 1
            if self._good in self._wanted:
                self._of_row[self._good] = place

    def lines_of_record(self, record: int) -> tuple[int, int]:
        """The line that a broken record begins on, and how many it has; the last record's for one beyond the end."""
        return self._of_record.get(record, self._last)

    def lines_of_row(self, row: int) -> tuple[int, int]:
        """The same for a wanted row, counted over the records that are neither broken nor empty."""
        return self._of_row.get(row, self._last)
