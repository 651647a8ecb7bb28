"""A data frame to the warehouse by COPY, and back by UNLOAD; prints the rows and the encryption of the files."""

import json
import sys

import awswrangler as wr
import boto3
import pandas as pd
import redshift_connector
from redshift_connector.error import ProgrammingError

c = json.load(sys.stdin)
names = ("host", "port", "user", "password", "database")
prefix = f"s3://{c['bucket']}/wrangler/{c['database']}"
role, query = c["iam_role"], "select * from public.orders order by id"

with redshift_connector.connect(**{name: c[name] for name in names}, ssl=False) as connection:
    first = pd.DataFrame({"id": [1, 2, 3], "state": ["new", "sent", None], "price": [1.5, 2.25, 3.0]})
    second = pd.DataFrame({"id": [3, 4], "state": ["sent", "new"], "price": [3.5, 4.0]})
    for frame, mode in ((first, "overwrite"), (second, "upsert")):
        wr.redshift.copy(
            frame, f"{prefix}/copy/", connection, "orders", "public", iam_role=role, mode=mode, primary_keys=["id"]
        )
    unloaded = wr.redshift.unload(query, f"{prefix}/unload/", connection, iam_role=role, keep_files=True)
    read = wr.redshift.read_sql_query(query, con=connection)
    try:
        wr.redshift.unload_to_files(query, f"{prefix}/kms/", connection, iam_role=role, kms_key_id="a-key")
        refused = ""
    except ProgrammingError as error:
        refused = error.args[0]["M"]

s3 = boto3.client("s3")
listed = s3.list_objects_v2(Bucket=c["bucket"], Prefix=f"wrangler/{c['database']}/unload/")["Contents"]
heads = [s3.head_object(Bucket=c["bucket"], Key=item["Key"]) for item in listed]
frames = {name: json.loads(frame.to_json(orient="values")) for name, frame in (("unloaded", unloaded), ("read", read))}
print(json.dumps({**frames, "encryption": [head["ServerSideEncryption"] for head in heads], "refused": refused}))
