"""Building marts."""
