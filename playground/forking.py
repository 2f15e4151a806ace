"""Which run goes on from a token of another one, and which forks a run has.

Boundary: traces in, the description of a run out; starts nothing. A fork is a run of its own, so that the run it
grew from, its answer and what it cost stay as they were.
"""

from __future__ import annotations

from typing import Any

from playground.errors import BadInput, CapabilityError
from playground.events import to_json
from playground.execute import RunSpec
from playground.strategies.fork import ForkParams
from playground.trace import Trace

STRATEGY = "fork"


def fork(trace: Trace, node: str, index: int, token: int | None, *, root: str | None = None) -> RunSpec:
    """The run that writes `token` (an id) in place of token `index` of `node` and goes on as the run itself would.

    Args:
        root: the run in whose picture the fork appears, where `trace` is a fork itself.

    Raises:
        BadInput: the run has no such token, or does not say what stood before it.
        CapabilityError: the run's model tells no ids of tokens, and `token` is None.
    """
    if token is None:
        raise CapabilityError(
            "This model's server cannot go on from another token.", "Choose a model on this machine."
        )
    started, place = trace.started, trace.nodes.get(node)
    if started is None or place is None or not 0 <= index < len(place.tokens):
        raise BadInput(
            f"The run has no token {index + 1} at {node!r}.", "Choose a token of one of its branches."
        )
    if place.call is None:
        raise BadInput("The run does not say which prompt this text goes on from.", "Run the question again.")
    call = trace.calls[place.call]
    params: dict[str, Any] = {
        name: value for name, value in started.params.items() if name in ForkParams.model_fields
    }
    # An earlier run that leads no branch to its answer (a chain's step) must not be led to one by its fork.
    params["state_answer"] = bool(started.params.get("state_answer", place.role == "branch"))
    params |= {
        "prompt": call.prompt,
        "prompt_ids": list(call.ids),
        "begin": [to_json(token) for token in place.tokens[:index]],
        "token": token,
    }
    parent = {"run": root or trace.run_id, "of": trace.run_id, "node": node, "index": index}
    return RunSpec(
        started.question, STRATEGY, started.model, params, started.seed, started.gold, started.family, parent
    )
