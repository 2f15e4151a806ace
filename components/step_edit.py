"""Change one step of a finished chain and let the model go on from there, as a run of its own.

Boundary: works with every strategy whose settings take steps as given (a list called `given` of titles and
contents); knows none by name. The old run stays as it is.
"""

from __future__ import annotations

import streamlit as st

from components import ask_state, engine
from playground.errors import PlaygroundError
from playground.execute import RunSpec
from playground.strategies.base import load_all
from playground.trace import Node, Trace

_GIVEN = "given"


def possible(trace: Trace) -> bool:
    """Whether the run is over and its strategy can go on after given steps."""
    known = load_all().get(trace.started.strategy) if trace.started else None
    return not trace.running and known is not None and _GIVEN in known.params.model_fields


def editor(trace: Trace, node: Node, number: int) -> None:
    """Draw the button that opens a step's title and content for editing."""
    title, content = _keys(trace.run_id, number)
    with st.popover("Edit", icon=":material/edit:", type="tertiary"):
        st.text_input("Title", node.title, key=title)
        st.text_area("What it says", node.content, key=content)
        st.button(
            "Go on from here",
            key=f"ask.edit.{trace.run_id}.{number}.go",
            icon=":material/fork_right:",
            type="primary",
            on_click=go_on,
            args=(number,),
            help="Starts a new run: this step as it stands here, those before it unchanged, the rest written anew.",
        )


def go_on(number: int) -> None:
    """Start a run that takes the steps before `number` as they are and that one as it was edited."""
    state = ask_state.current()
    trace, started = state.trace, state.trace.started
    steps = [node for node in trace.with_role("step") if node.status != "failed" and node.content]
    if started is None or not possible(trace) or not 0 < number <= len(steps):
        return
    given = [{"title": node.title, "content": node.content} for node in steps[:number]]
    title, content = _keys(trace.run_id, number)
    given[-1] = {"title": str(st.session_state[title]), "content": str(st.session_state[content])}
    try:
        run_id = engine.start(
            RunSpec(
                started.question,
                started.strategy,
                started.model,
                {**started.params, _GIVEN: given},
                started.seed,
                started.gold,
                started.family,
                parent={"run": trace.run_id, "node": steps[number - 1].id},
            )
        )
    except PlaygroundError as error:
        state.problem = error
        return
    ask_state.open_run(run_id)


def _keys(run_id: str, number: int) -> tuple[str, str]:
    return f"ask.edit.{run_id}.{number}.title", f"ask.edit.{run_id}.{number}.content"
