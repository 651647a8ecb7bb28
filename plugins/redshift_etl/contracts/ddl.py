"""Reads the one CREATE TABLE of a contract file into columns, keys and comments. Pure; sqlglot does the parsing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp

DEFAULT_LENGTH = {"VARCHAR": 256, "CHAR": 1}  # AWS, "Character types": the length in bytes when there is none
MAX_LENGTH = 65535
DEFAULT_DECIMAL = (18, 0)  # AWS, "Numeric types"
TYPES = {
    "SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "REAL", "DOUBLE PRECISION", "BOOLEAN",
    "CHAR", "VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "SUPER",
}  # fmt: skip
_FIXED_ENCODINGS = ("BYTEDICT", "RUNLENGTH", "TEXT255", "TEXT32K")
_SPELLINGS = {"INT": "INTEGER", "DOUBLE": "DOUBLE PRECISION", "FLOAT": "REAL"}


@dataclass(frozen=True)
class Type:
    """A Redshift column type: ``length`` in bytes for CHAR and VARCHAR, ``precision`` and ``scale`` for DECIMAL."""

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        if self.length is not None:
            return f"{self.name}({self.length})"
        if self.precision is not None:
            return f"{self.name}({self.precision},{self.scale})"
        return self.name

    @property
    def is_text(self) -> bool:
        """CHAR or VARCHAR."""
        return self.name in DEFAULT_LENGTH

    @property
    def is_time(self) -> bool:
        """A day or a moment."""
        return self.name in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")

    @property
    def is_number(self) -> bool:
        """Exact or not."""
        return self.name in ("SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "REAL", "DOUBLE PRECISION")


@dataclass(frozen=True)
class Reference:
    """The column that a column's values are in. ``declared``: as a foreign key, which the planner takes for true."""

    table: str
    column: str
    declared: bool = True


@dataclass(frozen=True)
class Column:
    """A column as its CREATE TABLE declares it. ``resizable``: a VARCHAR that ALTER COLUMN TYPE may make longer."""

    name: str
    type: Type
    nullable: bool
    references: Reference | None
    comment: str
    resizable: bool = True


@dataclass(frozen=True)
class TableDdl:
    """A parsed CREATE TABLE with its comments."""

    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    statements: tuple[str, ...]


def parse(text: str) -> TableDdl:
    """Parse ``CREATE TABLE schema.name (...)`` and its ``COMMENT ON COLUMN`` statements.

    Raises ValueError with one sentence when the text is anything else.
    """
    try:
        statements = [statement for statement in sqlglot.parse(text, dialect="redshift") if statement is not None]
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"it is not valid SQL: {error}") from error
    creates = [statement for statement in statements if isinstance(statement, exp.Create) and statement.kind == "TABLE"]
    if len(creates) != 1 or not isinstance(creates[0].this, exp.Schema):
        raise ValueError("it must have exactly one CREATE TABLE with a column list")
    schema = creates[0].this
    comments = _comments(statements)
    key = _primary_key(schema)
    constrained = key + _constrained(schema)
    columns = tuple(
        _column(node, comments, key, constrained) for node in schema.expressions if isinstance(node, exp.ColumnDef)
    )
    return TableDdl(_qualified(schema.this), columns, key, tuple(_split(text)))


def _split(text: str) -> list[str]:
    """The statements as written: Redshift's attributes are copied verbatim, not formatted by a parser."""
    tokens = sqlglot.tokenize(text, dialect="redshift")
    statements, start = [], 0
    for token in tokens:
        if token.token_type == sqlglot.TokenType.SEMICOLON:
            statements.append(text[start : token.start].strip())
            start = token.end + 1
    statements.append(text[start:].strip())
    return [statement for statement in statements if statement]


def _comments(statements: list[exp.Expr]) -> dict[str, str]:
    return {
        statement.this.name: statement.expression.name
        for statement in statements
        if isinstance(statement, exp.Comment) and statement.args["kind"] == "COLUMN"
    }


def _primary_key(schema: exp.Schema) -> tuple[str, ...]:
    for node in schema.expressions:
        if isinstance(node, exp.PrimaryKey):
            return tuple(part.name for part in node.expressions)
    return tuple(
        node.name
        for node in schema.expressions
        if isinstance(node, exp.ColumnDef) and node.find(exp.PrimaryKeyColumnConstraint)
    )


def _qualified(table: exp.Expression) -> str:
    if not isinstance(table, exp.Table) or not table.db:
        raise ValueError("tables are named schema.table")
    return f"{table.db}.{table.name}"


def _constrained(schema: exp.Schema) -> tuple[str, ...]:
    """The columns of the table's own UNIQUE and FOREIGN KEY constraints."""
    clauses = schema.find_all(exp.UniqueColumnConstraint, exp.ForeignKey)
    return tuple(part.name for clause in clauses for part in clause.find_all(exp.Identifier))


def _column(
    node: exp.ColumnDef, comments: dict[str, str], key: tuple[str, ...], constrained: tuple[str, ...]
) -> Column:
    constraints = [constraint.kind for constraint in node.constraints]
    not_null = node.name in key or any(
        isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in constraints
    )
    references = next((_reference(kind) for kind in constraints if isinstance(kind, exp.Reference)), None)
    resizable = node.name not in constrained and not any(map(_forbids_resizing, constraints))
    return Column(node.name, _type(node), not not_null, references, comments.get(node.name, ""), resizable)


def _forbids_resizing(kind: exp.Expr) -> bool:
    """By https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html: ALTER COLUMN column_name TYPE."""
    if isinstance(kind, exp.EncodeColumnConstraint):
        return kind.this.name.upper() in _FIXED_ENCODINGS
    return isinstance(kind, exp.DefaultColumnConstraint | exp.UniqueColumnConstraint | exp.Reference)


def reference(text: str) -> Reference:
    """Read ``schema.table (column)``, as REFERENCES has it. Raises ValueError with one sentence."""
    (column,) = parse(f"CREATE TABLE x.x (x INTEGER REFERENCES {text})").columns
    assert column.references
    return replace(column.references, declared=False)


def _reference(node: exp.Reference) -> Reference:
    target = node.this
    if not isinstance(target, exp.Schema) or len(target.expressions) != 1:
        raise ValueError("a column REFERENCES one column: schema.table (column)")
    return Reference(_qualified(target.this), target.expressions[0].name)


def _type(node: exp.ColumnDef) -> Type:
    kind = node.args["kind"]
    name = _SPELLINGS.get(kind.this.value, kind.this.value)
    if name not in TYPES:
        raise ValueError(f"column {node.name} has type {kind.sql('redshift')}; use one of {', '.join(sorted(TYPES))}")
    sizes = [param.this.name for param in kind.expressions]
    if name in DEFAULT_LENGTH:
        length = MAX_LENGTH if sizes and sizes[0].upper() == "MAX" else int(sizes[0]) if sizes else DEFAULT_LENGTH[name]
        return Type(name, length=length)
    if name == "DECIMAL":
        precision, scale = (int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else 0) if sizes else DEFAULT_DECIMAL
        return Type(name, precision=precision, scale=scale)
    return Type(name)
