"""Few-shot chain of thought: worked exemplars before the question (Wei et al. 2022)."""

from __future__ import annotations

import random
import re
from collections.abc import Generator

from pydantic import Field

from playground import prompts
from playground.errors import BadInput
from playground.events import Event, NodeOpened
from playground.models.base import Model
from playground.prompts import Exemplar
from playground.strategies.answering import conclude, write
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.direct import DirectParams

_PAIR = re.compile(r"Q:(?P<question>.*?)\nA:(?P<worked>.*?)(?=\n\s*Q:|\Z)", re.DOTALL)


def exemplar_text() -> str:
    """The project's exemplars as "Q: … A: …" blocks, the form in which they are edited."""
    return "\n\n".join(f"Q: {e.question}\nA: {e.worked}" for e in prompts.exemplars())


class FewShotParams(DirectParams):
    shots: int = Field(8, ge=1, le=32, description="How many of the exemplars are shown.")
    shuffle: bool = Field(False, description="Shuffle the exemplars' order by the seed.")
    exemplars: str = Field(
        default_factory=exemplar_text,
        description="Worked examples, “Q: …” then “A: …”, with an empty line between them.",
        json_schema_extra={"multiline": True},
    )

    def chosen(self, seed: int) -> list[Exemplar]:
        """The exemplars in the order they are shown.

        Raises:
            BadInput: the text holds no "Q: … A: …" pair.
        """
        pairs = [Exemplar(m["question"].strip(), m["worked"].strip()) for m in _PAIR.finditer(self.exemplars)]
        if not pairs:
            raise BadInput(
                "The exemplars hold no worked example.", "Write “Q: …” and “A: …” on lines of their own."
            )
        if self.shuffle:
            random.Random(seed).shuffle(pairs)
        return pairs[: self.shots]


@strategy(
    "few-shot-cot",
    title="Few-shot chain of thought",
    group="one reply",
    summary=(
        "Shows worked examples before the question, so that the model answers in the same way: steps first, then "
        "the answer. The examples can be edited, and their order shuffled by the seed, since order alone can move "
        "accuracy a great deal. It costs the tokens of the examples on every call."
    ),
    paper="Wei et al. 2022, arXiv:2201.11903",
)
def run(
    question: Question, model: Model, params: FewShotParams, place: Place
) -> Generator[Event, None, Result]:
    """Exemplars, then the question; the model imitates their working."""
    # 1. The exemplars are earlier turns of the conversation.
    # 2. A working that states no answer is led to it.
    prompt = prompts.few_shot_cot(question.text, params.chosen(place.seed))
    node = place.child("reply")
    yield NodeOpened(node, place.node, "branch", "worked reply")
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
