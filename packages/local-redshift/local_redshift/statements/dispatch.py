"""What to do with a statement: the pure core of the local Redshift.

`plan` looks at the first words, hands the statement to the module of that heading, and never touches a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from local_redshift.query import rewrite as functions
from local_redshift.sql.identifiers import fold
from local_redshift.sql.lexer import LexError, first_word
from local_redshift.sql.refusal import Refusal, RefusedError
from local_redshift.sql.token_tree import Column
from local_redshift.statements import grants, parameters, transactions
from local_redshift.statements.copy import parse_copy
from local_redshift.statements.ddl import alter, comment, create, drop
from local_redshift.statements.dml import delete, insert, update, with_query
from local_redshift.statements.maintenance import analyze, lock, truncate, vacuum
from local_redshift.statements.merge import merge
from local_redshift.statements.plan import Forward, Load, Plan, Script, Unload
from local_redshift.statements.unload import parse_unload

Known = Mapping[str, "tuple[Column, ...] | None"]

_POSTGRES_ONLY = {
    "savepoint": "Savepoints are not supported by Redshift",
    "release": "Savepoints are not supported by Redshift",
    "listen": "LISTEN is not supported by Redshift",
    "notify": "NOTIFY is not supported by Redshift",
    "unlisten": "UNLISTEN is not supported by Redshift",
    "do": "DO is not supported by Redshift; use CREATE PROCEDURE and CALL",
    "reindex": "Redshift has no indexes",
    "cluster": "CLUSTER is not supported by Redshift; use SORTKEY and VACUUM",
    "checkpoint": "CHECKPOINT is not supported by Redshift",
    "discard": "DISCARD is not supported by Redshift",
    "load": "LOAD is not supported by Redshift",
    "security": "SECURITY LABEL is not supported by Redshift",
    "import": "IMPORT FOREIGN SCHEMA is not supported by Redshift",
    "reassign": "REASSIGN OWNED is not supported by Redshift",
    "move": "MOVE is not supported by Redshift; use FETCH",
    "table": "TABLE is not supported by Redshift; use SELECT * FROM",
}
_NOT_MODELLED = {
    "use": "USE is not modelled by the local Redshift; connect to the other database",
    "cancel": "CANCEL is not modelled by the local Redshift; use PG_CANCEL_BACKEND",
    "describe": "DESCRIBE is not modelled by the local Redshift; use SHOW COLUMNS",
    "desc": "DESC DATASHARE and DESC IDENTITY PROVIDER are not modelled by the local Redshift",
    "attach": "ATTACH is not modelled by the local Redshift",
    "detach": "DETACH is not modelled by the local Redshift",
}
_HEADINGS: dict[str, Callable[[str], Plan]] = {
    "copy": lambda sql: Load(parse_copy(sql)),
    "unload": lambda sql: Unload(parse_unload(sql)),
    "truncate": truncate,
    "vacuum": vacuum,
    "analyze": analyze,
    "analyse": analyze,
    "lock": lock,
    "insert": insert,
    "update": update,
    "delete": delete,
    "with": with_query,
    "merge": merge,
    "create": create,
    "alter": alter,
    "drop": drop,
    "comment": comment,
    "grant": grants.grant,
    "revoke": grants.grant,
    "set": parameters.set_parameter,
    "reset": parameters.set_parameter,
    "show": parameters.show,
    "begin": transactions.begin,
    "start": transactions.begin,
    "rollback": transactions.end,
    "commit": transactions.end,
    "prepare": transactions.prepare,
    "declare": transactions.declare,
    "fetch": transactions.fetch,
    "explain": transactions.explain,
}


def plan(sql: str, known: Known | None = None) -> Plan:
    """Decide what one statement becomes. `known` has the columns of queries that `functions.NeedColumns` asked for.

    Raises functions.NeedColumns; anything refused is returned as a Refusal.
    """
    try:
        return _decide(fold(sql), known or {})
    except LexError as bad:
        return Refusal(str(bad), "42601")
    except RefusedError as refused:
        return refused.refusal
    except functions.Refused as refused:
        return Refusal(str(refused), refused.code)


def _decide(sql: str, known: Known) -> Plan:
    word = first_word(sql)
    if word in _POSTGRES_ONLY:
        raise RefusedError(_POSTGRES_ONLY[word])
    if word in _NOT_MODELLED:
        raise RefusedError(_NOT_MODELLED[word])
    heading = _HEADINGS.get(word)
    made = heading(sql) if heading else Forward(sql)
    if isinstance(made, Forward):
        return Forward(functions.rewrite(made.sql, known), made.lock)
    if isinstance(made, Script) and made.query:
        first, *others = made.statements
        return replace(made, statements=(functions.rewrite(first, known), *others))
    return made
