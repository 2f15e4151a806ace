"""Compute-optimal: look how hard the question is, and spend the budget the way that pays best there (Snell et al. 2024,
arXiv:2408.03314)."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from playground.errors import BadInput
from playground.events import Event, NodeClosed, NodeOpened, NodeScored, Titled
from playground.models.base import Model
from playground.sampling import Sampling
from playground.strategies.base import Params, Place, Question, Result, get, strategy
from playground.strategies.difficulty import PATHS, classify
from playground.strategies.scoring import Candidate, Scorer, score
from playground.strategies.stepping import Line, finish

BINS = 5


class Choice(BaseModel):
    """What is done in one difficulty bin: a strategy, its settings, and the one of them that takes the budget."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: str
    params: Mapping[str, Any] = {}
    budget: str = ""
    share: float = Field(default=1.0, gt=0, le=1)

    def settings(self, budget: int) -> dict[str, Any]:
        """The strategy's settings, with its part of the budget in its place."""
        given = {self.budget: max(1, round(budget * self.share))} if self.budget else {}
        return {**self.params, **given}


DEFAULT: tuple[Choice, ...] = (
    Choice(strategy="self-consistency", budget="n"),
    Choice(strategy="revisions", params={"length": 2}, budget="chains", share=0.5),
    Choice(strategy="beam-search", budget="n"),
    Choice(strategy="beam-search", budget="n"),
    Choice(strategy="best-of-n", budget="n"),
)
"""From the easiest bin to the hardest, after Snell et al. 2024, figures 4 and 7: revisions and plain sampling where
questions are easy, search against the verifier in the middle; in the hardest bin nothing helps much."""


def default_table() -> str:
    """The default table as it is edited."""
    rows = [choice.model_dump(exclude_defaults=True) for choice in DEFAULT]
    return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]"


class ComputeOptimalParams(Params):
    answers: int = Field(
        16, ge=2, le=256, description="Answers that may be written in all, the probes among them."
    )
    probes: int = Field(4, ge=1, le=64, description="Answers written to see how hard the question is.")
    difficulty: Literal["verifier", "classification"] = Field(
        "verifier", description="Judged by the probes' scores, or by asking the model."
    )
    scorer: Scorer = Field("self-judge", description="What the probes are judged by.")
    reward_model: str = Field("reward:embedded", description="With the scorer PRM: which reward model.")
    table: str = Field(
        default_factory=default_table,
        description="What is done in each of the five bins, easiest first, as JSON; an evaluation can write it.",
        json_schema_extra={"multiline": True},
    )

    def choices(self) -> list[Choice]:
        """The table, read.

        Raises:
            BadInput: it is no list of five choices.
        """
        try:
            rows = [Choice(**row) for row in json.loads(self.table)]
        except (ValueError, TypeError, ValidationError) as error:
            raise BadInput(
                f"The table cannot be read: {error}".split("\n", 1)[0],
                'Give five rows like {"strategy": "best-of-n", "params": {}, "budget": "n"}.',
            ) from error
        if len(rows) != BINS:
            raise BadInput(f"The table has {len(rows)} rows.", f"Give {BINS}, the easiest first.")
        return rows


@strategy(
    "compute-optimal",
    title="Compute-optimal",
    group="choosing a strategy",
    summary=(
        "Writes a few probes to see how hard the question is, sorts it into one of five bins, and spends the rest of "
        "the budget with the strategy that is known to pay best in that bin. It helps when easy and hard questions "
        "come mixed; it is as good as its table, which an evaluation of your own should fill, and as its judge of "
        "difficulty. It costs the budget, the probes included."
    ),
    paper="Snell et al. 2024, arXiv:2408.03314",
    shape="tree",
)
def run(
    question: Question, model: Model, params: ComputeOptimalParams, place: Place
) -> Generator[Event, None, Result]:
    """Estimate the difficulty, look up the best strategy for it, run that (§3.2)."""
    choices = params.choices()
    # 1. How hard is it? By the mean score of a few answers, or by asking.
    if params.difficulty == "verifier":
        number = yield from probed(question, model, params, place)
    else:
        label = yield from classify(question, model, place)
        number = list(PATHS).index(label) + 1
    # 2. What pays best there.
    chosen = choices[number - 1]
    nested = get(chosen.strategy)
    nested.require(model.name, model.capabilities)
    left = params.answers - (params.probes if params.difficulty == "verifier" else 0)
    given = chosen.settings(max(1, left))
    for name in (
        "scorer",
        "reward_model",
    ):  # judged as the probes were, where the table does not say otherwise
        if name in nested.params.model_fields:
            given.setdefault(name, getattr(params, name))
    settings = nested.parse(given)
    inside = place.at("chosen")
    yield NodeOpened(inside.node, place.node, "step", nested.title)
    yield Titled(inside.node, nested.title, f"difficulty {number} of {BINS}: {chosen.model_dump_json()}")
    # 3. Spend the rest of the budget on it.
    result = yield from nested.steps(question, model, settings, inside)
    yield NodeClosed(inside.node, "kept")
    return replace(result, info={**result.info, "difficulty": number, "strategy": chosen.strategy})


def probed(
    question: Question, model: Model, params: ComputeOptimalParams, place: Place
) -> Generator[Event, None, int]:
    """The bin that the mean score of the probes falls into, from 1 (easiest) to 5."""
    lines: list[Line] = []
    for i in range(1, params.probes + 1):
        node = place.child(f"probe-{i}")
        yield NodeOpened(node, place.node, "branch", f"probe {i}")
        lines.append(Line(node))
    written = yield from finish(
        question,
        model,
        lines,
        Sampling(True, 1.0),
        place,
        max_new_tokens=params.max_new_tokens,
        name="answer",
        role="branch",
    )
    scores = yield from score(
        params.scorer,
        question,
        model,
        [Candidate.of_line(line) for line in written],
        place,
        reward_model=params.reward_model,
    )
    mean = sum(scores) / len(scores)
    yield NodeScored(place.node, "probes", mean, f"mean {params.scorer} score of {params.probes} answers")
    return bin_of(mean)


def bin_of(rate: float) -> int:
    """The difficulty bin of a pass rate in [0, 1]: five equal parts, 1 the easiest."""
    return min(BINS, max(1, BINS - int(min(1.0, max(0.0, rate)) * BINS)))
