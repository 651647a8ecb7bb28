"""Query syntax and functions that Redshift has and PostgreSQL does not."""
