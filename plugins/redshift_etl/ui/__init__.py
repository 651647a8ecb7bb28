"""The Warehouse page in Airflow's navigation."""
