"""The grants: temporary tables, the schemas of the contracts, system views, and a schema for the checks' own tables."""

from __future__ import annotations

from redshift_etl.backfill import shadow_table
from redshift_etl.cluster_check.model import Cluster, Result, failed, unknown, warning
from redshift_etl.contracts import contract as contracts
from redshift_etl.warehouse import locks
from redshift_etl.warehouse.migrate import create_schema
from redshift_etl.warehouse.session import Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement

_DENIED = "42501"
GRANTS = "include/sql/grants/etl_user.sql"


def temporary_tables(cluster: Cluster) -> Result | str:
    """Loads stage in temporary tables: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html."""
    with open_session(cluster.connect, cluster.name) as session:
        user, database = _names(session)
        try:
            session.run(Statement("create a temporary table", f"CREATE TEMP TABLE {cluster.name} (n INTEGER)"))
        except StatementError as error:
            if error.code != _DENIED:
                raise
            return failed(error.message, f"As an admin: GRANT TEMP ON DATABASE {database} TO {user}.")
    return "may be created"


def schemas(cluster: Cluster) -> Result | str:
    """Each schema that the pipelines write to is there with CREATE on it, or may be created."""
    needed = sorted({table.split(".")[0] for table in contracts.all_tables()} | {shadow_table.SCHEMA, locks.SCHEMA})
    with open_session(cluster.connect, cluster.name) as session:
        user, database = _names(session)
        marks = ", ".join("%s" for _ in needed)
        query = (
            "SELECT TRIM(nspname), HAS_SCHEMA_PRIVILEGE(CURRENT_USER, nspname, 'CREATE') FROM pg_namespace\n"
            f"WHERE nspname IN ({marks})"
        )
        usable = {str(name): bool(may) for name, may in session.run(Statement("read grants", query, tuple(needed)))}
        query = "SELECT HAS_DATABASE_PRIVILEGE(CURRENT_USER, CURRENT_DATABASE(), 'CREATE')"
        may_create = bool(session.value(Statement("read the right to create schemas", query)))
        foreign = _foreign_tables(session)
    absent = [name for name in needed if name not in usable]
    denied = [name for name in needed if not usable.get(name, may_create)]
    if denied:
        return failed(f"{user} cannot create tables in {', '.join(denied)}", f"As a superuser in {database}: {GRANTS}.")
    if foreign:
        fix = f"As a superuser: ALTER TABLE {foreign[0]} OWNER TO {user}, and so on."
        return failed(f"tables of another owner: {', '.join(foreign)}", fix)
    new = f"; the first loads create {', '.join(absent)}" if absent else ""
    return f"may create tables in {', '.join(usable) or 'none yet'}{new}"


def _foreign_tables(session: Session) -> list[str]:
    """Tables with a contract that this user does not own: loads LOCK, ANALYZE and extend them. None for a superuser."""
    owners = Statement(
        "read the tables' owners",
        "SELECT TRIM(t.schemaname) || '.' || TRIM(t.tablename) FROM pg_tables AS t, pg_user AS u\n"
        "WHERE u.usename = CURRENT_USER AND NOT u.usesuper AND t.tableowner <> u.usename",
    )
    return sorted({str(row[0]) for row in session.run(owners)} & set(contracts.all_tables()))


def table_sizes(cluster: Cluster) -> Result | str:
    """The Warehouse page and retention read SVV_TABLE_INFO."""
    with open_session(cluster.connect, cluster.name) as session:
        user, _ = _names(session)
        try:
            tables = session.value(Statement("count tables", "SELECT COUNT(*) FROM svv_table_info"))
        except StatementError as error:
            return failed(error.message, f"As a superuser: GRANT SELECT ON svv_table_info TO {user}.")
    return f"svv_table_info has {tables} tables"


def other_users_queries(cluster: Cluster) -> Result | str:
    """Without them each table would look unused (https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_INFO.html)."""
    with open_session(cluster.connect, cluster.name) as session:
        user, _ = _names(session)
        query = "SELECT superuser, syslog_access FROM svv_user_info WHERE user_name = CURRENT_USER"
        try:
            rows = session.run(Statement("read the access to the system logs", query))
        except StatementError as error:
            return unknown(f"svv_user_info is refused: {error.message}")
    if not rows:
        return unknown(f"svv_user_info does not have {user}")
    superuser, access = rows[0]
    if superuser or str(access).strip().upper() == "UNRESTRICTED":
        return "visible"
    return warning(f"syslog access is {access}", f"As a superuser: ALTER USER {user} SYSLOG ACCESS UNRESTRICTED.")


def own_schema(cluster: Cluster) -> Result | str:
    """Create the schema of the checks' tables."""
    with open_session(cluster.connect, cluster.name) as session:
        user, database = _names(session)
        try:
            session.run(create_schema(cluster.name))
            session.commit()
        except StatementError as error:
            return failed(
                error.message,
                f"As an admin, for this check alone: GRANT CREATE ON DATABASE {database} TO {user}; "
                f"and after it REVOKE CREATE ON DATABASE {database} FROM {user}.",
            )
    return f"created {cluster.name}"


def _names(session: Session) -> tuple[str, str]:
    """The user and the database."""
    user, database = session.run(Statement("read the names", "SELECT CURRENT_USER, CURRENT_DATABASE()"))[0]
    session.commit()
    return str(user), str(database)
