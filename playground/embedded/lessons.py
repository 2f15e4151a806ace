"""What one example of the corpus is, and how a kind of example is registered.

Knows puzzles of the training split, the project's prompts and the end mark. The kinds themselves are in
`lessons_answering` and `lessons_search`; how they are mixed is `corpus`. Must not know models or training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from playground.embedded.tokenizer import END
from playground.prompts import Prompt
from playground.puzzles import Puzzle, draw


@dataclass(frozen=True)
class Segment:
    """A stretch of text; `learned` stretches carry the loss. `skip_first`: but not on their first token."""

    text: str
    learned: bool = False
    skip_first: bool = False


@dataclass(frozen=True)
class Stage:
    """What is taught at one time: weights of kinds, of families, and how hard the puzzles are."""

    kinds: dict[str, float]
    families: dict[str, float]
    direct: float  # share of plain questions that are answered without working
    levels: dict[str, tuple[float, ...]]  # weights of difficulty 1, 2, ...


Maker = Callable[[Random, Stage], list[Segment]]
KINDS: dict[str, Maker] = {}


def kind(name: str) -> Callable[[Maker], Maker]:
    """Register a maker of examples."""

    def register(make: Maker) -> Maker:
        KINDS[name] = make
        return make

    return register


def puzzle_for(rng: Random, stage: Stage, family: str | None = None) -> Puzzle:
    """A training puzzle drawn by the stage's weights."""
    chosen = family or rng.choices(list(stage.families), list(stage.families.values()))[0]
    weights = stage.levels[chosen]
    level = rng.choices(range(1, len(weights) + 1), weights)[0]
    return draw(chosen, seed=rng.getrandbits(48), difficulty=level, split="train")


def segments_of(prompt: Prompt) -> list[Segment]:
    """A prompt as the chat template renders it, up to where the reply begins; nothing of it is learned."""
    forms = {"system": "S: {}\n", "user": "Q: {}\n", "assistant": "A: {}" + END + "\n"}
    text = "".join(forms[message.role].replace("{}", message.content) for message in prompt.messages)
    return [Segment(text + "A:" + (f" {prompt.prefill}" if prompt.prefill else ""))]


def shown(prompt: Prompt, *learned: str) -> list[Segment]:
    """A prompt as in `segments_of`, in which these stretches, one after the other, are learned as well.

    They begin with the space or line break before them. So what is right in somebody's work teaches how to work.

    Raises:
        ValueError: a stretch is not there.
    """
    [whole] = segments_of(prompt)
    parts, rest = [], whole.text
    for stretch in filter(str.strip, learned):
        before, found, rest = rest.partition(stretch)
        if not found:
            raise ValueError(f"{stretch!r} is not in the prompt")
        parts += [Segment(before), Segment(found, learned=True)]
    return [*parts, Segment(rest)]


def reply(text: str, *, skip_first: bool = False) -> Segment:
    """What the assistant says, to be learned."""
    return Segment(f" {text}{END}", learned=True, skip_first=skip_first)
