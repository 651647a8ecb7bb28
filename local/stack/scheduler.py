"""Airflow's scheduler, with the modules that every task needs imported beforehand.

LocalExecutor's workers are forks of the scheduler and each task is a fork of a worker, so what is imported here is not
imported again by each task: on two cores that is more than half of a short task's time. Nothing else differs.

    python -m local.stack.scheduler --skip-serve-logs
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

# What the pipelines' tasks import; none of these starts a thread when it is imported, which a fork would lose.
PRELOADED = (
    "airflow.dag_processing.dagbag",
    "airflow.providers.amazon.aws.hooks.redshift_sql",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.common.sql.operators.sql",
    "airflow.providers.http.hooks.http",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.sdk.execution_time.task_runner",
    "boto3.s3.transfer",
    "duckdb",
    "openlineage.client.generated.column_lineage_dataset",
    "openlineage.client.generated.documentation_dataset",
    "openlineage.client.generated.ownership_dataset",
    "openlineage.client.generated.schema_dataset",
    "redshift_connector",
    "sqlglot.dialects.duckdb",
    "sqlglot.dialects.redshift",
    "sqlglot.lineage",
)


def main() -> None:
    """Import, then run `airflow scheduler` with this process's arguments."""
    # `python -m` puts the working folder first: Airflow must not find this repository's packages there.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]
    from airflow.__main__ import main as airflow

    for module in PRELOADED:
        importlib.import_module(module)
    # Each AWS hook searches inspect.stack() for its caller, and the first such call resolves the path of every module:
    # 0.4 s of CPU in each task, unless a parent process has made it.
    inspect.stack()
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    airflow()


if __name__ == "__main__":
    main()
