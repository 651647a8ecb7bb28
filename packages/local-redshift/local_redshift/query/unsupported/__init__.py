"""What Redshift does not support in a query, and the alternatives."""
