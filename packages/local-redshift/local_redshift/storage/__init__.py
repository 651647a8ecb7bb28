"""The PostgreSQL behind the local Redshift."""
