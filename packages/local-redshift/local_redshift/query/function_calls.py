"""Calls whose syntax, name or result differs from PostgreSQL's: dates, conditions, casts, JSON and SUPER constructors.

A handler receives the call's arguments, already rewritten, and returns the SQL that replaces the call, or None to
leave it unchanged. Functions that only need a definition are in catalog/sql/.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html
https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local_redshift.query.unsupported.alternatives import UNSUPPORTED_TYPES
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Item, Refused, Token, bare, is_sign, name_of

Arguments = Sequence[tuple[Item, ...]]
Handler = Callable[[str, Arguments], str | None]

# PostgreSQL's functions of these names have other arguments or results: the calls go to redshift_internal.
_MOVED = """
    avg concat initcap json_array_length json_extract_path_text json_serialize lower quote_literal
    regexp_count regexp_instr regexp_replace regexp_substr split_part stddev stddev_pop stddev_samp upper
    var_pop var_samp variance
"""
MOVED = frozenset(_MOVED.split())

DECIMALS = ("numeric", "decimal", "dec")
# PostgreSQL has other abbreviations.
_PARTS = {
    "millennium": "millennium millennia mil mils",
    "century": "century centuries c cent cents",
    "decade": "decade decades dec decs",
    "epoch": "epoch",
    "year": "year years y yr yrs",
    "quarter": "quarter quarters qtr qtrs",
    "month": "month months mon mons",
    "week": "week weeks w",
    "dow": "dayofweek dow dw weekday",
    "doy": "dayofyear doy dy yearday",
    "day": "day days d",
    "hour": "hour hours h hr hrs",
    "minute": "minute minutes m min mins",
    "second": "second seconds s sec secs",
    "millisecond": "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
    "microsecond": "microsecond microseconds microsec microsecs usecond useconds us usec usecs",
    "timezone": "timezone",
    "timezone_hour": "timezone_hour",
    "timezone_minute": "timezone_minute",
}
# AWS's pages define their values for EXTRACT only.
_FRACTIONS = ("millisecond", "microsecond")
PART_OF = {name: part for part, names in _PARTS.items() for name in names.split()}


def rewrite_call(name: str, arguments: Arguments) -> str | None:
    """Return the SQL for a call of `name`, or None when it needs no rewrite. Raises Refused."""
    handler = HANDLERS.get(name)
    if not all(arguments):
        return None  # an empty argument: PostgreSQL reports its position
    if handler is not None:
        return handler(name, arguments)
    if name in MOVED:
        return f"redshift_internal.{name}({_join(arguments)})"
    return None


def _join(arguments: Arguments) -> str:
    return ", ".join(bare(argument) for argument in arguments)


def _date_part(argument: Sequence[Item], function: str) -> str:
    """Return the long name of a date part written as a word or a literal."""
    item = argument[0] if len(argument) == 1 else None
    name = name_of(item)
    if isinstance(item, Token) and item.kind == lexer.STRING:
        name = item.text.strip("'").lower()
    if not name:
        raise Refused(
            f"The local Redshift does not model a computed date part in {function.upper()}: use a literal date part."
        )
    if name not in PART_OF:
        raise Refused(f'timestamp units "{name}" not recognized', "22023")
    return PART_OF[name]


def _with_part(target: str) -> Handler:
    def handler(name: str, arguments: Arguments) -> str | None:
        if len(arguments) < 2:
            return None
        part = _date_part(arguments[0], name)
        if target == "pgdate_part" and part in _FRACTIONS:
            raise Refused(
                f"The local Redshift does not model DATE_PART of {part.upper()}: use EXTRACT ({part} FROM …)."
            )
        return f"{target}('{part}', {_join(arguments[1:])})"

    return handler


def _extract(name: str, arguments: Arguments) -> str | None:
    words = [index for index, item in enumerate(arguments[0]) if item.word == "from"] if arguments else []
    if len(arguments) != 1 or not words:
        return None
    part = _date_part(arguments[0][: words[0]], name)
    return f"redshift_internal.date_part('{part}', {bare(arguments[0][words[0] + 1 :])})"


def _nvl(_name: str, arguments: Arguments) -> str:
    return f"COALESCE({_join(arguments)})"


def _nvl2(_name: str, arguments: Arguments) -> str | None:
    if len(arguments) != 3:
        return None
    value, present, absent = (bare(argument) for argument in arguments)
    return f"CASE WHEN ({value}) IS NOT NULL THEN {present} ELSE {absent} END"


def _decode(_name: str, arguments: Arguments) -> str | None:
    """DECODE treats NULLs as equal, which a simple CASE does not."""
    if len(arguments) < 3:
        raise Refused("DECODE needs an expression and at least one search and result.", "42883")
    value = bare(arguments[0])
    pairs, rest = arguments[1:], ""
    if len(pairs) % 2:
        pairs, rest = pairs[:-1], f" ELSE {bare(pairs[-1])}"
    whens = []
    for search, result in zip(pairs[::2], pairs[1::2], strict=True):
        item = search[0] if len(search) == 1 else None
        constant = isinstance(item, Token) and item.kind in (lexer.STRING, lexer.NUMBER)
        compare = "=" if constant else "IS NOT DISTINCT FROM"
        condition = (
            f"({value}) IS NULL"
            if item is not None and item.word == "null"
            else f"({value}) {compare} ({bare(search)})"
        )
        whens.append(f"WHEN {condition} THEN {bare(result)}")
    return f"CASE {' '.join(whens)}{rest} END"


def _as(arguments: Arguments) -> tuple[str, str] | None:
    """Return the value and the type of `value AS type`."""
    flat: list[Item] = [
        item
        for index, argument in enumerate(arguments)
        for item in ((Token(lexer.OPERATOR, ","),) if index else ()) + tuple(argument)
    ]
    positions = [index for index, item in enumerate(flat) if item.word == "as"]
    return (bare(flat[: positions[-1]]), bare(flat[positions[-1] + 1 :])) if positions else None


def sized(type_name: str) -> str:
    """Return a type with its size: DECIMAL is DECIMAL(18,0), while PostgreSQL's NUMERIC has any number of digits."""
    return f"{type_name}(18,0)" if type_name.lower() in DECIMALS else type_name


