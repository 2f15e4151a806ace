"""Direct answer: one continuation of the question, greedy or sampled."""

from __future__ import annotations

from collections.abc import Generator

from pydantic import Field

from playground import prompts
from playground.events import Event, NodeOpened
from playground.models.base import Model
from playground.strategies.answering import conclude, write
from playground.strategies.base import Place, Question, Result, SampledParams, strategy


class DirectParams(SampledParams):
    do_sample: bool = Field(
        False, description="Draw tokens; off takes the likeliest one every time (greedy)."
    )
    temperature: float = Field(1.0, ge=0, le=5, description="Divides the logits; 0 is greedy, 1 leaves them.")


@strategy(
    "direct",
    title="Direct answer",
    group="one reply",
    leads=True,
    summary=(
        "Asks the question and takes the first reply, nothing else. With do_sample off every token is the "
        "likeliest one (greedy decoding); with it on, temperature, top-k, top-p and min-p shape the draw. It is "
        "the cheapest strategy and the baseline for all others."
    ),
)
def run(
    question: Question, model: Model, params: DirectParams, place: Place
) -> Generator[Event, None, Result]:
    """Continue the question once and read the answer off the reply."""
    node = place.child("reply")
    yield NodeOpened(node, place.node, "branch", "reply")
    [path] = yield from write(
        question,
        model,
        prompts.plain(question.text),
        [node],
        params.sampling(),
        place,
        purpose="answer",
        max_new_tokens=params.max_new_tokens,
        state_answer=False,
    )
    return (yield from conclude(path))
