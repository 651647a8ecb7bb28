"""One client's session: its messages, statements and transactions."""
