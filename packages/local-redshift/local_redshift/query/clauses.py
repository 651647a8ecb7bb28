"""The clauses of a SELECT, read from a statement's items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local_redshift.sql.token_tree import Group, Item, Refused, Token, bare, is_sign

SET_OPERATORS = frozenset(["union", "intersect", "except", "minus"])
_AFTER_SET_OPERATOR = frozenset(("select", "all", "distinct"))
_CLAUSES = ["from", "where", "group", "having", "qualify", "order", "limit", "offset", "fetch"]
_HIERARCHY = "Hierarchical queries (CONNECT BY) are not modelled by the local Redshift: use WITH RECURSIVE."


@dataclass(frozen=True)
class Select:
    """One SELECT: the items before its list (WITH, SELECT, DISTINCT …), its list, and its clauses by keyword."""

    head: tuple[Item, ...]
    columns: tuple[Item, ...]
    clauses: Mapping[str, tuple[Item, ...]]

    @property
    def source(self) -> str:
        """The FROM clause as SQL, or an empty string."""
        return bare(self.clauses.get("from", ()))

    def items(self) -> tuple[Item, ...]:
        """Return the SELECT as items."""
        return self.head + self.columns + tuple(item for clause in self.clauses.values() for item in clause)


def segments(items: Sequence[Item], start: int) -> tuple[list[tuple[Item, ...]], list[tuple[Item, ...]]]:
    """Return the SELECTs that set operators combine, and the operators between them."""
    parts: list[tuple[Item, ...]] = []
    operators: list[tuple[Item, ...]] = []
    begin = 0
    for at in range(start, len(items)):
        follow = items[at + 1] if at + 1 < len(items) else None
        if items[at].word in SET_OPERATORS and (
            isinstance(follow, Group) or (follow is not None and follow.word in _AFTER_SET_OPERATOR)
        ):
            parts.append(tuple(items[begin:at]))
            operators.append((as_except(items[at]),))
            begin = at + 1
    return [*parts, tuple(items[begin:])], [*operators, ()]


def as_except(item: Item) -> Item:
    """Return EXCEPT for MINUS, and any other item unchanged."""
    return Token("word", "EXCEPT", item.space) if item.word == "minus" else item


def read_select(items: Sequence[Item]) -> Select | None:
    """Return the first SELECT at this level of nesting, or None. Raises Refused for CONNECT BY."""
    start = next((index for index, item in enumerate(items) if item.word == "select"), None)
    if start is None:
        return None
    at = start + 1
    while at < len(items) and items[at].word in ("distinct", "all"):
        at += 1
    bounds = [(index, items[index].word) for index in range(at, len(items)) if _is_clause(items, index)]
    ends = [index for index, _ in (*bounds[1:], (len(items), ""))]
    first = bounds[0][0] if bounds else len(items)
    clauses: dict[str, tuple[Item, ...]] = {}
    for (index, word), end in zip(bounds, ends, strict=False):
        clauses[word if word not in clauses else f"{word} {index}"] = tuple(items[index:end])
    return Select(tuple(items[:at]), tuple(items[at:first]), clauses)


def _is_clause(items: Sequence[Item], at: int) -> bool:
    word = items[at].word
    following = items[at + 1].word if at + 1 < len(items) else ""
    if word in ("connect", "start") and following in ("by", "with"):
        raise Refused(_HIERARCHY)
    if word not in _CLAUSES:
        return False
    if is_sign(items[at - 1], ".") or items[at - 1].word == "as":
        return False
    if word in ("group", "order"):
        return following == "by"
    return not (word == "from" and items[at - 1].word == "distinct" and at > 1 and items[at - 2].word in ("is", "not"))
