"""What the tests of COPY share: a Loader, which puts objects into S3 and loads them, and the expected errors."""

from typing import Any

import pytest
from redshift_connector.error import ProgrammingError

from local_redshift.testing.pytest_plugin import RedshiftServer


class Loader:
    """Puts objects under one key prefix and loads them, with a cursor of redshift_connector."""

    def __init__(self, cursor: Any, server: RedshiftServer, folder: str) -> None:
        self.cursor, self.server, self.folder = cursor, server, folder

    def put(self, name: str, body: str | bytes) -> str:
        """Put an object and return its URL."""
        key = f"{self.folder}/{name}"
        self.server.s3.put_object(Bucket="lake", Key=key, Body=body if isinstance(body, bytes) else body.encode())
        return f"s3://lake/{key}"

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows, none if it is not a query."""
        self.cursor.execute(sql)
        return [tuple(row) for row in self.cursor.fetchall()] if self.cursor.description else []

    def copy(
        self, body: str | bytes, options: str = "csv", table: str = "t", name: str = "data"
    ) -> list[tuple[Any, ...]]:
        """Load an object with this body and return the table's rows."""
        url = self.put(name, body)
        self.run(f"copy {table} from '{url}' iam_role '{self.server.iam_role}' {options}")
        return self.run(f"select * from {table.partition(' ')[0]} order by 1")

    def errors(self) -> list[tuple[Any, ...]]:
        """Return line, column, code and value of each row that failed."""
        return self.run(
            "select line_number, trim(colname), err_code, trim(raw_field_value) from stl_load_errors order by 1"
        )


def fails_with(text: str) -> pytest.RaisesExc[ProgrammingError]:
    """Expect an error of redshift_connector that contains this text."""
    return pytest.raises(ProgrammingError, match=text)
