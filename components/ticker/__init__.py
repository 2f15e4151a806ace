"""A clock in the browser that has a fragment drawn again and again while something moves.

Boundary: mounts an invisible component. The next tick comes a while after the last drawing has arrived, so a slow
machine draws less often instead of falling behind, and an answer that got lost is asked for again. (The timer of
`st.fragment(run_every=…)` does neither: its start can be lost on a busy server, and then nothing moves any more.)
"""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

_mount = st.components.v2.component("ticker", js=Path(__file__).with_name("ticker.js").read_text("utf-8"))


def ticker(*, going: bool, every: float, key: str) -> None:
    """Have the fragment in which this stands drawn again in `every` seconds; not while not `going`."""
    _mount(
        data={"going": going, "every": every * 1000, "drawn": time.monotonic_ns()},
        key=key,
        on_tick_change=_nothing,
    )


def _nothing() -> None:
    pass
