"""What PostgreSQL would run and Redshift would not: refused, with what to use instead (c_unsupported-postgresql-functions, -datatypes).

Statements that read the catalogue are let through: drivers and database tools ask it in PostgreSQL's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from local.redshift.functions_tokens import Group, Item, Refused, Token, is_sign, name_of, walk
from local.redshift.functions_windows import is_compute_node

_NOT_THERE = {
    "string_agg": "LISTAGG",
    "array_agg": "LISTAGG, or ARRAY and SUPER",
    "json_agg": "LISTAGG, or SUPER",
    "jsonb_agg": "LISTAGG, or SUPER",
    "json_object_agg": "SUPER",
    "xmlagg": "LISTAGG",
    "every": "BOOL_AND",
    "corr": "its formula over SUM and COUNT",
    "covar_pop": "its formula over SUM and COUNT",
    "covar_samp": "its formula over SUM and COUNT",
    "regr_slope": "its formula over SUM and COUNT",
    "regr_intercept": "its formula over SUM and COUNT",
    "gen_random_uuid": "an IDENTITY column, or MD5 of the row's key",
    "uuidv4": "an IDENTITY column, or MD5 of the row's key",
    "uuidv7": "an IDENTITY column, or MD5 of the row's key",
    "uuid_generate_v4": "an IDENTITY column, or MD5 of the row's key",
    "generate_subscripts": "a table of numbers, or WITH RECURSIVE",
    "unnest": "FROM table, table.super_column AS element",
    "clock_timestamp": "GETDATE()",
    "transaction_timestamp": "SYSDATE",
    "statement_timestamp": "GETDATE()",
    "justify_days": "DATEDIFF",
    "justify_hours": "DATEDIFF",
    "justify_interval": "DATEDIFF",
    "make_date": "TO_DATE",
    "make_timestamp": "TO_TIMESTAMP",
    "make_interval": "DATEADD",
    "date_bin": "DATE_TRUNC",
    "pg_sleep": "nothing: Redshift does not sleep",
    "div": "TRUNC(a / b)",
    "setseed": "SET SEED",
    "width_bucket": "CASE",
    "bit_length": "8 * OCTET_LENGTH",
    "overlay": "LEFT || … || SUBSTRING",
    "convert_from": "FROM_VARBYTE",
    "convert_to": "TO_VARBYTE",
    "encode": "FROM_VARBYTE or TO_HEX",
    "format": "||",
    "concat_ws": "||",
    "quote_nullable": "QUOTE_LITERAL with NVL",
    "regexp_matches": "REGEXP_SUBSTR",
    "regexp_match": "REGEXP_SUBSTR",
    "regexp_split_to_array": "SPLIT_TO_ARRAY",
    "regexp_split_to_table": "SPLIT_PART",
    "regexp_like": "the operator ~",
    "string_to_array": "SPLIT_TO_ARRAY",
    "string_to_table": "SPLIT_PART",
    "starts_with": "LIKE",
    "to_json": "JSON_PARSE",
    "to_jsonb": "JSON_PARSE",
    "row_to_json": "OBJECT",
    "json_build_object": "OBJECT",
    "jsonb_build_object": "OBJECT",
    "json_build_array": "ARRAY",
    "json_array_elements": "JSON_EXTRACT_ARRAY_ELEMENT_TEXT",
    "jsonb_array_elements": "JSON_EXTRACT_ARRAY_ELEMENT_TEXT",
    "json_each": "JSON_EXTRACT_PATH_TEXT",
    "jsonb_set": "SUPER",
    "jsonb_path_query": "JSON_EXTRACT_PATH_TEXT",
    "nextval": "an IDENTITY column",
    "currval": "an IDENTITY column",
    "setval": "an IDENTITY column",
    "lastval": "an IDENTITY column",
    "pg_advisory_lock": "LOCK",
    "pg_advisory_xact_lock": "LOCK",
    "pg_try_advisory_lock": "LOCK",
    "to_tsvector": "LIKE or REGEXP_COUNT",
    "to_tsquery": "LIKE or REGEXP_COUNT",
    "txid_current": "STV_RECENTS or SYS_QUERY_HISTORY",
    "dense_rank_of": "DENSE_RANK",
    "any_value_of": "ANY_VALUE",
    "inet_client_addr": "SYS_CONNECTION_LOG",
    "erf": "nothing",
    "gcd": "MOD in a CASE",
    "lcm": "MOD in a CASE",
    "random_normal": "RANDOM",
    "array_length": "GET_ARRAY_LENGTH",
    "cardinality": "GET_ARRAY_LENGTH",
    "array_append": "ARRAY_CONCAT",
    "array_to_string": "LISTAGG or JSON_SERIALIZE",
    "unistr": "a literal",
    "normalize": "nothing",
}
for _alias in ("dense_rank_of", "any_value_of"):
    del _NOT_THERE[_alias]

# Redshift has these; the local one does not compute them.
_NOT_MODELLED = frozenset(
    [
        "murmur3_32_hash",
        "farmfingerprint64",
        "farmhash64",
        "checksum",
        "hll",
        "hll_create_sketch",
        "hll_cardinality",
        "hll_combine",
        "hll_combine_sketches",
        "st_point",
        "st_distance",
        "st_geomfromtext",
        "st_contains",
        "h3_fromlonglat",
        "explain_model",
        "aes_encrypt",
        "aes_decrypt",
        "f_py",
        "array_flatten",
        "array_contains",
        "lower_attribute_names",
        "upper_attribute_names",
        "json_size",
        "json_serialize_to_varbyte",
        "is_decimal",
        "is_float",
        "is_smallint",
        "is_char",
        "mod_of",
        "current_aws_account",
        "current_namespace",
        "isnull_of",
        "pg_get_session_roles",
        "collate_of",
        "object_transform",
    ]
) - {"mod_of", "isnull_of", "collate_of", "f_py", "explain_model", "lower_attribute_names", "upper_attribute_names"}

# Date_functions_header, "Deprecated leader node-only functions"; they fail when a table is read (c_SQL_functions_leader_node_only).
_LEADER_ONLY = {
    "now": "GETDATE() or SYSDATE",
    "age": "DATEDIFF",
    "current_time": "GETDATE() or SYSDATE",
    "current_timestamp": "GETDATE() or SYSDATE",
    "localtime": "GETDATE() or SYSDATE",
    "localtimestamp": "GETDATE() or SYSDATE",
    "generate_series": "a table of numbers, or WITH RECURSIVE",
}
_TYPES = {
    "jsonb": "SUPER",
    "json": "SUPER",
    "uuid": "CHAR(36)",
    "bytea": "VARBYTE",
    "money": "DECIMAL",
    "inet": "VARCHAR",
    "cidr": "VARCHAR",
    "macaddr": "VARCHAR",
    "xml": "VARCHAR",
    "tsvector": "VARCHAR",
    "tsquery": "VARCHAR",
    "hstore": "SUPER",
    "point": "GEOMETRY",
    "int4range": "two columns",
    "tsrange": "two columns",
    "daterange": "two columns",
}
_CATALOGUE = re.compile(r"(?:pg_|stl_|stv_|svl_|svv_|svcs_|sys_|information_schema\b)")
GATE_WORDS = (*_NOT_THERE, *_NOT_MODELLED, *_LEADER_ONLY, *_TYPES)


def check(items: Sequence[Item]) -> None:
    """Raise Refused when the statement uses what Redshift does not have."""
    tables = table_names(items)
    if any(_CATALOGUE.match(name) for name in tables):
        return
    _check_level(items, has_tables=bool(tables))


def table_names(items: Sequence[Item]) -> set[str]:
    """The names (schemas too) that the statement reads or writes, CTEs left out."""
    tokens = list(walk(items))
    ctes = {name_of(tokens[at - 1]) for at in range(1, len(tokens)) if tokens[at].word == "as"}
    found: set[str] = set()
    _tables(items, found)
    return {name for name in found if name not in ctes}


def tables_read(items: Sequence[Item]) -> set[str]:
    """`schema.table` or `table` for each name after FROM and JOIN, CTEs and functions left out."""
    tokens = list(walk(items))
    ctes = {name_of(tokens[at - 1]) for at in range(1, len(tokens)) if tokens[at].word == "as"}
    found: set[str] = set()
    for at, token in enumerate(tokens[:-1]):
        if token.word not in ("from", "join"):
            continue
        names = [name_of(tokens[at + 1])]
        if at + 3 < len(tokens) and is_sign(tokens[at + 2], "."):
            names.append(name_of(tokens[at + 3]))
        found.add(".".join(names))
    return {name for name in found if name and name not in ctes and name not in ("select", "lateral")}


def _tables(items: Sequence[Item], found: set[str]) -> None:
    for at, item in enumerate(items):
        if isinstance(item, Group):
            _tables(item.items, found)
        elif item.word in ("from", "join", "into", "update", "using", "merge") and at + 1 < len(items):
            after = items[at + 2] if at + 2 < len(items) else None
            name = name_of(items[at + 1])
            if name and not isinstance(after, Group) and name not in ("select", "only", "lateral"):
                found.add(name)


def _check_level(items: Sequence[Item], *, has_tables: bool) -> None:
    for at, item in enumerate(items):
        if isinstance(item, Group):
            _check_level(item.items, has_tables=has_tables)
            continue
        _check_type(items, at)
        qualified = at > 0 and is_sign(items[at - 1], ".")
        called = at + 1 < len(items) and isinstance(items[at + 1], Group)
        if qualified or item.kind != "word":
            continue
        if called or (has_tables and item.word in _LEADER_ONLY and item.word.startswith(("current_time", "local"))):
            _check_call(item.word, has_tables=has_tables)


def _check_call(name: str, *, has_tables: bool) -> None:
    if name in _NOT_THERE:
        raise Refused(f"Redshift has no function {name.upper()}: use {_NOT_THERE[name]}.", "42883")
    if name in _NOT_MODELLED:
        raise Refused(f"The local Redshift does not model the function {name.upper()}.")
    if has_tables and name in _LEADER_ONLY:
        raise Refused(f"{name.upper()} runs on the leader node only and not over tables: use {_LEADER_ONLY[name]}.")
    if not has_tables and is_compute_node(name):
        raise Refused(f"{name.upper()} runs on compute nodes only: query a table, not constants.")


def _check_type(items: Sequence[Item], at: int) -> None:
    item = items[at]
    after = items[at + 1] if at + 1 < len(items) else None
    if item.word == "array" and is_sign(after, "["):
        raise Refused("Redshift has no array type: use SUPER and ARRAY(…).")
    cast = at > 0 and (is_sign(items[at - 1], "::") or items[at - 1].word == "as")
    if not cast or not isinstance(item, Token) or item.kind != "word":
        return
    is_type = is_sign(items[at - 1], "::") or (at == len(items) - 1 and at > 1)
    if is_type and item.word in _TYPES and is_sign(items[at - 1], "::"):
        raise Refused(f"Redshift has no type {item.word.upper()}: use {_TYPES[item.word]}.")
    if is_sign(items[at - 1], "::") and is_sign(after, "["):
        raise Refused("Redshift has no array type: use SUPER and ARRAY(…).")
