"""Query syntax and functions that Redshift has and PostgreSQL has not."""
