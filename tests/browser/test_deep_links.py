"""The first visitor of a fresh server follows a link straight to a page: each page of the navigation, a server each."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_ask import ENTRY, PATIENCE, environment, expect

Serve = Callable[..., str]
Visit = Callable[..., Any]

# Every text and every link of a navigation that was in the page since, however briefly.
KEEP_SIGHTS = """
window.sights = new Set(); window.links = new Set();
new MutationObserver(() => {
  if (document.body) sights.add(document.body.innerText);
  const found = '[data-testid=stSidebarNav], [data-testid=stSidebarNavLink], [data-testid=stTopNavLink]';
  for (const link of document.querySelectorAll(found)) links.add(`${link.dataset.testid} ${link.innerText.trim()}`);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


def pages() -> dict[str, str]:
    """Title by address, as streamlit_app.py names them: by their file, by `url_path`, and the default one at "/"."""
    found: dict[str, str] = {}
    for call in ast.walk(ast.parse(ENTRY.read_text("utf-8"))):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != "st.Page":
            continue
        said = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        path = said.get("url_path") or Path(ast.literal_eval(call.args[0])).stem
        found["" if said.get("default") else path] = said["title"]
    return found


def test_the_pages_are_known() -> None:
    assert {"", "ask", "explore", "logits", "sessions"} <= pages().keys()


@pytest.mark.parametrize("path", pages())
def test_a_fresh_server_opens_a_deep_link_without_a_detour(
    serve: Serve, visit: Visit, tmp_path: Path, path: str
) -> None:
    address = serve(ENTRY, environment(tmp_path))
    page = visit("about:blank")
    page.set_default_timeout(PATIENCE)
    page.add_init_script(KEEP_SIGHTS)
    page.goto(f"{address}/{path}")
    expect(page.get_by_role("heading", level=1)).to_have_text(pages()[path])
    expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
    expect(page).to_have_title("Reasoning Playground")
    sights = "\n".join(page.evaluate("[...window.sights]")).lower()
    assert "not found" not in sights
    assert "does not seem to exist" not in sights
    shown = set(page.evaluate("[...window.links]"))
    # An icon's name is text too; the title stands below it.
    titles = {
        link.partition(" ")[2].strip().split("\n")[-1] for link in shown if link.startswith("stTopNavLink")
    }
    assert titles <= set(pages().values()) | {""}
    assert not [link for link in shown if "Sidebar" in link]
    assert page.locator("[data-testid=stAppViewContainer]").get_attribute("data-layout") == "wide"
    assert page.url == f"{address}/{path}"


def test_a_fresh_server_opens_a_link_to_nothing_with_a_word_on_it(
    serve: Serve, visit: Visit, tmp_path: Path
) -> None:
    page = visit(f"{serve(ENTRY, environment(tmp_path))}/explore?run=nosuchrun&node=q&token=1")
    page.set_default_timeout(PATIENCE)
    expect(page.get_by_text("There is no saved run")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Explore")
