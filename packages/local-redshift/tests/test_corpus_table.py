"""The tables in docs/local-redshift.md must match the corpus."""

import pytest

from local_redshift.corpus import cases, docs_table


def test_the_documents_tables_are_current() -> None:
    text = docs_table.DOCUMENT.read_text()
    assert text == docs_table.document(text, cases.read()), "run python -m local_redshift.corpus.docs_table"


def test_a_refused_statement_is_shown_beside_its_topic() -> None:
    refused = cases.Case(("select checksum(1)",), "refused", "CHECKSUM")
    group = cases.Group("Other | hashes", "r_SUM", (), {}, (refused, cases.Case(("select 1",), "is", "1")))
    made = docs_table.table([cases.Heading("7_x", "7. Hashes", (group,))])
    assert "2 cases, of which 1 are refused" in made
    assert (
        "| [Other \\| hashes](https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html) | 2 | `select checksum(1)` |"
        in made
    )


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="corpus: begin"):
        docs_table.document("# nothing", [])
