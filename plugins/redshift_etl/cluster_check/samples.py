"""The tables that the checks load: contracts of their own, in place of those of ``include/sql`` while a check runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redshift_etl import settings
from redshift_etl.cluster_check.model import Cluster

SMALL, EVENTS, DAILY = "small", "events", "daily"
_FILES = {
    f"tables/{{schema}}/{SMALL}.sql": """/*
description: A table that is refreshed as a whole.
owner: cluster check
load: full_refresh
retention: never
*/
CREATE TABLE {schema}.small (
    id   INTEGER NOT NULL,
    name VARCHAR(16),
    PRIMARY KEY (id)
)
DISTSTYLE ALL;
""",
    f"tables/{{schema}}/{EVENTS}.sql": """/*
description: A table that is upserted.
owner: cluster check
load: incremental
version: changed_at
day: day
retention: 1 day on day
*/
CREATE TABLE {schema}.events (
    id         BIGINT    NOT NULL,
    changed_at TIMESTAMP NOT NULL,
    day        DATE      NOT NULL,
    name       VARCHAR(16),
    amount     DECIMAL(9, 2),
    PRIMARY KEY (id)
)
DISTKEY (id)
SORTKEY (day);
""",
    f"tables/{{schema}}/{DAILY}.sql": """/*
description: A mart.
owner: cluster check
load: partition
day: day
retention: never
*/
CREATE TABLE {schema}.daily (
    day    DATE   NOT NULL,
    events BIGINT NOT NULL,
    amount DECIMAL(18, 2),
    PRIMARY KEY (day)
)
DISTSTYLE EVEN;
""",
    f"marts/{DAILY}.sql": """/*
inputs: [{schema}.events]
*/
SELECT day, COUNT(*) AS events, SUM(amount) AS amount
FROM {schema}.events
WHERE day IN (:days)
GROUP BY day
""",
}
_SETTING = f"AIRFLOW__{settings.SECTION.upper()}__SQL_DIR"


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """Let the library find these contracts and those of the bookkeeping, as files in a temporary folder.

    It is this process's own setting: running tasks do not notice.
    """
    bookkeeping, before = settings.sql_dir().resolve() / "tables" / "etl", os.environ.get(_SETTING)
    with tempfile.TemporaryDirectory(prefix=cluster.name) as folder:
        for name, text in _FILES.items():
            path = Path(folder) / name.format(schema=cluster.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{schema}", cluster.name), encoding="utf-8")
        (Path(folder) / "tables" / "etl").symlink_to(bookkeeping)
        os.environ[_SETTING] = folder
        try:
            yield
        finally:
            del os.environ[_SETTING]
            if before is not None:
                os.environ[_SETTING] = before
