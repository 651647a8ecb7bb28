"""GRANT and REVOKE. Sources: developer guide pages r_GRANT, r_REVOKE."""

from __future__ import annotations

from local.redshift.plans import Forward, Plan


def grant(sql: str) -> Plan:
    """GRANT or REVOKE, as PostgreSQL runs it (GROUP is a noise word there)."""
    return Forward(sql)
