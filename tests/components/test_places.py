"""Places in a run: what an address says of them, and what is wrong with one that names none."""

from __future__ import annotations

import pytest

from components.places import Place, link, parameters, read
from playground.errors import BadInput
from playground.trace import fold
from tests.components.token_traces import three_branches

TRACE = fold(three_branches())


def test_there_and_back() -> None:
    for place in (Place("q"), Place("q/a"), Place("q/a", 0), Place("q/c", 1)):
        said = parameters("run1", place)
        assert read(said["node"], said.get("token"), TRACE) == place
    assert read(None, None, TRACE) is None
    assert parameters("run1", Place("q/a", 3), "s") == {
        "session": "s", "run": "run1", "node": "q/a", "token": "4",
    }  # fmt: skip


@pytest.mark.parametrize("token", ["0", "6", "-1", "1.0", "٣", "1e0", "", "9" * 5000, "0000000000001", "<b>"])
def test_a_token_that_is_not_there(token: str) -> None:
    with pytest.raises(BadInput, match="There is no token") as refused:
        read("q/a", token, TRACE)
    assert "it has tokens 1 to 5" in refused.value.message


def test_a_node_that_is_not_there_or_has_no_tokens() -> None:
    with pytest.raises(BadInput, match="no node 'q/z'") as refused:
        read("q/z", "1", TRACE)
    assert refused.value.hint == "It has q, q/c, q/b, q/a."
    with pytest.raises(BadInput, match="it has no tokens"):
        read("q", "1", TRACE)
    with pytest.raises(BadInput, match="not its node"):
        read(None, "1", TRACE)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("http://127.0.0.1:8501/", "http://127.0.0.1:8501/explore"),
        ("http://127.0.0.1:8501/ask?run=x", "http://127.0.0.1:8501/explore"),
        ("https://school.example/play/sessions", "https://school.example/play/explore"),
    ],
)
def test_a_link_leads_to_the_page_beside_this_one(here: str, there: str) -> None:
    assert link(here, {"run": "a b&c"}) == f"{there}?run=a+b%26c"
