"""The lanes side by side as one client-side component: their states and answers, and their texts scrolled together.

Boundary: mounts the component and reads which run a person wants to see. What is drawn comes from `wire`; how, from the
script and the style sheet beside this file. The browser's words are input from outside and are checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from components.compare.state import Lane
from components.compare.wire import encode
from components.palette import WARM

_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "compare_board",
    css=f":host {{ --warm: {WARM}; }}\n" + (_HERE / "board.css").read_text("utf-8"),
    js=(_HERE / "board.js").read_text("utf-8"),
)


def board(
    lanes: Sequence[Lane], names: Sequence[str], *, key: str, on_open: Callable[[int, str], None]
) -> None:
    """Draw the lanes; `on_open` is called with a lane's place and a run's id when that run is clicked."""

    def opened() -> None:
        state = st.session_state.get(key)
        chosen = read_open(state.get("open") if isinstance(state, Mapping) else None)
        if chosen is not None:
            on_open(*chosen)

    _mount(data=encode(lanes, names), key=key, on_open_change=opened)


def read_open(value: Any) -> tuple[int, str] | None:
    """A lane's place and a run's id out of plain values, None where they are not."""
    match value:
        case {"place": int(place), "run": str(run)} if not isinstance(place, bool):
            return place, run
    return None
