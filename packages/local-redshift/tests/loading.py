"""What the tests of COPY share: objects put under one folder, loads of them, and the rows that failed."""

import pytest
import redshift_connector


class Loader:
    """Puts objects and loads them, with a cursor of redshift_connector."""

    def __init__(self, cursor, server, folder) -> None:
        self.cursor, self.server, self.folder = cursor, server, folder

    def put(self, name, body):
        """Put an object and return its URL."""
        key = f"{self.folder}/{name}"
        self.server.s3.put_object(Bucket="lake", Key=key, Body=body if isinstance(body, bytes) else body.encode())
        return f"s3://lake/{key}"

    def run(self, sql):
        """Run a statement and return its rows, if it has any."""
        self.cursor.execute(sql)
        return [tuple(row) for row in self.cursor.fetchall()] if self.cursor.description else None

    def copy(self, body, options="csv", table="t", name="data"):
        """Load an object of this body and return the table's rows."""
        url = self.put(name, body)
        self.run(f"copy {table} from '{url}' iam_role '{self.server.iam_role}' {options}")
        return self.run(f"select * from {table.split()[0]} order by 1")

    def errors(self):
        """Line, column, code and value of each row that failed."""
        return self.run(
            "select line_number, trim(colname), err_code, trim(raw_field_value) from stl_load_errors order by 1"
        )


def failing(code="XX000"):
    """Expect an error of the driver whose text holds this."""
    return pytest.raises(redshift_connector.ProgrammingError, match=code)
