"""The functions, types and system views of a database, as SQL."""
