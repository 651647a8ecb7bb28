"""The hook by which the OpenLineage provider reads what an operator has read and written."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redshift_etl.lineage.openlineage import Lineage


class LineageMixin:
    """An operator with datasets: it implements ``lineage``, which is called after ``execute``."""

    @abstractmethod
    def lineage(self) -> Lineage:
        """The datasets read and written, with their columns."""

    def get_openlineage_facets_on_complete(self, _instance: Any) -> Lineage:
        """Called by the provider when the task has succeeded; an error here is logged and does not fail the task."""
        return self.lineage()
