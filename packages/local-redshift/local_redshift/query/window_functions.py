"""Aggregates and window functions with their own syntax: LISTAGG, PERCENTILE_*, RATIO_TO_REPORT, IGNORE NULLS, frames.

They are read together with the clauses after the call: WITHIN GROUP (…), IGNORE NULLS, OVER (…).

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/c_Window_functions.html
https://docs.aws.amazon.com/redshift/latest/dg/r_Window_function_synopsis.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from local_redshift.sql.token_tree import Group, Item, Refused, bare, split

# With ORDER BY in OVER these need a frame clause; PostgreSQL has a default frame.
_FRAMED = frozenset(
    [
        "avg",
        "count",
        "max",
        "min",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "sum",
        "variance",
        "var_pop",
        "var_samp",
        "first_value",
        "last_value",
        "nth_value",
    ]
)
_NULL_SKIPPING = frozenset(["first_value", "last_value", "lag", "lead"])
WINDOW_FUNCTIONS = (
    _FRAMED | _NULL_SKIPPING | frozenset(["listagg", "percentile_cont", "percentile_disc", "ratio_to_report"])
)
_COMPUTE_NODE = frozenset(["listagg", "median", "percentile_cont", "percentile_disc"])


@dataclass(frozen=True)
class Tail:
    """The clauses after a call: `within` and `over` are their groups' items, `length` how many items they have."""

    within: tuple[Item, ...] | None = None
    over: tuple[Item, ...] | None = None
    over_name: str = ""
    ignore_nulls: bool = False
    has_nulls_clause: bool = False
    length: int = 0


def read_tail(items: Sequence[Item]) -> Tail:
    """Read WITHIN GROUP, IGNORE NULLS or RESPECT NULLS, and OVER from the items after a call."""
    at, within, over, named, ignore, has_clause = 0, None, None, "", False, False
    words = [item.word for item in items[:6]]
    if words[:2] == ["within", "group"] and len(items) > 2 and isinstance(items[2], Group):
        within, at = items[2].items, 3
    if words[at + 1 : at + 2] == ["nulls"] and words[at] in ("ignore", "respect"):
        ignore, has_clause, at = words[at] == "ignore", True, at + 2
    if words[at : at + 1] == ["over"] and at + 1 < len(items):
        follow = items[at + 1]
        over, named = (follow.items, "") if isinstance(follow, Group) else (None, bare([follow]))
        at += 2
    return Tail(within, over, named, ignore, has_clause, at)


def is_compute_node(name: str) -> bool:
    """Whether the function runs on compute nodes only, that is, in a query of a table."""
    return name in _COMPUTE_NODE


def window_call(name: str, inner: Sequence[Item], after: Tail) -> str | None:
    """Return the SQL for the call and its tail, or None to leave both unchanged. Raises Refused."""
    arguments, ignore, has_clause = split(inner), after.ignore_nulls, after.has_nulls_clause
    if arguments and [item.word for item in arguments[0][-2:]] in (["ignore", "nulls"], ["respect", "nulls"]):
        ignore, has_clause = ignore or arguments[0][-2].word == "ignore", True
        arguments[0] = arguments[0][:-2]
    _check_frame(name, after)
    if name in ("lag", "lead") and len(arguments) > 2:
        # LAG and LEAD have a value and an offset only; this is the text of Redshift's own error.
        raise Refused(f"Default parameter not be supported for window function {name}")
    if name == "listagg":
        return _listagg(arguments, after)
    if name in ("percentile_cont", "percentile_disc"):
        return _percentile(name, arguments, after)
    if name == "ratio_to_report":
        return _ratio(arguments, after)
    if ignore and arguments:
        return _ignoring_nulls(name, arguments, after)
    if not has_clause or not arguments:
        return None
    return f"{name}({', '.join(bare(argument) for argument in arguments)}){_over(after)}"


def _over(after: Tail, frame: str = "", order: str = "") -> str:
    if after.over_name:
        return f" OVER {after.over_name}"
    if after.over is None:
        return ""
    return f" OVER ({' '.join(part for part in (bare(after.over), order, frame) if part)})"


def check_window(items: Sequence[Item]) -> None:
    """Raise Refused for a frame that Redshift does not have, of any window function."""
    words = _words(items)
    starts = [word for word, after in pairwise(words) if after in ("between", "unbounded", "current", "")]
    if "range" in starts or "groups" in starts:
        raise Refused("Redshift's window frames are ROWS only: use ROWS BETWEEN ….")
    if "rows" in words and "exclude" in words:
        raise Refused("EXCLUDE in a window frame is not supported by Redshift.", "42601")


def _words(items: Sequence[Item] | None) -> list[str]:
    return [item.word for item in items or ()]


def _check_frame(name: str, after: Tail) -> None:
    words = _words(after.over)
    if name in _FRAMED and "order" in words and "rows" not in words:
        raise Refused("Aggregate window functions with an ORDER BY clause require a frame clause", "42601")


def _listagg(arguments: Sequence[tuple[Item, ...]], after: Tail) -> str:
    order = bare(after.within) if after.within else ""
    inner = ", ".join(bare(argument) for argument in arguments)
    if after.over is None:
        return f"redshift_internal.listagg({inner}{' ' + order if order else ''})"
    if arguments and arguments[0][0].word == "distinct":
        raise Refused(
            "The local Redshift does not model LISTAGG(DISTINCT …) OVER: aggregate in a subquery and join it."
        )
    frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING" if order else ""
    return f"redshift_internal.listagg({inner}){_over(after, frame, order)}"


def _percentile(name: str, arguments: Sequence[tuple[Item, ...]], after: Tail) -> str | None:
    order = list(after.within or ())
    if [item.word for item in order[:2]] != ["order", "by"] or len(arguments) != 1:
        return None
    share, value = bare(arguments[0]), order[2:]
    if value and value[-1].word in ("asc", "desc"):
        share = f"1 - ({share})" if value[-1].word == "desc" else share
        value = value[:-1]
    if name == "percentile_cont":
        return f"redshift_internal.percentile_cont(({share})::float8, {bare(value)}){_over(after)}"
    if after.over is None:
        return f"percentile_disc({bare(arguments[0])}) WITHIN GROUP ({bare(order)})"
    if order[-1].word == "desc":
        raise Refused(
            "The local Redshift does not model PERCENTILE_DISC over a descending order: order ascending instead."
        )
    return f"redshift_internal.percentile_disc(({share})::float8, array_agg({bare(value)}){_over(after)})"


def _ratio(arguments: Sequence[tuple[Item, ...]], after: Tail) -> str | None:
    if len(arguments) != 1 or after.over is None:
        return None
    value = bare(arguments[0])
    return f"redshift_internal.ratio_to_report(({value})::float8, (sum({value}){_over(after)})::float8)"


def _ignoring_nulls(name: str, arguments: Sequence[tuple[Item, ...]], after: Tail) -> str:
    if name in ("first_value", "last_value"):
        return f"redshift_internal.{name}({bare(arguments[0])}){_over(after)}"
    if name in ("lag", "lead") and (len(arguments) == 1 or bare(arguments[1]) == "1") and len(arguments) <= 2:
        frame = "UNBOUNDED PRECEDING AND 1 PRECEDING" if name == "lag" else "1 FOLLOWING AND UNBOUNDED FOLLOWING"
        return f"redshift_internal.{name}({bare(arguments[0])}){_over(after, f'ROWS BETWEEN {frame}')}"
    raise Refused(f"The local Redshift does not model IGNORE NULLS of {name.upper()} with an offset other than 1.")
