"""Two loads of a dlt pipeline that merges, with files of one format in S3 or with INSERTs; prints the rows."""

import json
import sys
from typing import Any
from urllib.parse import quote

import dlt
from dlt.destinations import filesystem, redshift

LOADS: tuple[list[dict[str, Any]], ...] = (
    [{"id": 1, "state": "new", "at": "2024-01-01T00:00:00Z", "lines": [{"n": 1}]}, {"id": 2, "state": "new"}],
    [{"id": 2, "state": "sent"}, {"id": 3, "state": "new"}],
)

c = json.load(sys.stdin)
address = f"{c['host']}:{c['port']}/{c['database']}?sslmode=prefer"
files = filesystem(
    bucket_url=f"s3://{c['bucket']}/dlt/{c['database']}",
    credentials={
        "aws_access_key_id": c["access_key"],
        "aws_secret_access_key": c["secret_key"],
        "endpoint_url": c["s3_endpoint"],
        "region_name": c["region"],
    },
)
pipeline = dlt.pipeline(
    "shop",
    destination=redshift(
        credentials=f"postgresql://{c['user']}:{quote(c['password'], safe='')}@{address}",
        staging_iam_role=c["iam_role"],
    ),
    staging=files if c["format"] else None,
    dataset_name="shop",
    pipelines_dir=".",
)
for rows in LOADS:
    load = pipeline.run(
        rows,
        table_name="orders",
        write_disposition="merge",
        primary_key="id",
        loader_file_format=c["format"],
    )
    load.raise_on_failed_jobs()
with pipeline.sql_client() as client:
    orders = client.execute_sql("select id, state from orders order by id") or []
    lines = client.execute_sql("select count(*) from orders__lines") or []
print(json.dumps({"orders": [list(row) for row in orders], "lines": lines[0][0]}))
