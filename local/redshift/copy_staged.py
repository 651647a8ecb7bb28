"""COPY through a temporary table of text columns: for what PostgreSQL's own COPY cannot read in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.redshift.s3 import S3Error

if TYPE_CHECKING:
    from local.redshift.load import Job
    from local.redshift.session import Session


async def run(session: Session, job: Job) -> None:
    """Load the job through the stage."""
    raise S3Error("This COPY is not modelled by the local Redshift yet")
