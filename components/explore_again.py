"""A saved run run again: the button, and whether every token came out the same.

Boundary: starts a run from `explore_state` and says what became of it; how two runs are compared,
`playground.again` says.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components import engine, explore_state
from components.explore_state import ExploreState
from components.live_run import LiveRun
from components.wording import count, plain
from playground.again import Comparison, compare, spec_of
from playground.errors import PlaygroundError
from playground.events import Record, TextAdded, TokenAdded
from playground.trace import Trace, fold


def run_again(state: ExploreState, old: Trace) -> None:
    """Draw the button that runs it again, and what came of it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run again",
            key="explore.again",
            icon=":material/restart_alt:",
            on_click=_run_again,
            disabled=state.again is not None and state.again.running,
            help="The same question, settings and seed on the same model: says whether every token comes out the same.",
        )
        if state.again is None:
            return
        if state.again.running:
            written = sum(len(node.tokens) for node in state.again.trace.nodes.values())
            st.caption(f":shimmer[Running again] · {count(written, 'token')} written")
            return
        new = state.again.trace
        if new.status != "finished":
            why = f": {plain(new.failure.message)} {plain(new.failure.hint)}" if new.failure else "."
            st.warning(f"The run could not be repeated{why}", icon=":material/error:")
            return
        verdict(compared(old, new, state.again.run_id), old)
        st.button(
            "Open the new run",
            key="explore.open_again",
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=state.visit,
            args=(None, state.again.run_id),
        )


def compared(old: Trace, new: Trace, new_id: str) -> Comparison:
    """The new run against the old one; against as much of it as was saved where the old one has no end."""
    if old.status == "finished":
        return compare(old, new)
    cut = fold(up_to(old, engine.runner().records(new_id)))
    return compare(old, cut)


def up_to(old: Trace, records: list[Record]) -> list[Record]:
    """The records of a run, less what it wrote beyond what `old` wrote at the same nodes."""
    left = {node.id: len(node.tokens) or len(node.text) for node in old.nodes.values()}
    kept = []
    for record in records:
        event = record.event
        if isinstance(event, TokenAdded | TextAdded):
            size = 1 if isinstance(event, TokenAdded) else len(event.text)
            if left.get(event.node, 0) < size:
                if isinstance(event, TextAdded) and left.get(event.node, 0) > 0:
                    short = replace(event, text=event.text[: left[event.node]])
                    kept.append(replace(record, event=short))
                left[event.node] = 0
                continue
            left[event.node] -= size
        kept.append(record)
    return kept


def verdict(result: Comparison, old: Trace) -> None:
    """Whether every token came out the same; if not, the first that differs and what changed."""
    said = ((name, old or "not said", new or "not said") for name, (old, new) in result.changed.items())
    changed = "; ".join(f"{name}: {old} → {new}" for name, old, new in said)
    if result.first is None:
        all_of_it = count(result.tokens, "token")
        same = f"All {all_of_it} are the same."
        if old.status != "finished":
            ended = _ENDED.get(old.status, "broken off")
            same = f"All {all_of_it} saved before it was {ended} are the same; the new run came to its end."
        st.success(plain(same + (f" Though changed: {changed}" if changed else "")), icon=":material/check:")
        return
    first = result.first
    before, after = ("the end" if text is None else f"“{text}”" for text in (first.before, first.after))
    why = f"What changed: {changed}." if changed else "Versions, device and number format are the same."
    st.warning(
        plain(f"The texts part at token {first.index + 1} of {first.node}: {before}, now {after}. {why}"),
        icon=":material/difference:",
    )


_ENDED = {"interrupted": "interrupted", "cancelled": "stopped"}


def _run_again() -> None:
    state = explore_state.current()
    try:
        spec = spec_of(fold(state.records))
        run_id = engine.start(replace(spec, parent={**(spec.parent or {}), "again": state.run_id}))
    except PlaygroundError as error:
        state.problem = error
        return
    state.problem, state.again = None, LiveRun(run_id)
