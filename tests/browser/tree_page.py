"""A page with nothing but the tree picture; the query parameter `show` names the run it draws."""

from __future__ import annotations

import streamlit as st

from components.tree import tree_picture
from playground.events import Event
from tests.components import tree_traces as made

st.set_page_config(layout="wide")
show = st.query_params.get("show", "hand")


def draw(events: list[Event], upto: int | None = None, **more: object) -> None:
    trace, records = made.made(events, upto)
    tree_picture(
        trace,
        key="tree",
        records=lambda after: records[after + 1 :],
        on_tokens=lambda node: st.session_state.update(told=node),
        link="explore",
        **more,  # type: ignore[arg-type]
    )
    st.text(f"tokens of: {st.session_state.get('told')}")


@st.fragment
def grow() -> None:
    """Every click on "More" shows 60 events more; "Lose" has one message never arrive."""
    many = st.session_state.setdefault("many", int(st.query_params.get("first", "150")))
    draw(made.search(300, finished=False), many)
    st.text(f"events: {many}")
    if st.button("More"):
        st.session_state["many"] = many + 60
        st.rerun(scope="fragment")
    if st.button("Lose"):
        st.session_state["tree.kept"].sent.number += 1
        st.session_state["many"] = many + 60
        st.rerun(scope="fragment")


match show:
    case "hand":
        draw(made.hand_search())
    case "search":
        draw(made.search(int(st.query_params.get("nodes", "120"))))
    case "beam":
        draw(made.beam())
    case "wide":
        draw(made.wide())
    case "hostile":
        draw(made.hostile())
    case "empty":
        draw([])
    case "target":
        draw(made.search(120), target=("q/2/1", "once"))
    case "grow":
        grow()
