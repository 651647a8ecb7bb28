"""What must exist before the first connection: the template, the user, the database."""

from __future__ import annotations

import psycopg
from psycopg import sql

from local_redshift.catalog import template_database
from local_redshift.config import Config


def prepare(config: Config) -> None:
    """Create the user and the database unless they exist, and set the user's password."""
    with psycopg.connect(config.admin(), autocommit=True) as admin:
        # A database of the cluster belongs to one of its users. The others of the server are not for them to enter.
        others = admin.execute(
            "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolsuper AND datallowconn"
        ).fetchall()
        for (name,) in others:
            admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        # The server's log is not the cluster's: it gets neither the text of a failed statement nor the values in it.
        admin.execute("ALTER ROLE ALL SET log_min_error_statement = 'panic'")
        admin.execute("ALTER ROLE ALL SET log_error_verbosity = 'terse'")
    template_database.ensure(config.admin())
    ensure_user(config)
    if not template_database.database_exists(config.admin(), config.database):
        template_database.create_database(config.admin(), config.database, config.user)


def ensure_user(config: Config) -> None:
    """Create the admin user, or set its password. It owns databases, but is not a superuser of PostgreSQL.

    Like Redshift's superuser, it may create schemas and set default privileges for the users that it creates.
    """
    name, password = sql.Identifier(config.user), sql.Literal(config.password)
    with psycopg.connect(config.admin(), autocommit=True) as admin:
        known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [config.user]).fetchone()
        verb = "ALTER" if known else "CREATE"
        # The text of a statement with a password in it must not reach the server's log.
        admin.execute("SET log_statement = 'none'; SET log_min_error_statement = 'panic'")
        admin.execute(sql.SQL(verb + " ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(name, password))
        admin.execute(sql.SQL("GRANT pg_monitor, pg_read_all_stats TO {} WITH ADMIN OPTION").format(name))
        admin.execute(sql.SQL("ALTER ROLE {} SET createrole_self_grant = 'set, inherit'").format(name))
