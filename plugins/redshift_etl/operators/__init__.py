"""Thin Airflow operators: each takes what the last one returned, calls the library, and returns a small dict."""
