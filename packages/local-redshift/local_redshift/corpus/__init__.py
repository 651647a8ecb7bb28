"""Statements with the values of Redshift's documentation, and their runner."""
