"""The isolation level of a database: PostgreSQL stores it as a setting of the database.

Without one the server's level holds (Config.isolation). Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATABASE.html
"""

from __future__ import annotations

from local_redshift.config import ISOLATION
from local_redshift.sql.lexer import quote_literal, quote_name

_SETTING = "default_transaction_isolation"
# The server's level comes with the start-up packet, which PostgreSQL prefers to the setting of a database. Not by
# SET_CONFIG, which has no effect on the level (sql/88_rights.sql).
USE_LEVEL_OF_DATABASE = f"""DO $$
DECLARE
    level text := (SELECT split_part(setting, '=', 2)
        FROM pg_catalog.pg_db_role_setting r CROSS JOIN unnest(r.setconfig) setting
        WHERE r.setrole = 0 AND starts_with(setting, '{_SETTING}=')
            AND r.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()));
BEGIN
    IF level IS NOT NULL THEN
        EXECUTE format('SET {_SETTING} TO %L', level);
    END IF;
END $$"""


def set_level(database: str, level: str) -> str:
    """The statement that stores a level, SERIALIZABLE or SNAPSHOT. It holds for sessions that begin later."""
    return f"ALTER DATABASE {quote_name(database)} SET {_SETTING} TO {quote_literal(ISOLATION[level])}"
