"""The tree of a run as a picture that can be walked, re-rooted and scrubbed through the rounds of its search.

Boundary: mounts the component and reads what a person did in it. What is drawn comes from `view`, what the browser is
told from `wire`, how it looks from the scripts and style sheets beside this file. The browser's words are input from
outside and are checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from components.palette import GROUPS
from components.parts import script, style
from components.tree.story import Story
from components.tree.view import TreeView, tree_view, whole_text
from components.tree.wire import Sent, message
from components.wording import well_formed
from playground.events import Record
from playground.trace import Trace

__all__ = ["Story", "TreeView", "tree_picture", "tree_view"]

LONGEST = 20_000
"""Characters of a text in the panel; a longer one is cut."""

# Joined in this order into one module; the last script has its only export.
SCRIPTS = ("maths", "model", "words", "layout", "boxes", "edges", "panel", "scrubber", "bar", "keys", "tree")
STYLES = ("ranges", "tree", "boxes", "panel", "scrubber")

_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "tree_picture",
    css=f":host {{ --cool: {GROUPS[0]}; }}\n" + style(_HERE, *STYLES),
    js=script(_HERE, *SCRIPTS),
)


@dataclass(slots=True)
class _Kept:
    """What is remembered between two pictures of a run: its log as far as it was read, and what the browser has."""

    story: Story = field(default_factory=Story)
    sent: Sent = field(default_factory=Sent)


def tree_picture(
    trace: Trace,
    *,
    key: str,
    records: Callable[[int], Iterable[Record]] | None = None,
    on_tokens: Callable[[str], None] | None = None,
    target: tuple[str, str] | None = None,
    link: str = "",
) -> None:
    """Draw the tree as the trace stands.

    `records` gives the run's events after one of them, for the scrubber; without it the picture knows no phases.
    `on_tokens` is called with a node's id when its tokens are asked for, before the script reruns. `target` is a
    node to go to and a sign, so that it is gone to once. With `link`, the page of that address opens nodes.
    """
    kept: _Kept = st.session_state.setdefault(f"{key}.kept", _Kept())
    if kept.story.run != trace.run_id:
        kept.story = Story(trace.run_id)
    if records is not None:
        kept.story.read(records(kept.story.seq))
    view = tree_view(trace, kept.story)

    def again() -> None:
        if (kept := st.session_state.get(f"{key}.kept")) is not None:
            kept.sent.run = None

    def tokens() -> None:
        node = read_node(_reported(key, "tokens"), trace)
        if on_tokens and node is not None:
            on_tokens(node)

    _mount(
        data={
            "key": key,
            "tree": message(view, kept.sent),
            "texts": _wanted(_reported(key, "wanted"), trace),
            "target": None if target is None else [view.places.get(target[0], -1), target[1]],
            "link": link,
            "can_open": on_tokens is not None,
        },
        key=key,
        on_again_change=again,
        on_tokens_change=tokens,
        on_wanted_change=_nothing,
    )


def read_node(value: Any, trace: Trace) -> str | None:
    """The id of the node that the browser names by run and place; None for anything else."""
    match value:
        case {"run": str(run), "place": int(place)} if not isinstance(place, bool):
            if run == trace.run_id and 0 <= place < len(trace.nodes):
                return list(trace.nodes)[place]
    return None


def _wanted(value: Any, trace: Trace) -> list[Any] | None:
    """The text of the node that is looked at, where the browser has only its beginning."""
    id = read_node(value, trace)
    if id is None:
        return None
    return [trace.run_id, value["place"], well_formed(whole_text(trace.nodes[id]))[:LONGEST]]


def _reported(key: str, name: str) -> Any:
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None


def _nothing() -> None:
    pass
