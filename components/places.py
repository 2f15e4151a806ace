"""Places in a run that an address can name: a node, or a token of it. Links to them, and what they read as.

Boundary: pure functions between addresses and traces; knows neither Streamlit nor what a place looks like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin

from playground.errors import BadInput
from playground.trace import Trace

PAGE = "explore"
"""The page that opens them, relative to every other page."""
MANY = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A node, or the token of it at `index`, from 0; in an address tokens count from 1, as on screen."""

    node: str
    index: int | None = None


def read(node: str | None, token: str | None, trace: Trace) -> Place | None:
    """The place of this run that an address names; None where it names none.

    Raises:
        BadInput: the run has no such node, or the node no such token.
    """
    if node is None and token is None:
        return None
    if node is None:
        raise BadInput(
            "The link names a token and not its node.", "Copy the link of a token from its picture."
        )
    found = trace.nodes.get(node)
    if found is None:
        first, more = list(trace.nodes)[:MANY], len(trace.nodes) - MANY
        rest = f" and {more:,} more" if more > 0 else ""
        raise BadInput(f"This run has no node {node!r}.", f"It has {', '.join(first)}{rest}.")
    if token is None:
        return Place(node)
    many = len(found.tokens)
    if re.fullmatch(r"[0-9]{1,9}", token) is None or not 0 < int(token) <= many:
        has = f"tokens 1 to {many:,}" if many else "no tokens"
        raise BadInput(
            f"There is no token {token!r} at {node!r}: it has {has}.", "Choose one in the picture."
        )
    return Place(node, int(token) - 1)


def parameters(run: str, place: Place | None = None, session: str | None = None) -> dict[str, str]:
    """What an address says of a session, a run and a place in it."""
    said = {"session": session, "run": run, "node": place and place.node}
    if place is not None and place.index is not None:
        said["token"] = str(place.index + 1)
    return {name: value for name, value in said.items() if value}


def link(here: str, query: dict[str, str]) -> str:
    """The full address of a place, seen from the page at `here`."""
    return urljoin(here, f"{PAGE}?{urlencode(query)}")
