"""The tables in docs/local-redshift.md, made from the corpus: `python -m local_redshift.corpus.docs_table`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from local_redshift.corpus.cases import PAGES, Case, Group, Heading, read

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "local-redshift.md"
BEGIN, END = "<!-- corpus: begin -->", "<!-- corpus: end -->"
_LONGEST = 70  # characters of a statement in a table cell


def table(headings: list[Heading]) -> str:
    """Markdown: one table a heading, one row a topic, with the statements that are refused."""
    total = sum(len(group.cases) for heading in headings for group in heading.groups)
    refused = sum(case.kind == "refused" for heading in headings for group in heading.groups for case in group.cases)
    lines = [f"{total} cases, of which {refused} are refused by the local Redshift.", ""]
    for heading in headings:
        lines += [f"### {heading.title}", "", "| Topic | Cases | Refused |", "|---|--:|---|"]
        lines += [_row(group) for group in heading.groups]
        lines.append("")
    return "\n".join(lines)


def document(text: str, headings: list[Heading]) -> str:
    """The document's text with the tables regenerated. Raises ValueError when its markers are missing."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"{DOCUMENT.name} has no {BEGIN} and {END} to write the corpus between")
    before, after = text.split(BEGIN, maxsplit=1)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{table(headings)}{END}{after}"


def _row(group: Group) -> str:
    refused = "; ".join(_refusals(group))
    return f"| [{_cell(group.topic)}]({PAGES.format(group.page)}) | {len(group.cases)} | {refused} |"


def _refusals(group: Group) -> Iterator[str]:
    for case in group.cases:
        if case.kind == "refused":
            yield f"`{_cell(_shortened(case))}`"


def _shortened(case: Case) -> str:
    sql = case.sql[-1]
    return sql if len(sql) <= _LONGEST else sql[: _LONGEST - 2] + " …"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text(), read()))
    sys.stdout.write(f"{DOCUMENT}\n")
