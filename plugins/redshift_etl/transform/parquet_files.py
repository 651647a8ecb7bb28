"""A source's Parquet files, whose columns are read by their names: COPY fills a table's columns in the file's order.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from __future__ import annotations

import re
from dataclasses import replace

from redshift_etl import settings
from redshift_etl.contracts.transform_spec import TransformSpec
from redshift_etl.errors import SourceError
from redshift_etl.lake.files import RawFile
from redshift_etl.transform.duckdb_process import DuckDB, DuckDBError
from redshift_etl.transform.value_checks import BLOB, literal

_NESTED = re.compile(r"STRUCT\(|MAP\(|.*\[\d*\]$", re.DOTALL)
_UNREADABLE = ("InvalidInputException", "IOException", "SerializationException")


def verified(duck: DuckDB, file: RawFile, spec: TransformSpec, table: str) -> RawFile:
    """The file with its columns. Raises SourceError for one that is no whole Parquet file, or has other columns."""
    try:
        described = duck.run(f"DESCRIBE SELECT * FROM read_parquet({literal(file.path.name)})")
    except DuckDBError as error:
        if error.kind not in _UNREADABLE:
            raise
        what = f"The file is no Parquet file, or not whole: {' '.join(str(error).split())}."
        raise SourceError(what, fix="ask who writes it to write the file again", table=table, file=file.url) from error
    types = {name: kind for name, kind, *_ in described}
    missing = [name for name in spec.columns if name not in types]
    extra = [name for name in types if name not in spec.columns]
    if missing or extra:
        raise SourceError(
            "The file's columns are not those that the transform expects.",
            fix=f"ask who writes it, or change `columns`: {settings.shown(spec.path)}",
            table=table,
            file=file.url,
            missing=", ".join(missing) or None,
            extra=", ".join(extra) or None,
            source_columns=", ".join(types) if missing else None,
            new_columns=(", ".join(extra) or "none") if missing else None,
        )
    as_text = {name: function for name, kind in types.items() if (function := _as_text(kind))}
    return replace(file, columns=tuple(types), as_text=as_text)


def _as_text(kind: str) -> str | None:
    """JSON for a list, a struct or a map, and hexadecimal digits for bytes, whose text could be taken for digits."""
    if kind == BLOB:
        return "hex({})"
    return "to_json({})" if _NESTED.match(kind) else None
