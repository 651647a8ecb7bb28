"""docs/local-redshift.md must say what the corpus says."""

import pytest

from local.redshift import corpus, corpus_table


def test_the_documents_tables_are_current():
    text = corpus_table.DOCUMENT.read_text()
    assert text == corpus_table.document(text, corpus.read()), "run python -m local.redshift.corpus_table"


def test_a_refused_statement_is_shown_beside_its_topic():
    refused = corpus.Case(("select checksum(1)",), "refused", "CHECKSUM")
    group = corpus.Group("Other | hashes", "r_SUM", (), {}, (refused, corpus.Case(("select 1",), "is", "1")))
    made = corpus_table.table([corpus.Heading("7_x", "7. Hashes", (group,))])
    assert "2 cases, of which 1 are refused" in made
    assert (
        "| [Other \\| hashes](https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html) | 2 | `select checksum(1)` |"
        in made
    )


def test_a_document_without_markers_is_refused():
    with pytest.raises(ValueError, match="corpus: begin"):
        corpus_table.document("# nothing", [])
