"""What feeds what, down to the column, and its OpenLineage events."""
