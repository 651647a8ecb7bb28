"""Deleting what is past its retention; table maintenance."""
