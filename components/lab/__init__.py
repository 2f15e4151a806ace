"""The lab: one next-token distribution under live settings, and the path of tokens to it.

Boundary: mounts the component and reads what it reports. What is drawn comes from `view`; how, from the .js parts,
which are one module in the browser, and the .css. The browser's words are input from outside and are checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import streamlit as st

from components.lab.settings import LabSettings, read_settings
from components.lab.view import Drawn, LabView, Look, Token
from components.parts import script, style

__all__ = [
    "Action",
    "Drawn",
    "LabSettings",
    "LabView",
    "Look",
    "Token",
    "lab",
    "reported_action",
    "reported_settings",
]

Do = Literal["append", "likeliest", "draw", "open"]

_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "logits_lab",
    css=style(_HERE, "base", "ranges", "lab", "board"),
    js=script(_HERE, "maths", "text", "values", "rows", "staircase", "controls", "path", "lab"),
)


@dataclass(frozen=True, slots=True)
class Action:
    """What a person wants to do at the open position.

    Attributes:
        do: append the token `id`, the likeliest one or a drawn one; or open the position after `at` tokens of the path.
        cursor: the position that was open on their screen.
    """

    do: Do
    cursor: int
    id: int | None = None
    at: int | None = None


def lab(view: LabView, *, key: str, on_settings: Callable[[], None], on_action: Callable[[], None]) -> None:
    """Draw the lab. The callbacks run before the script does; `reported_…` then have what was reported."""
    _mount(data=view.pack(key), key=key, on_settings_change=on_settings, on_action_change=on_action)


def reported_settings(key: str) -> tuple[LabSettings, str] | None:
    """What the sliders were last set to, and the revision of the settings they started from; for use in callbacks."""
    value = _reported(key, "settings")
    if not isinstance(value, Mapping):
        return None
    return read_settings(value), str(value.get("revision"))


def reported_action(key: str) -> Action | None:
    """What was clicked; for use in callbacks."""
    return read_action(_reported(key, "action"))


def read_action(value: Any) -> Action | None:
    """An action out of plain values, None where they are not one."""
    if not isinstance(value, Mapping) or value.get("do") not in get_args(Do):
        return None
    numbers = [value.get(name) for name in ("cursor", "id", "at")]
    cursor, id, at = (
        n if isinstance(n, int) and not isinstance(n, bool) and n >= 0 else None for n in numbers
    )
    if cursor is None or (value["do"] == "append" and id is None) or (value["do"] == "open" and at is None):
        return None
    return Action(value["do"], cursor, id, at)


def _reported(key: str, name: str) -> Any:
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None
