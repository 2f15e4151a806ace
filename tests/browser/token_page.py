"""A page with nothing but the token picture; the query parameter `show` names the run it draws."""

from __future__ import annotations

import streamlit as st

from components.tokens import (
    Fork,
    PictureState,
    Selection,
    Target,
    branch_view,
    row_id,
    strip_view,
    token_picture,
)
from playground.events import RunFinished
from playground.trace import fold
from tests.components import token_traces as made

st.set_page_config(layout="wide")
show = st.query_params.get("show", "three")


def tell(state: PictureState) -> None:
    st.text(f"selection: {state.selection}")
    st.text(f"spans: {dict(state.spans)}")
    st.text(f"deltas: {[f'{row.delta:.3f}' for row in state.view.rows if row.delta is not None]}")
    st.text(f"rows: {[row.node for row in state.view.rows]}")


def forked(selection: Selection) -> None:
    st.session_state.setdefault("asked", []).append(selection)


def with_forks() -> None:
    """Every fork grows by two tokens whenever the script runs, and comes to an answer at the fifth."""
    if st.toggle("Hide"):
        return
    long = st.query_params.get("of") == "long"
    trace = made.recorded("main", made.long() if long else made.three_branches())
    traces, forks = {"main": trace}, []
    for n, chosen in enumerate(st.session_state.get("asked", [])):
        grown = st.session_state[f"grown-{n}"] = st.session_state.get(f"grown-{n}", 0) + 2
        source = traces[chosen.run].nodes[chosen.node]
        run = traces[f"fork-{n}"] = made.forked(f"fork-{n}", source, chosen.index, chosen.alternative, grown)
        forks.append(Fork(run, run.nodes["q/fork"], row_id(chosen.run, chosen.node), chosen.index))
    state = token_picture(branch_view(trace, forks=forks), key="forks", on_fork=forked)
    tell(state)
    st.text(f"forked now: {state.fork}")
    st.text(f"forks: {len(forks)}")
    st.button("Again")


@st.fragment(run_every=0.15)
def grow(most: int, branches: int) -> None:
    length = st.session_state["length"] = min(most, st.session_state.get("length", 0) + most // 20)
    events = made.growing(length, branches)
    tell(token_picture(branch_view(fold(events if length < most else [*events, RunFinished()])), key="grow"))
    st.text(f"length: {length}")


match show:
    case "three":
        tell(token_picture(branch_view(fold(made.three_branches())), key="three"))
    case "forks":
        with_forks()
    case "links":
        target = Target("main", "q/b", int(st.query_params.get("token", "4")) - 1, "once")
        view = branch_view(made.recorded("main", made.three_branches()))
        tell(token_picture(view, key="links", link="runs", target=target))
        st.button("Again")
    case "quadrants":
        tell(token_picture(branch_view(fold(made.all_quadrants())), key="quadrants"))
    case "quadrant-strip":
        nodes = fold(made.all_quadrants()).with_role("branch")
        tell(token_picture(strip_view(nodes), key="quadrant-strip"))
    case "odd":
        tell(token_picture(branch_view(fold(made.odd_texts())), key="odd"))
    case "text":
        tell(token_picture(branch_view(fold(made.text_only())), key="text"))
    case "strip":
        nodes = fold(made.three_branches()).with_role("branch")
        tell(token_picture(strip_view(nodes), key="strip"))
    case "grow":
        grow(int(st.query_params.get("most", "60")), int(st.query_params.get("branches", "3")))
    case "long":
        tell(token_picture(branch_view(fold(made.long())), key="long"))
