from __future__ import annotations

from tests.ui.conftest import Page


def test_it_answers(page: Page):
    answer = page.get("/api/overview")
    assert answer.status_code == 200, answer.text
