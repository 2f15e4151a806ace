"""What the Sessions page remembers for one visitor.

Boundary: state only; widgets keep their own values under `sessions.<widget>`.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from playground.errors import PlaygroundError

_KEY = "sessions"


@dataclass(slots=True)
class SessionsState:
    """One visitor's Sessions page.

    Attributes:
        page: of the list, from 0.
        deleted: what was deleted last and can be brought back with one click.
        problem: what was wrong with the last thing asked for.
        said: what came of the last thing done.
        version: counts changes that make the table's old selection meaningless.
    """

    page: int = 0
    deleted: tuple[str, ...] = ()
    problem: PlaygroundError | None = None
    said: str = ""
    version: int = 0

    def changed(self, said: str = "") -> None:
        """The list is another one now."""
        self.problem, self.said = None, said
        self.version += 1


def current() -> SessionsState:
    """This visitor's state."""
    state: SessionsState = st.session_state.setdefault(_KEY, SessionsState())
    return state
