"""Checks a cluster of one's own before the first load: what the pipelines need of it, and how to fix what fails."""
