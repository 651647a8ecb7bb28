"""One module for each kind of statement: what is sent to PostgreSQL instead."""
