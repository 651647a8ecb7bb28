"""UNLOAD to S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.redshift.plans import Refusal
from local.redshift.unload_options import UnloadCommand

if TYPE_CHECKING:
    from local.redshift.session import Session


async def run(session: Session, command: UnloadCommand) -> bytes:
    """Not modelled yet."""
    raise await session.failure(Refusal("UNLOAD is not modelled by the local Redshift yet"))
