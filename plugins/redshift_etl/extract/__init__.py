"""Reading sources into the lake."""
