"""Zero-shot chain of thought: "Let's think step by step" (Kojima et al. 2022)."""

from __future__ import annotations

from collections.abc import Generator

from playground import prompts
from playground.events import Event, NodeOpened
from playground.models.base import Model
from playground.strategies.answering import conclude, write
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.direct import DirectParams


@strategy(
    "zero-shot-cot",
    title="Zero-shot chain of thought",
    group="one reply",
    summary=(
        "Begins the reply with “Let's think step by step”, so that the model writes its working before its "
        "answer. Where the working does not state an answer, a second short call asks for it. It helps when a "
        "question needs several steps and the model has seen worked solutions; it costs the tokens of the working."
    ),
    paper="Kojima et al. 2022, arXiv:2205.11916",
)
def run(
    question: Question, model: Model, params: DirectParams, place: Place
) -> Generator[Event, None, Result]:
    """Reason first, then state the answer (two prompts, §3 of the paper)."""
    # 1. The reply is begun with the trigger sentence; the model goes on from there.
    # 2. A working that states no answer is led to it.
    node = place.child("reply")
    yield NodeOpened(node, place.node, "branch", "worked reply")
    prompt = prompts.zero_shot_cot(question.text, prefill=model.capabilities.prefill)
    [path] = yield from write(
        question,
        model,
        prompt,
        [node],
        params.sampling(),
        place,
        purpose="reason",
        max_new_tokens=params.max_new_tokens,
        state_answer=True,
    )
    return (yield from conclude(path))
