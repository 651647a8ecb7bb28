"""What a query may not use, and what to use instead."""
