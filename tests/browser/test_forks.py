"""Forks on the Ask page in a real browser: a click on an alternative writes another branch, and the old one stays."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.test_ask import ENTRY, QUESTION, Serve, Visit, ask, environment, expect, opened, settled


@pytest.fixture(scope="module")
def app(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    return serve(ENTRY, environment(tmp_path_factory.mktemp("data")))


@pytest.fixture
def page(app: str, visit: Visit) -> Any:
    return opened(visit(app))


def test_a_fork_from_an_alternative_is_a_further_branch(page: Any) -> None:
    ask(page, QUESTION)
    expect(page.get_by_text("500 such questions")).to_be_visible()
    settled(page)
    rows = page.get_by_role("listbox", name="Branches").get_by_role("option")
    expect(rows).to_have_count(10)
    before = [rows.nth(i).get_attribute("aria-label") for i in range(10)]
    rows.nth(2).locator(".cells").click(position={"x": 22, "y": 8})
    page.locator("button.alternative").nth(1).click()
    expect(page.get_by_text("Your forks")).to_be_visible()
    expect(rows).to_have_count(11)
    # It is written to its end and answers; what was there before is as it was.
    expect(rows.nth(10)).not_to_have_attribute("aria-label", re.compile("writing"))
    assert [rows.nth(i).get_attribute("aria-label") for i in range(10)] == before
    # A reload finds it again, and it can be forked once more.
    page.reload()
    opened(page)
    expect(rows).to_have_count(11)
    settled(page)
    rows.nth(10).locator(".cells").click(position={"x": 3, "y": 8})
    page.locator("button.alternative").nth(1).click()
    expect(rows).to_have_count(12)
