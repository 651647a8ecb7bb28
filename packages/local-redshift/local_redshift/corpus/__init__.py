"""Statements with the values that Redshift's documentation gives, and their runner."""
