"""A strategy's page of help: its picture, what it does, when it helps and when it hurts, what it costs, its paper.

Boundary: draws the page that a strategy brings; knows no strategy by name.
"""

from __future__ import annotations

import streamlit as st

from components.schematic import description, svg
from components.wording import paper_link, plain
from playground.strategies.base import Strategy


def strategy_help(strategy: Strategy, page: str) -> None:
    """A pop-over with the page, where there is one."""
    page_of = strategy.help
    if page_of is None:
        return
    with (
        st.popover("How it works", icon=":material/help:", key=f"{page}.help", width="stretch"),
        st.container(key=f"{page}.help_page"),
    ):
        st.markdown(f"**{plain(strategy.title)}**")
        if page_of.picture:
            st.image(svg(page_of.picture))
            st.caption(description(page_of.picture))
        st.markdown(plain(page_of.what))
        for heading, text in (
            ("It helps when", page_of.helps),
            ("It hurts when", page_of.hurts),
            ("It costs", page_of.costs),
        ):
            st.markdown(f"**{heading}.** {plain(text)}")
        if strategy.paper:
            st.caption(f"Source: {paper_link(strategy.paper)}")
