"""Incidents: their cause, report, storage, alerts and resolution."""
