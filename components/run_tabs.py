"""The ways to look at a run: steps, branches or tree, tokens, prompts and raw events.

Boundary: lays out other components for one trace and its forks; knows no page and does not look for news.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from components import engine, forks, places
from components.chain import chain
from components.live_run import LiveRun
from components.outline import as_text
from components.places import Place
from components.record_views import prompts_sent, raw_events
from components.tokens import (
    Selection,
    Target,
    TokenView,
    branch_view,
    row_id,
    selected,
    strip_view,
    token_picture,
)
from components.tree import tree_picture
from components.wording import plain, shorten
from playground.errors import PlaygroundError
from playground.events import Record
from playground.strategies.base import load_all
from playground.trace import Node, Trace

STEPS, BRANCHES, TOKENS, TREE, PROMPTS, RAW = (
    "Steps",
    "Branches",
    "Tokens",
    "Tree",
    "Prompts sent",
    "Raw events",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as its tabs draw it.

    Attributes:
        page: whose widgets they are.
        on_fork: what a click on an alternative does; None where no fork can follow.
        editable: whether a chain's steps can be edited and gone on from.
        on_select: what a click on a token does.
        target: where a link that was followed leads.
    """

    trace: Trace
    forks: Sequence[LiveRun] = ()
    page: str = "ask"
    on_fork: Callable[[Selection], None] | None = None
    editable: bool = True
    on_select: Callable[[Selection], None] | None = None
    target: Target | None = None


def tabs(shown: Shown) -> None:
    """Draw the tabs; only the open one is drawn."""
    names = tab_names(shown.trace)
    drawn = st.tabs(names, key=f"{shown.page}.view", on_change="rerun")
    for name, tab in zip(names, drawn, strict=True):
        if tab.open:
            with tab:
                _DRAW[name](shown)


def tab_names(trace: Trace) -> list[str]:
    """The tabs of a run; first the picture that tells its story best."""
    shape = story_shape(trace)
    if shape == "tree":
        return [TREE, TOKENS, PROMPTS, RAW]
    return [STEPS if shape == "steps" else BRANCHES, TOKENS, TREE, PROMPTS, RAW]


def story_shape(trace: Trace) -> str:
    """What tells this run's story best: "steps", "branches" or "tree"."""
    known = load_all().get(trace.started.strategy) if trace.started else None
    if known:
        return known.shape
    if any(node.visits for node in trace.nodes.values()):
        return "tree"
    return "steps" if trace.with_role("step") else "branches"


def open_at(page: str, trace: Trace, place: Place) -> None:
    """Let the tab in which a place is seen be the open one when the tabs are next drawn."""
    node, shape = trace.nodes[place.node], story_shape(trace)
    tab = TREE
    if shape == "branches" and branch_view(trace).row(row_id(trace.run_id, node.id)):
        tab = BRANCHES
    elif node.tokens and (shape != "tree" or place.index is not None):
        open_tokens(page, node.id)
        return
    elif shape == "steps" and node.role in ("step", "answer"):
        tab = STEPS
    st.session_state[f"{page}.view"] = tab


def open_tokens(page: str, node: str) -> None:
    """Let a node's tokens be what is seen when the tabs are next drawn."""
    st.session_state[f"{page}.strip_node"] = node
    st.session_state[f"{page}.view"] = TOKENS


def steps(shown: Shown) -> None:
    """The steps of a chain."""
    chain(shown.trace, editable=shown.editable)


def tree(shown: Shown) -> None:
    """The tree as a picture, and as text for those who would rather read it."""
    trace, target = shown.trace, shown.target
    tree_picture(
        trace,
        key=f"{shown.page}.tree",
        records=lambda after: _records(trace, after),
        on_tokens=lambda node: open_tokens(shown.page, node),
        target=(target.node, target.sign) if target else None,
        link=places.PAGE,
    )
    as_text(trace, target.node if target else None, key=f"{shown.page}.tree_text")


def _records(trace: Trace, after: int) -> list[Record]:
    """What was logged after an event, if it can be had; a picture does without."""
    try:
        return engine.runner().records(trace.run_id, after)
    except PlaygroundError:
        return []


def prompts(shown: Shown) -> None:
    """Every prompt exactly as it was sent."""
    prompts_sent(shown.trace)


def raw(shown: Shown) -> None:
    """The log itself, as far as the trace goes."""
    trace = shown.trace
    try:
        records = engine.runner().records(trace.run_id)[: trace.count]
    except PlaygroundError as error:
        st.error(f"{plain(error.message)} {plain(error.hint)}")
    else:
        raw_events(records, trace.run_id, key=shown.page)


def branches(shown: Shown) -> None:
    """All branches at once, one row each, and below them the forks."""
    trace = shown.trace
    if not trace.with_role("branch"):
        st.caption("No branch has begun yet." if trace.running else "The run opened no branch.")
        return
    view = branch_view(trace, forks=forks.rows(shown.forks))
    picture(view, shown, key=f"{shown.page}.branches")


def token_strip(shown: Shown) -> None:
    """The texts of a run, token by token: all steps and forks, or one branch at a time."""
    trace, page = shown.trace, shown.page
    written = {node.id: (trace, node) for node in trace.nodes.values() if node.tokens}
    if not written:
        st.caption(
            "No token has been written yet."
            if trace.running
            else "This model's server gives text without tokens, so there is nothing to show here."
        )
        return
    forked = {live.run_id: (live.trace, node) for live in shown.forks if (node := forks.text(live))}
    if story_shape(trace) == "steps":
        strip([node for _, node in written.values()], trace, shown, key=f"{page}.strip")
        for number, (own, node) in enumerate(forked.values(), 1):
            st.caption(f"Fork {number}")
            strip([node], own, shown, key=f"{page}.strip.{own.run_id}")
        return
    texts = written | forked
    names = {id: text_name(node) for id, (_, node) in texts.items()}
    if len(names) > 1:
        best = trace.answered.node if trace.answered else None
        key = f"{page}.strip_node"
        if st.session_state.get(key) not in names:
            st.session_state[key] = best if best in names else next(iter(names))
        st.selectbox("Text", list(names), key=key, format_func=lambda id: names.get(id, str(id)))
        own, node = texts[st.session_state[key]]
    else:
        [(own, node)] = texts.values()
    strip([node], own, shown, key=f"{page}.strip")


def strip(nodes: list[Node], own: Trace, shown: Shown, *, key: str) -> None:
    """Texts of one run: the one on screen, or a fork of it."""
    picture(strip_view(nodes, run=own.run_id, running=own.running), shown, key=key)


def picture(view: TokenView, shown: Shown, *, key: str) -> None:
    """Rows or texts with everything that can be done at a token."""

    def select() -> None:
        chosen = selected(key, view)
        if shown.on_select and chosen:
            shown.on_select(chosen)

    token_picture(
        view, key=key, on_fork=shown.on_fork, on_select=select, target=shown.target, link=places.PAGE
    )


def text_name(node: Node) -> str:
    """A text in the list of texts: what it is, its answer, how it begins."""
    answer = f" · answer {shorten(node.answer.text, 24)}" if node.answer else ""
    return f"{node.title or node.role}{answer} · {shorten(node.text, 60)}"


_DRAW: dict[str, Callable[[Shown], None]] = {
    STEPS: steps,
    BRANCHES: branches,
    TOKENS: token_strip,
    TREE: tree,
    PROMPTS: prompts,
    RAW: raw,
}
