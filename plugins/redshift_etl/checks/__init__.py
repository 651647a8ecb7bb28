"""The checks of a table: the rules, and running them."""
