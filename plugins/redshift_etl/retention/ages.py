"""The ages of the retention form, and the floors below which nobody may set them: what shows who did what stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from redshift_etl.errors import FormError

FLOORS = {"raw": 7, "staged": 2, "rejects": 7, "airflow": 30}
"""Days. A batch may be loaded again within days; runs and task logs show what was done and by whom."""


def age(params: Mapping[str, Any], what: str) -> timedelta:
    """The age ``<what>_days`` of the form. Raises FormError for one below its floor, whatever the DAG's form allows."""
    days, floor = int(params[f"{what}_days"]), FLOORS[what]
    if days < floor:
        raise FormError(
            f"What is {days} days old is not deleted: it is kept for {floor} days at least.",
            fix=f"use {floor} days or more",
            field=f"{what}_days",
        )
    return timedelta(days=days)
