"""The ways to look at a run: steps or branches, tokens, tree, prompts and raw events.

Boundary: lays out other components for one trace and its forks; knows no page and does not look for news.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from components import engine, forks, places
from components.chain import chain
from components.live_run import LiveRun
from components.outline import tree
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
from components.wording import plain, shorten
from playground.errors import PlaygroundError
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
    trace = shown.trace
    steps = is_chain(trace)
    first, tokens, outline, prompts, raw = st.tabs(
        [STEPS if steps else BRANCHES, TOKENS, TREE, PROMPTS, RAW],
        key=f"{shown.page}.view",
        on_change="rerun",
    )
    if first.open:
        with first:
            chain(trace, editable=shown.editable) if steps else branches(shown)
    if tokens.open:
        with tokens:
            token_strip(shown, steps)
    if outline.open:
        with outline:
            tree(trace, shown.target.node if shown.target else None)
    if prompts.open:
        with prompts:
            prompts_sent(trace)
    if raw.open:
        with raw:
            try:
                records = engine.runner().records(trace.run_id)[: trace.count]
            except PlaygroundError as error:
                st.error(f"{plain(error.message)} {plain(error.hint)}")
            else:
                raw_events(records, trace.run_id, key=shown.page)


def is_chain(trace: Trace) -> bool:
    """Whether steps tell this run's story best."""
    known = load_all().get(trace.started.strategy) if trace.started else None
    return known.shape == "steps" if known else bool(trace.with_role("step"))


def open_at(page: str, trace: Trace, place: Place) -> None:
    """Let the tab in which a place is seen be the open one when the tabs are next drawn."""
    node = trace.nodes[place.node]
    steps = is_chain(trace)
    tab = TREE
    if not steps and branch_view(trace).row(row_id(trace.run_id, node.id)):
        tab = BRANCHES
    elif node.tokens:
        tab = TOKENS
        st.session_state[f"{page}.strip_node"] = node.id
    elif steps and node.role in ("step", "answer"):
        tab = STEPS
    st.session_state[f"{page}.view"] = tab


def branches(shown: Shown) -> None:
    """All branches at once, one row each, and below them the forks."""
    trace = shown.trace
    if not trace.with_role("branch"):
        st.caption("No branch has begun yet." if trace.running else "The run opened no branch.")
        return
    view = branch_view(trace, forks=forks.rows(shown.forks))
    picture(view, shown, key=f"{shown.page}.branches")


def token_strip(shown: Shown, steps: bool) -> None:
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
    if steps:
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
