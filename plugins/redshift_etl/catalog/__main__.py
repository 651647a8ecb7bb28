"""``python -m redshift_etl.catalog FOLDER``: write the catalogue as a static site."""

from __future__ import annotations

import sys
from pathlib import Path

from redshift_etl.catalog import static_site
from redshift_etl.catalog.repository import Reader


def main(arguments: list[str]) -> int:
    """Write the site into the folder that is the only argument. Exit code 1 when a contract or its SQL is invalid."""
    if len(arguments) != 1:
        print("Usage: python -m redshift_etl.catalog FOLDER", file=sys.stderr)
        return 2
    repository = Reader().read()
    written = static_site.build(repository, Path(arguments[0]))
    print(f"{len(written)} pages: {Path(arguments[0]) / 'index.html'}")
    for table, problem in repository.problems.items():
        print(f"{table}: {problem}", file=sys.stderr)
    return 1 if repository.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
