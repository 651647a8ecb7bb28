"""The database that the histories' databases are copies of."""

from __future__ import annotations

from tests.integration.conftest import with_bookkeeping

__all__ = ["with_bookkeeping"]
