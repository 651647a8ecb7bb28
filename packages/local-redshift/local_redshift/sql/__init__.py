"""Reading SQL text: tokens, identifiers and types."""