def _cast(_name: str, arguments: Arguments) -> str | None:
    """A literal is cast to SUPER or VARBYTE through text: their input functions refuse literals (41_super.sql)."""
    parts = _as(arguments)
    if parts is not None and parts[1].lower() in DECIMALS:
        return f"CAST({parts[0]} AS {sized(parts[1])})"
    if parts is not None and parts[1].lower() in UNSUPPORTED_TYPES:
        raise Refused(f"Redshift has no type {parts[1].upper()}: use {UNSUPPORTED_TYPES[parts[1].lower()]}.")
    if parts is None or not parts[1].lower().startswith(("super", "varbyte", "binary varying", "varbinary")):
        return None
    first = arguments[0][0]
    is_literal = isinstance(first, Token) and first.kind == lexer.STRING and arguments[0][1].word == "as"
    return f"CAST({parts[0]}::text AS {parts[1]})" if is_literal else None


def _try_cast(_name: str, arguments: Arguments) -> str | None:
    parts = _as(arguments)
    if parts is None:
        return None
    kind = sized(parts[1])
    return f"CAST(redshift_internal.try_cast({parts[0]}, NULL::{kind}, {lexer.quote_literal(kind)}) AS {kind})"


def _convert(_name: str, arguments: Arguments) -> str | None:
    return f"CAST({bare(arguments[1])} AS {sized(bare(arguments[0]))})" if len(arguments) == 2 else None


def _object(_name: str, arguments: Arguments) -> str:
    return f"redshift_internal.object(json_build_object({_join(arguments)}))"


def _array(_name: str, arguments: Arguments) -> str | None:
    if arguments and arguments[0][0].word in ("select", "with"):
        raise Refused("Redshift has no arrays of a query: use LISTAGG or SPLIT_TO_ARRAY.")
    return f'redshift_internal."array"(json_build_array({_join(arguments)}))'


def _longest(name: str, arguments: Arguments) -> str | None:
    """VARCHAR(MAX) in a cast."""
    return f"{name}(65535)" if [item.word for argument in arguments for item in argument] == ["max"] else None


HANDLERS: dict[str, Handler] = {
    "dateadd": _with_part("date_add"),
    "date_add": _with_part("date_add"),
    "datediff": _with_part("date_diff"),
    "date_diff": _with_part("date_diff"),
    "date_part": _with_part("pgdate_part"),
    "pgdate_part": _with_part("pgdate_part"),
    "date_trunc": _with_part("date_trunc"),
    "extract": _extract,
    "nvl": _nvl,
    "nvl2": _nvl2,
    "decode": _decode,
    "cast": _cast,
    "try_cast": _try_cast,
    "convert": _convert,
    "object": _object,
    "array": _array,
    **dict.fromkeys(("varchar", "nvarchar", "varying"), _longest),
}

# Functions that are called without parentheses.
BARE_CALLS = {"sysdate": "sysdate()", "current_user_id": "redshift_internal.current_user_id()"}


def bare_call(items: Sequence[Item], at: int) -> str | None:
    """Return the call for a word such as SYSDATE, unless it is a name at this position."""
    word = items[at].word
    if word not in BARE_CALLS:
        return None
    before = items[at - 1] if at else None
    after = items[at + 1] if at + 1 < len(items) else None
    named = before is not None and (before.word == "as" or is_sign(before, "."))
    return None if named or is_sign(after, ".") else BARE_CALLS[word]
