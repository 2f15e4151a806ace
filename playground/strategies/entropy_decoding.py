"""Entropy decoding: how sure the model is of each token decides how that token is chosen (after entropix)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from playground import answers, prompts
from playground.errors import CapabilityError
from playground.events import Event, NodeOpened
from playground.models.base import Branch, PartingBranch, TokenModel, token_ids
from playground.quadrants import Adaptive, Cutoffs
from playground.strategies.answering import DELTA, lead_to_answer, read_path, scored
from playground.strategies.base import Place, Question, Result, SampledParams, strategy
from playground.strategies.choosing import Chosen, choose


class EntropyDecodingParams(SampledParams):
    temperature: float = Field(
        0.666,
        ge=0,
        le=5,
        description="Where the temperature starts from; 0 is greedy wherever nothing is torn.",
    )
    top_p: float = Field(0.9, gt=0, le=1, description="Where top-p starts from; narrower at high entropy.")
    top_k: int = Field(
        27, ge=0, description="Where top-k starts from, wider at high varentropy; 0 keeps all."
    )
    min_p: float = Field(0.03, ge=0, le=1, description="Where min-p starts from; lower at high varentropy.")
    when_torn: Literal["branch", "pause"] = Field(
        "branch",
        description="High entropy, low varentropy: take the likeliest tokens as branches, or write a pause.",
    )
    ways: int = Field(
        3,
        ge=2,
        le=10,
        description="How many tokens are taken where a branch parts.",
        json_schema_extra={"when": {"when_torn": "branch"}},
    )
    max_branches: int = Field(
        8,
        ge=1,
        le=64,
        description="No more branches than this; where it is torn after that, it samples.",
        json_schema_extra={"when": {"when_torn": "branch"}},
    )
    pause: str = Field(
        " Wait,",
        min_length=1,
        max_length=200,
        description="The text that is written as a pause.",
        json_schema_extra={"when": {"when_torn": "pause"}},
    )
    max_pauses: int = Field(
        3,
        ge=0,
        le=64,
        description="No more pauses than this.",
        json_schema_extra={"when": {"when_torn": "pause"}},
    )
    low_entropy: float = Field(0.1, ge=0, le=30, description="Entropy is low below this, in bits.")
    medium_entropy: float = Field(
        3.0, ge=0, le=30, description="With low varentropy, entropy is high from here on, in bits."
    )
    high_entropy: float = Field(
        5.0, gt=0, le=30, description="With high varentropy, entropy is high from here on, in bits."
    )
    low_varentropy: float = Field(0.1, ge=0, le=900, description="Varentropy is low below this, in bits².")
    high_varentropy: float = Field(5.0, gt=0, le=900, description="It is high from here on, in bits².")
    state_answer: bool = Field(
        True, description="Append “So the answer is” to a branch that states no answer, and read on."
    )

    @field_validator("medium_entropy", "high_entropy", "high_varentropy")
    @classmethod
    def rises(cls, value: float, info: ValidationInfo) -> float:
        """Thresholds stand in order."""
        before = {
            "medium_entropy": "low_entropy",
            "high_entropy": "medium_entropy",
            "high_varentropy": "low_varentropy",
        }[info.field_name or ""]
        if value < info.data.get(before, 0):
            raise ValueError(f"it must be at least {before}")
        return value

    def adaptive(self, ask: bool) -> Adaptive:
        start = (self.do_sample, self.temperature, self.top_k, self.top_p, self.min_p)
        return Adaptive(*start, cutoffs=Cutoffs.of(self.model_dump()), ask=ask)


@strategy(
    "entropy-decoding",
    title="Entropy decoding",
    group="branches",
    summary=(
        "Looks at the entropy of every next-token distribution and at its varentropy, how much the surprise differs "
        "from token to token. Both low: the likeliest token. Only the entropy high: several tokens are about "
        "equally good, so each becomes a branch, or a pause is written. Only the varentropy high: warmer and wider "
        "sampling. Both high: hotter, but from fewer tokens. Of several branches the one with the surest answer "
        "(Δ) counts. It costs one continuation and one for each branch more; where nothing is torn it is sampling."
    ),
    paper="entropix, github.com/xjdr-alt/entropix",
    needs={"full_logits"},
)
def run(
    question: Question, model: TokenModel, params: EntropyDecodingParams, place: Place
) -> Generator[Event, None, Result]:
    """Let entropy and varentropy choose each token's sampling, part where the model is torn, trust the surest leaf."""
    # 1. One prefill, one branch.
    prefix = yield from model.prefill(prompts.plain(question.text), node=place.node, purpose="branch")
    leaves = parting(prefix.fork([place.child("branch-1")]))
    yield NodeOpened(leaves[0].node, place.node, "branch", "the first branch")
    pauses = 0
    # 2. All branches grow in step, as one batch, until one of them is torn or all have ended.
    while growing := [branch for branch in leaves if branch.end is None]:
        may = pauses < params.max_pauses if params.when_torn == "pause" else len(leaves) < params.max_branches
        yield from model.decode(
            growing,
            params.adaptive(ask=may),
            node=place.node,
            max_new_tokens=params.max_new_tokens - max(len(branch.tokens) for branch in growing),
            seed=place.seed,
        )
        for branch in growing:
            if not branch.options:
                continue
            # 3. Torn: a pause, or a branch for each of the likeliest tokens while there is room for more.
            if params.when_torn == "pause":
                branch.force(params.pause)
                pauses += 1
            else:
                room = params.max_branches - len(leaves)
                leaves += yield from part(branch, min(params.ways, 1 + room), len(leaves), place)
    # 4. Every leaf's answer, and how sure the model was of it.
    return (yield from decide(model, leaves, pauses, params, place, question.family))


