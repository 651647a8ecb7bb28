"""sqlalchemy-redshift reflects tables and a late-binding view, in each of the ways to begin a transaction."""

import json
import sys
from typing import Any

import pandas as pd
import sqlalchemy as sa

CREATE = (
    "create table orders (id int not null primary key encode raw distkey, state varchar(20) encode zstd) sortkey (id)",
    "create table parts (id int, order_id int references orders (id)) diststyle all",
    "create view late as select id, state from public.orders with no schema binding",
)

c = json.load(sys.stdin)
url = sa.URL.create(f"redshift+{c['driver']}", c["user"], c["password"], c["host"], c["port"], c["database"])
options: dict[str, Any] = {"sslmode": "prefer"} if c["driver"] == "psycopg2" else {"ssl": False}
engine = sa.create_engine(url, connect_args=options, pool_size=1, max_overflow=0)
# Back in the pool, the connection gets its first isolation level again; psycopg2 sends a statement at the second time.
for sql in CREATE:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(sql)
with engine.begin() as connection:
    connection.exec_driver_sql("insert into orders values (1, 'new')")
with sa.create_engine(url, connect_args=options, isolation_level="READ COMMITTED").connect() as connection:
    rows = [list(row) for row in connection.exec_driver_sql("select * from orders")]
    level = connection.get_isolation_level()

pd.DataFrame({"a": [1, 2]}).to_sql("frame", engine, index=False, if_exists="replace")
inspector = sa.inspect(engine)
tables = {name: sa.Table(name, sa.MetaData(), autoload_with=engine) for name in ("orders", "parts")}
created = {name: str(sa.schema.CreateTable(table).compile(engine)).split() for name, table in tables.items()}
print(
    json.dumps(
        {
            "rows": rows,
            "level": level,
            "tables": sorted(inspector.get_table_names()),
            "views": inspector.get_view_names(),
            "exists": [inspector.has_table("orders"), inspector.has_table("none")],
            "late": [[column["name"], str(column["type"])] for column in inspector.get_columns("late")],
            "encodings": [column.get("info") for column in inspector.get_columns("orders")],
            "created": {name: " ".join(words) for name, words in created.items()},
            "keys": [key["referred_table"] for key in inspector.get_foreign_keys("parts")],
        }
    )
)
