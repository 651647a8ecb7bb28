"""Parses the arithmetic in a list of items, determines its types, and rewrites quotients of DECIMALs with their scale.

Only arithmetic is parsed; any other word or sign ends an expression. What cannot be parsed is left unchanged, and the
division operator raises an error for it at run time (catalog/sql/22_decimals.sql).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_redshift.query.decimals import types
from local_redshift.query.decimals.casts import branches, cast_type, column_name, number_type
from local_redshift.query.decimals.types import Number
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Group, Item, Token, bare, is_sign, name_of, parse, split

TypeOf = Callable[[str], "Number | None"]
_LOOSE, _TIGHT, _TIGHTEST = ("+", "-"), ("*", "/", "%"), ("^",)
# Words before a parenthesis or a sign, none of them an operand.
_NO_OPERANDS = """and or not in is like ilike similar to between when then else end as from where by on select distinct
    all any some union intersect except having limit offset over using join values into escape with qualify returning"""
_WORDS = frozenset(_NO_OPERANDS.split())
_UNNAMED = "?column?"
_TAILS = ("over", "within", "ignore", "respect", "filter")


class UnreadError(ValueError):
    """An operand cannot be parsed here."""


@dataclass(frozen=True)
class Expression:
    """Rewritten items and their type. `plain`: PostgreSQL determines the size itself.

    `name` is PostgreSQL's name for a column with this expression, unless a column or function in it determines it.
    """

    items: tuple[Item, ...]
    type: Callable[[], Number | None]
    plain: bool = False
    name: str = ""


def read_expression(items: Sequence[Item], type_of: TypeOf) -> tuple[tuple[Item, ...], Expression | None]:
    """Return the items with their quotients rewritten, and the expression, if the items are exactly one.

    `type_of` returns the type of a column or of any other SQL expression.
    """
    try:
        return _ExpressionReader(items, type_of).everything()
    except UnreadError:
        return tuple(items), None


def is_query(item: Item) -> bool:
    """Whether a group is a subquery, whose arithmetic is rewritten with the subquery."""
    return isinstance(item, Group) and bool(item.items) and item.items[0].word in ("select", "with")


class _ExpressionReader:
    def __init__(self, items: Sequence[Item], type_of: TypeOf) -> None:
        self._items = tuple(items)
        self._type_of = type_of
        self._at = 0

    def everything(self) -> tuple[tuple[Item, ...], Expression | None]:
        """Return all items, and the expression when they are exactly one. Raises UnreadError."""
        out: list[Item] = []
        expressions: list[Expression | None] = []
        while self._at < len(self._items):
            if self._begins_operand():
                expressions.append(expression := self._sum())
                out += expression.items
            else:
                self._check_sign()
                out.append(self._take())
                expressions.append(None)
        return tuple(out), expressions[0] if len(expressions) == 1 else None

    def _peek(self, ahead: int = 0) -> Item | None:
        at = self._at + ahead
        return self._items[at] if at < len(self._items) else None

    def _take(self) -> Item:
        self._at += 1
        return self._items[self._at - 1]

    def _begins_operand(self) -> bool:
        item = self._peek()
        if isinstance(item, Group):
            return True
        return isinstance(item, Token) and (
            item.kind in (lexer.NUMBER, lexer.STRING, lexer.PARAMETER, lexer.QUOTED)
            or (item.kind == lexer.WORD and item.word not in _WORDS)
            or item.text in _LOOSE
        )

    def _check_sign(self) -> None:
        """Raise UnreadError for arithmetic without a left operand; the star of `SELECT *` and `count(*)` is not one."""
        item, before = self._peek(), self._items[self._at - 1] if self._at else None
        listed = before is None or is_sign(before, ",") or is_sign(before, ".")
        star = is_sign(item, "*") and (listed or (before is not None and before.word in ("select", "distinct", "all")))
        if isinstance(item, Token) and item.text in (*_TIGHT, *_TIGHTEST) and not star:
            raise UnreadError

    def _sum(self) -> Expression:
        return self._chain(_LOOSE, self._product)

    def _product(self) -> Expression:
        return self._chain(_TIGHT, lambda: self._chain(_TIGHTEST, self._signed))

    def _chain(self, signs: Sequence[str], operand: Callable[[], Expression]) -> Expression:
        left = operand()
        while isinstance(item := self._peek(), Token) and item.kind == lexer.OPERATOR and item.text in signs:
            sign = self._take()
            left = _joined(left, sign, operand())
        return left

    def _signed(self) -> Expression:
        item = self._peek()
        if is_sign(item, "-") or is_sign(item, "+"):
            sign, operand = self._take(), self._signed()
            return Expression((sign, *operand.items), operand.type, name=_UNNAMED)
        return self._cast(self._operand())

    def _cast(self, value: Expression) -> Expression:
        while is_sign(self._peek(), "::"):
            begin = self._at
            self._take()
            name = name_of(self._take()) if self._peek() else ""
            if (item := self._peek()) is not None and item.word in ("precision", "varying"):
                self._take()
            sizes = self._peek()
            number = number_type(name, self._take() if isinstance(sizes, Group) else None)
            label = column_name(name) if value.name else ""
            value = Expression((*value.items, *self._items[begin : self._at]), _always(number), True, label)
        return value

    def _operand(self) -> Expression:
        if not self._begins_operand():
            raise UnreadError
        item = self._take()
        if isinstance(item, Group):
            return self._group(item)
        if isinstance(item, Token) and item.kind == lexer.NUMBER:
            return Expression((item,), _always(types.of_literal(item.text)), name=_UNNAMED)
        if item.word == "null":
            return Expression((item,), _always(types.NULL), name=_UNNAMED)
        if item.word == "case":
            return self._case(item)
        if isinstance(item, Token) and item.kind in (lexer.STRING, lexer.PARAMETER):
            return Expression((item,), _always(None), plain=True, name=_UNNAMED)
        return self._named(item)

    def _group(self, group: Group) -> Expression:
        if is_query(group):
            return self._described((group,))
        items, inner = read_expression(group.items, self._type_of)
        group = Group(items, group.space, group.end)
        if inner is None:
            return Expression((group,), _always(None), name=_UNNAMED)
        return Expression((group,), inner.type, inner.plain, inner.name)

    def _case(self, case: Item) -> Expression:
        begin, depth = self._at, 1
        while depth:
            if self._peek() is None:
                raise UnreadError
            depth += {"case": 1, "end": -1}.get(self._take().word, 0)
        items, results, name = [case], [], "case"
        for word, branch in branches(self._items[begin : self._at - 1]):
            inner, expression = read_expression(branch, self._type_of)
            items += [*word, *inner]
            if word and word[0].word != "when":
                results.append(expression)
            if word and word[0].word == "else" and expression is not None and not expression.name:
                name = ""
        number = lambda: types.combined([result.type() if result else None for result in results])  # noqa: E731
        return Expression((*items, self._items[self._at - 1]), number, name=name)

    def _named(self, first: Item) -> Expression:
        """Read a column, a call with its clauses, or a literal such as DATE '2008-01-01'."""
        names = [first]
        while is_sign(self._peek(), ".") and name_of(self._peek(1)):
            names += [self._take(), self._take()]
        following = self._peek()
        if isinstance(following, Token) and following.kind == lexer.STRING:
            return Expression((*names, self._take()), _always(None), plain=True)
        if not isinstance(following, Group):
            return self._described(tuple(names))
        self._take()
        return self._call(names, following)

    def _call(self, names: Sequence[Item], group: Group) -> Expression:
        name = name_of(names[-1])
        inner, arguments = (group, []) if is_query(group) else self._arguments(group)
        items = (*names, inner, *self._tail())
        if name == "cast":
            return Expression(items, _always(cast_type(group.items)), plain=True)
        if name not in types.CALLS:
            return self._described(items)
        return Expression(items, lambda: types.of_call(name, [one.type() if one else None for one in arguments]))

    def _arguments(self, group: Group) -> tuple[Group, list[Expression | None]]:
        """Return the group with its arguments rewritten, and the arguments, each of which is read only once."""
        items: list[Item] = []
        arguments: list[Expression | None] = []
        for index, part in enumerate(split(group.items)):
            quantifier = part[:1] if part and part[0].word in ("distinct", "all") else ()
            inner, expression = read_expression(part[len(quantifier) :], self._type_of)
            items += [*([Token(lexer.OPERATOR, ",")] if index else []), *quantifier, *inner]
            arguments.append(expression)
        return Group(tuple(items), group.space, group.end), arguments

    def _tail(self) -> tuple[Item, ...]:
        """Read OVER (…), WITHIN GROUP (…), IGNORE NULLS after a call."""
        tail: list[Item] = []
        while (item := self._peek()) is not None and item.word in _TAILS:
            length = 3 if item.word == "within" else 2
            for _ in range(length):
                if (part := self._peek()) is not None:
                    self._take()
                    inner = isinstance(part, Group) and Group(
                        read_expression(part.items, self._type_of)[0], part.space, part.end
                    )
                    tail.append(inner or part)
        return tuple(tail)

    def _described(self, items: tuple[Item, ...]) -> Expression:
        return Expression(items, lambda: self._type_of(bare(items)), plain=True)


def _always(number: Number | None) -> Callable[[], Number | None]:
    return lambda: number


def _joined(left: Expression, sign: Item, right: Expression) -> Expression:
    text = bare((sign,))
    items = (*left.items, sign, *right.items)
    if text != "/":
        return Expression(items, lambda: types.arithmetic(text, left.type(), right.type()), name=_UNNAMED)
    number = types.arithmetic("/", left.type(), right.type())
    if number is None or number.kind != "decimal":
        return Expression(items, _always(number), name=_UNNAMED)
    call = f"redshift_internal.quotient({bare(left.items)}, {bare(right.items)}, {number.scale})"
    if number.sized:
        call = f"CAST({call} AS {number.sql})"
    return Expression(parse(left.items[0].space + call), _always(number), plain=number.sized, name=_UNNAMED)
