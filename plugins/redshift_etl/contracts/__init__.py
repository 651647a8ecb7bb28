"""What is read from include/sql: contracts, transform specs, marts, checks."""
