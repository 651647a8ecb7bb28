"""A local Amazon Redshift: a proxy for the PostgreSQL wire protocol in front of PostgreSQL."""

__version__ = "1.0.0"
