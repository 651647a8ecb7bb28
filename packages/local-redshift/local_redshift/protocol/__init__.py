"""PostgreSQL's wire protocol, on both sides of the proxy."""
