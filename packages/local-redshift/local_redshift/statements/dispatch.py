"""The plan for a statement, chosen by its first word. Pure: nothing here reads a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from local_redshift.query.rewrite import rewrite
from local_redshift.query.unsupported.unsafe_functions import check_unsafe
from local_redshift.sql.identifiers import fold
from local_redshift.sql.lexer import LexError, first_word
from local_redshift.sql.refusal import Refusal, RefusedError
from local_redshift.sql.token_tree import Column, Refused
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
_PLANNERS: dict[str, Callable[[str], Plan]] = {
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
    """Return the plan for one statement. `known` has the columns of the queries of earlier NeedColumns.

    Raises NeedColumns; a statement that is not supported is returned as a Refusal.
    """
    try:
        return _decide(fold(sql), known or {})
    except LexError as bad:
        return Refusal(str(bad), "42601")
    except RefusedError as refused:
        return refused.refusal
    except Refused as refused:
        return Refusal(str(refused), refused.code)


def _decide(sql: str, known: Known) -> Plan:
    check_unsafe(sql)
    word = first_word(sql)
    if word in _POSTGRES_ONLY:
        raise RefusedError(_POSTGRES_ONLY[word])
    if word in _NOT_MODELLED:
        raise RefusedError(_NOT_MODELLED[word])
    planner = _PLANNERS.get(word)
    draft = planner(sql) if planner else Forward(sql)
    if isinstance(draft, Forward):
        return Forward(rewrite(draft.sql, known), draft.lock)
    if isinstance(draft, Script) and draft.query:
        first, *others = draft.statements
        return replace(draft, statements=(rewrite(first, known), *others))
    return draft
