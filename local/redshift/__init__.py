"""A local Amazon Redshift: a proxy for the PostgreSQL wire protocol in front of PostgreSQL."""
