"""Backfilling a table through a shadow table."""
