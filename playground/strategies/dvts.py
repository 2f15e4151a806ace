"""Diverse verifier tree search: independent subtrees instead of one beam (Beeching, Tunstall & Rush 2024)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from playground.events import Event, NodeOpened
from playground.models.base import Model
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.beam_search import BeamSearchParams, conclude, score_lines, search
from playground.strategies.stepping import Line


class DvtsParams(BeamSearchParams):
    pass


@strategy(
    "dvts",
    title="Diverse verifier tree search",
    group="tree search",
    summary=(
        "Splits the N beams into N / M subtrees that do not compete: in each, M next steps are written and the "
        "verifier's favourite goes on. Beam search crowds into one way of beginning when N is large; this keeps as "
        "many different ones as there are subtrees. It costs the same as beam search."
    ),
    paper="Beeching, Tunstall & Rush 2024, Scaling test-time compute with open models",
    shape="tree",
)
def run(question: Question, model: Model, params: DvtsParams, place: Place) -> Generator[Event, None, Result]:
    """N/M subtrees, each following the best of M steps."""

    def scored(lines: Sequence[Line]) -> Generator[Event, None, list[float]]:
        return (yield from score_lines(question, model, lines, params, place))

    # 1. A subtree for every N/M; all of them are written in one batch.
    families = []
    for i in range(1, params.kept + 1):
        node = place.child(f"subtree-{i}")
        yield NodeOpened(node, place.node, "thought", f"subtree {i}")
        families.append([(Line(node), params.width)])
    # 2. In each, only its best step goes on.
    finished = yield from search(question, model, families, 1, scored, params, place)
    # 3. The answer of all subtrees, weighted.
    return (yield from conclude(question, finished, params))
