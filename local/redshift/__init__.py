"""A local Amazon Redshift: a proxy for the PostgreSQL wire protocol in front of a PostgreSQL 18, with Redshift's dialect and limits."""
