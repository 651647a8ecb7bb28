"""Validates and casts raw files to a contract, with DuckDB."""
