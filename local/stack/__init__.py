"""The laptop's stack: its servers, Airflow, and what starts and stops them."""
