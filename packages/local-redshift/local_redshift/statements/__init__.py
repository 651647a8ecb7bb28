"""One module a kind of statement: what PostgreSQL is sent for it."""
