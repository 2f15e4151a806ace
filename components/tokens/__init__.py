"""The token picture: branches as rows of cells, the readable text below, the alternatives of every token.

Boundary: mounts the component and reads what a person did in it. What is drawn comes from `view`, in which words
from `wire`, how from the scripts and style sheets beside this file. The browser's answer is input from outside
and is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import streamlit as st

from components.parts import script, style
from components.tokens.rows import Target, TokenView, row_id
from components.tokens.spans import Spans, moved, read_spans
from components.tokens.view import Fork, branch_view, strip_view
from components.tokens.wire import encode

__all__ = [
    "Fork",
    "PictureState",
    "Selection",
    "Target",
    "TokenView",
    "branch_view",
    "moved",
    "row_id",
    "selected",
    "strip_view",
    "token_picture",
]

# Joined in this order into one module; the last script has its only export.
SCRIPTS = ("rows", "words", "bar", "board", "strip", "pop", "ends", "keys", "picture")
STYLES = ("picture", "board", "strip", "pop")


_HERE = Path(__file__).parent

_mount = st.components.v2.component("token_picture", css=style(_HERE, *STYLES), js=script(_HERE, *SCRIPTS))


@dataclass(frozen=True, slots=True)
class Selection:
    """A token of the row of `node` in `run`: `index` counts the node's tokens from 0; `alternative` is the place
    among that token's alternatives, best first, where one of them was clicked."""

    run: str
    node: str
    index: int
    alternative: int | None = None


@dataclass(frozen=True, slots=True)
class PictureState:
    """What a person has done in the picture.

    Attributes:
        selection: the token clicked last, None before the first click.
        fork: the alternative clicked just now; None again at the next rerun.
        spans: answer frames moved by hand, tokens [first, last) by row id.
        view: what is drawn: the view that was given, with those frames.
    """

    selection: Selection | None
    fork: Selection | None
    spans: Spans
    view: TokenView


def token_picture(
    view: TokenView,
    *,
    key: str,
    on_fork: Callable[[Selection], None] | None = None,
    on_select: Callable[[], None] | None = None,
    target: Target | None = None,
    link: str = "",
) -> PictureState:
    """Draw the view; returns what has been done in it.

    With `on_fork`, alternatives that were not written can be clicked; it is called once a click, before the script
    reruns. `on_select` is called before the rerun that a click on a token causes; `selected` then says which.
    With `link`, the page of that address, relative to this one, opens a row or a token (see `components.places`),
    and the picture offers links to it.
    """

    def forked() -> None:
        for chosen in fresh_forks(key, view):
            if on_fork:
                on_fork(chosen)

    spans = read_spans(_kept(key, "spans"), view)
    shown = moved(view, spans)
    result = _mount(
        data=encode(shown)
        | {"key": key, "fork": on_fork is not None, "spans": spans, "link": link, "heard": _heard(key)}
        | _sent(target),
        key=key,
        on_selected_change=on_select or _nothing,
        on_fork_change=forked,
        on_spans_change=_nothing,
    )
    forks = read_forks(result.get("fork"), view) if on_fork else []
    fork = forks[-1][1] if forks else None
    return PictureState(read_selection(result.get("selected"), view), fork, spans, shown)


def selected(key: str, view: TokenView) -> Selection | None:
    """The token clicked last in the picture of this key; for use in callbacks."""
    return read_selection(_kept(key, "selected"), view)


def read_selection(value: Any, view: TokenView) -> Selection | None:
    """What the browser sent, where it names a token of this view; None for anything else."""
    if not isinstance(value, Mapping):
        return None
    id, index, place = value.get("row"), value.get("index"), value.get("alternative")
    row = view.row(id) if isinstance(id, str) else None
    if row is None or not _is_place(index, len(row.tokens)):
        return None
    if place is not None and not _is_place(place, len(row.tokens[index].alternatives)):
        return None
    return Selection(row.run, row.node, index, place)


def read_fork(value: Any, view: TokenView) -> Selection | None:
    """What the browser sent, where it names an alternative that was not written; None for anything else."""
    chosen = read_selection(value, view)
    row = view.row(row_id(chosen.run, chosen.node)) if chosen else None
    if chosen is None or row is None or chosen.alternative is None:
        return None
    token = row.tokens[chosen.index]
    return None if token.alternatives[chosen.alternative].id == token.id else chosen


def read_forks(value: Any, view: TokenView) -> list[tuple[int, Selection]]:
    """What the browser sent, as (number, alternative) in the order clicked; what names none is dropped."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    read = [(asked.get("n"), read_fork(asked, view)) for asked in value if isinstance(asked, Mapping)]
    return [(n, chosen) for n, chosen in read if type(n) is int and chosen is not None]


def fresh_forks(key: str, view: TokenView) -> list[Selection]:
    """The forks asked for since the last time. The browser sends those it has not seen heard again, so that none is
    lost when two are asked for before one rerun."""
    fresh = [(n, chosen) for n, chosen in read_forks(_kept(key, "fork"), view) if n > _heard(key)]
    if fresh:
        st.session_state[f"{key}.heard"] = max(n for n, _ in fresh)
    return [chosen for _, chosen in fresh]


def _heard(key: str) -> int:
    return int(st.session_state.get(f"{key}.heard", 0))


def _sent(target: Target | None) -> dict[str, Any]:
    if target is None:
        return {}
    return {"target": {"row": row_id(target.run, target.node), "index": target.index, "sign": target.sign}}


def _kept(key: str, name: str) -> Any:
    """What Streamlit keeps of the picture between runs."""
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None


def _is_place(value: Any, length: int) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < length


def _nothing() -> None:
    pass
