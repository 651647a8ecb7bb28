"""Comparing the warehouse with its sources."""
