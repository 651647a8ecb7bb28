"""The commands of the laptop's stack: what the Makefile's targets call."""
