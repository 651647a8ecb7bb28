"""Reading SQL text: tokens, names and types."""
