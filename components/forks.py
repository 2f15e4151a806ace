"""The forks of the run on screen: begun by a click on an alternative, shown beside the branches they grew from.

Boundary: turns a click into the description of a run and live runs into rows; what a fork is, `playground.forking`
says, and how it is drawn, `components.tokens`.
"""

from __future__ import annotations

from collections.abc import Sequence

from components import ask_state, engine
from components.live_run import LiveRun
from components.tokens import Fork, Selection, row_id
from playground.errors import PlaygroundError
from playground.forking import fork
from playground.trace import Node, Trace


def possible(trace: Trace) -> bool:
    """Whether the run's model can be made to write another token and go on."""
    if trace.started is None or not any(node.call is not None for node in trace.nodes.values()):
        return False
    try:
        return engine.model_info(trace.started.model).capabilities.full_logits
    except PlaygroundError:
        return False


def begin(chosen: Selection) -> None:
    """Start the fork that a click on the Ask page asked for; for use in callbacks."""
    state = ask_state.current()
    if state.run is not None:
        state.problem = start(chosen, state.run, state.forks)


def start(chosen: Selection, main: LiveRun, forks: list[LiveRun]) -> PlaygroundError | None:
    """Start a fork of `main` or of one of its `forks` and add it to them; returns what was wrong with it."""
    live = next((live for live in (main, *forks) if live.run_id == chosen.run), None)
    if live is None or chosen.alternative is None:
        return None
    token = live.trace.nodes[chosen.node].tokens[chosen.index].alternatives[chosen.alternative]
    try:
        spec = fork(live.trace, chosen.node, chosen.index, token.id, root=main.run_id)
        forks.append(LiveRun(engine.start(spec)))
    except PlaygroundError as error:
        return error
    return None


def rows(forks: Sequence[LiveRun]) -> list[Fork]:
    """Those that have begun to write, as rows, in the order they were begun."""
    found = []
    for live in forks:
        node, parent = text(live), live.trace.started.parent if live.trace.started else None
        if node is not None and parent is not None:
            found.append(Fork(live.trace, node, row_id(parent["of"], parent["node"]), parent["index"]))
    return found


def text(live: LiveRun) -> Node | None:
    """What a fork writes at; None before it has begun."""
    return next((node for node in live.trace.with_role("branch") if node.tokens), None)
