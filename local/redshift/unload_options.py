"""The UNLOAD command as a value. Source: developer guide page r_UNLOAD."""

from __future__ import annotations

from dataclasses import dataclass

from local.redshift.copy_options import Credentials
from local.redshift.plans import Refused


@dataclass(frozen=True)
class UnloadCommand:
    """An UNLOAD of a query to S3."""

    query: str
    target: str
    credentials: Credentials


def parse_unload(sql: str) -> UnloadCommand:
    """Read an UNLOAD statement. Raises Refused."""
    raise Refused("UNLOAD is not modelled by the local Redshift yet")
