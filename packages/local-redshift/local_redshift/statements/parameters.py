"""SET, RESET, SHOW of configuration parameters.

Source: https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
"""

from __future__ import annotations

from local_redshift.catalog.isolation import USE_LEVEL_OF_DATABASE
from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.transactions import LEVELS, NO_EFFECT, set_transaction

# Parameters that PostgreSQL has with the same meaning.
_SHARED = frozenset(
    [
        "datestyle",
        "extra_float_digits",
        "search_path",
        "statement_timeout",
        "timezone",
        "application_name",
        "default_transaction_read_only",
        "transaction_read_only",
    ]
)
# No level but the database's own has an effect, and all "map to SERIALIZABLE"
# (https://docs.aws.amazon.com/redshift/latest/dg/r_BEGIN.html); STV_DB_ISOLATION_LEVEL has the database's.
_ISOLATION = frozenset(["default_transaction_isolation", "transaction_isolation"])
# Parameters of Redshift only: stored and shown, without an effect on the local Redshift.
_OWN = {
    "analyze_threshold_percent": "10",
    "auto_analyze": "on",
    "auto_mv": "on",
    "enable_result_cache_for_session": "on",
    "enable_vacuum_boost": "off",
    "json_serialization_enable": "off",
    "json_serialization_parse_nested_strings": "off",
    "max_concurrency_scaling_clusters": "1",
    "max_cursor_result_set_size": "0",
    "mv_enable_aqmv_for_session": "on",
    "query_group": "unset",
    "spectrum_enable_pseudo_columns": "on",
    "stored_proc_log_min_messages": "log",
    "use_fips_ssl": "off",
    "wlm_query_slot_count": "1",
}
# Parameters that change results: only the default is modelled.
_FIXED = {
    "describe_field_name_in_uppercase": "off",
    "enable_numeric_rounding": "on",
    "error_on_nondeterministic_update": "off",
    "navigate_super_null_on_error": "on",
    "enable_case_sensitive_identifier": "off",
    "enable_case_sensitive_super_attribute": "off",
    "cast_super_null_on_error": "on",
    "parse_super_null_on_error": "off",
    "downcase_delimited_identifier": "on",
    "default_geometry_encoding": "1",
}
_SHOWN = {"server_version": "8.0.2", "server_encoding": "UNICODE", "is_superuser": "on"}
_SHOWN |= dict.fromkeys(_ISOLATION, "serializable")
_SHOW_NOT_MODELLED = frozenset(["all", "column", "constraints", "datashares", "external", "functions", "grants"])
_SHOW_NOT_MODELLED |= frozenset(["model", "parameters", "procedures", "table", "view"])
_SYNONYMS = {"false": "off", "0": "off", "no": "off", "true": "on", "1": "on", "yes": "on"}


def set_parameter(sql: str) -> Plan:
    """SET [SESSION | LOCAL] name TO value, RESET name, SET SESSION AUTHORIZATION."""
    reader = TokenReader(sql)
    verb = reader.next().lower
    scope = reader.take_any("session", "local")
    if reader.peek("authorization") or reader.peek("session", "authorization") or reader.peek("role"):
        return Forward(sql)
    if reader.take("time", "zone"):
        return Forward(sql)
    if verb == "set" and (reader.take("transaction") or reader.peek("characteristics")):
        return set_transaction(reader)
    if verb == "reset" and reader.take("all"):
        return Script((sql, USE_LEVEL_OF_DATABASE), "RESET")
    name = reader.name()
    if name == "client_encoding" and (verb == "reset" or _is_utf8(reader)):
        return Forward("RESET client_encoding")
    if name in _ISOLATION:
        return _isolation(reader, verb, name)
    if verb == "reset" and name in _SHARED:
        return Forward(sql)
    if name in _SHARED or reader.peek("."):
        return Forward(sql)
    return _own(reader, verb, scope, name)


def _is_utf8(reader: TokenReader) -> bool:
    """Whether the value is UTF8, the one encoding of a session (protocol/startup.py). Raises RefusedError."""
    if reader.take_any("to", "=") is None:
        raise reader.syntax_error()
    value = reader.next().text.strip("'\"").lower()
    if value.replace("-", "") not in ("utf8", "unicode", "default"):
        raise RefusedError(f"client_encoding = {value} is not modelled by the local Redshift; use UTF8")
    return True


def _isolation(reader: TokenReader, verb: str, name: str) -> Plan:
    """SET or RESET of an isolation level, which has no effect. Raises RefusedError for what is no level."""
    if verb == "reset":
        reader.expect_end()
        return Forward("RESET redshift.nothing")
    if reader.take_any("to", "=") is None:
        raise reader.syntax_error()
    value = reader.rest().strip("'\" ;").lower()
    if value not in (*LEVELS, "default"):
        raise RefusedError(f'invalid value for parameter "{name}": "{value}"', "22023")
    return Forward(NO_EFFECT)


def _own(reader: TokenReader, verb: str, scope: str | None, name: str) -> Plan:
    if name not in _OWN and name not in _FIXED:
        raise RefusedError(f'unrecognized configuration parameter "{name}"', "42704")
    if verb == "reset":
        return Forward(f"RESET redshift.{name}")
    if reader.take_any("to", "=") is None:
        raise reader.syntax_error()
    token = reader.next()
    value = token.text.strip("'\"").lower()
    if name in _FIXED and value != "default" and _SYNONYMS.get(value, value) != _FIXED[name]:
        raise RefusedError(f"{name} = {value} is not modelled by the local Redshift; use {_FIXED[name]}, the default")
    if value == "default":
        return Forward(f"RESET redshift.{name}")
    return Forward(f"SET {'LOCAL ' if scope == 'local' else ''}redshift.{name} TO {quote_literal(value)}")


def show(sql: str) -> Plan:
    """SHOW name; query/show.py rewrites SHOW TABLES and the other lists."""
    reader = TokenReader(sql)
    reader.expect("show")
    if reader.token is not None and reader.token.lower in _SHOW_NOT_MODELLED:
        raise RefusedError(f"SHOW {reader.token.text.upper()} is not modelled by the local Redshift")
    if reader.take("transaction", "isolation", "level"):
        reader.expect_end()
        return show("show transaction_isolation")
    if reader.token is None or len(reader.tokens) != 2:
        return Forward(sql)
    name = reader.name()
    if name in _SHOWN:
        return Forward(f"SELECT {quote_literal(_SHOWN[name])}::varchar AS {name}")
    if name in _OWN or name in _FIXED:
        default = quote_literal({**_OWN, **_FIXED}[name])
        return Forward(
            f"SELECT coalesce(nullif(current_setting('redshift.{name}', true), ''), {default})::varchar AS {name}"
        )
    return Forward(sql)
