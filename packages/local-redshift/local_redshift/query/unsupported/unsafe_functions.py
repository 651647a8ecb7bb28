"""Names that no statement of a client may use: functions that leave SQL, and the local Redshift's own schema.

PostgreSQL's rights refuse them too (catalog/sql/88_rights.sql); a cluster has neither. Unlike the other unsupported
names they are refused wherever they occur: qualified, quoted, in views and beside catalog tables.
"""

from __future__ import annotations

from local_redshift.sql.lexer import STRING, first_word, literal, tokens
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.windows import windows

_SCHEMA = "redshift_internal"
UNSAFE = frozenset(
    [
        # Large objects
        *("lo_close", "lo_creat", "lo_create", "lo_export", "lo_from_bytea", "lo_get", "lo_import", "lo_lseek"),
        *("lo_lseek64", "lo_open", "lo_put", "lo_tell", "lo_tell64", "lo_truncate", "lo_truncate64", "lo_unlink"),
        *("loread", "lowrite"),
        # Files of the server
        *("pg_read_file", "pg_read_binary_file", "pg_stat_file", "pg_current_logfile", "pg_file_read", "pg_file_write"),
        *("pg_file_rename", "pg_file_unlink", "pg_file_sync", "pg_ls_dir", "pg_ls_logdir", "pg_ls_waldir"),
        *("pg_ls_tmpdir", "pg_ls_archive_statusdir", "pg_ls_summariesdir", "pg_ls_logicalmapdir"),
        *("pg_ls_logicalsnapdir", "pg_ls_replslotdir"),
        # A text as a statement, which would be neither rewritten nor checked
        *("query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema"),
        *("table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema", "schema_to_xml", "schema_to_xmlschema"),
        *("schema_to_xml_and_xmlschema", "database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema"),
        "ts_stat",
    ]
)
# A part of each name: searching for these is much quicker than reading the tokens.
_PARTS = (
    *("lo_", "loread", "lowrite", "pg_read_", "pg_stat_file", "pg_current_logfile", "pg_file_", "pg_ls_"),
    *("_to_xml", "ts_stat", _SCHEMA),
)


def check_unsafe(sql: str) -> None:
    """Raise RefusedError for a call of such a function or the name of that schema; LexError."""
    if not any(part in text for text in (sql[a:b].lower() for a, b in windows(sql)) for part in _PARTS):
        return
    setting = first_word(sql) in ("set", "alter")
    name = ""  # of the token before
    for token in tokens(sql):
        if token.text == "(" and name in UNSAFE:
            raise RefusedError(f"Redshift has no function {name.upper()}.", "42883")
        # A search path may be written as a literal.
        named = literal(token) if setting and token.kind == STRING else ""
        name = token.name if token.kind in ("word", "quoted") else ""
        if name == _SCHEMA or _SCHEMA in named.lower():
            raise RefusedError(f'schema "{_SCHEMA}" does not exist', "3F000")