def parting(branches: Sequence[Branch]) -> list[PartingBranch]:
    """The branches, if they can part.

    Raises:
        CapabilityError: they are a script's.
    """
    able = [branch for branch in branches if isinstance(branch, PartingBranch)]
    if len(able) < len(branches):
        raise CapabilityError(
            "This model's branches cannot be asked how they go on.",
            "Choose the embedded model or another local one, or another strategy.",
        )
    return able


def part(
    branch: PartingBranch, ways: int, count: int, place: Place
) -> Generator[Event, None, list[PartingBranch]]:
    """The branch goes on with its likeliest token; every other way is a new branch that begins as it did."""
    options = branch.options[:ways]
    ids = token_ids(options)
    twins: list[PartingBranch] = []
    for option, id in zip(options[1:], ids[1:], strict=True):
        twin = branch.twin(place.child(f"branch-{count + len(twins) + 1}"))
        twin.choose(id)
        where = f"parts at token {len(twin.tokens) + 1} with {option.text!r}"
        yield NodeOpened(twin.node, branch.node, "branch", where)
        yield from twin.tokens
        twins.append(twin)
    branch.choose(ids[0])
    return twins


def decide(
    model: TokenModel,
    leaves: Sequence[PartingBranch],
    pauses: int,
    params: EntropyDecodingParams,
    place: Place,
    family: str | None,
) -> Generator[Event, None, Result]:
    """The surest leaf, by Δ over its answer's tokens, as in CoT-decoding."""
    if params.state_answer:
        yield from lead_to_answer(model, [b for b in leaves if answers.locate(b.text) is None], place)
    found: list[Chosen] = []
    for leaf in leaves:
        path = read_path(leaf.node, leaf.text, leaf.tokens, family)
        yield from scored(path)
        found.append(Chosen(leaf.node, path.answer.text if path.answer else None, path.delta or 0.0))
    result = yield from choose(found, "naive", family)
    kind = DELTA if result.answer is not None else None
    return replace(result, confidence_kind=kind, info={"branches": len(leaves), "pauses": pauses})
