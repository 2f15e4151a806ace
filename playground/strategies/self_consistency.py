"""Self-consistency: sample several chains, take the answer most of them reach (Wang et al. 2023)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from pydantic import Field

from playground import answers, prompts
from playground.events import Event, NodeClosed, NodeOpened, NodeScored
from playground.models.base import Model
from playground.prompts import Prompt
from playground.strategies.answering import Path, scored, write
from playground.strategies.base import Place, Question, Result, SampledParams, strategy

VOTES = "share of the samples that reached this answer"


class SelfConsistencyParams(SampledParams):
    n: int = Field(10, ge=1, le=200, description="How many samples are drawn.")
    prompt: Literal["zero-shot CoT", "few-shot CoT", "plain"] = Field(
        "zero-shot CoT", description="What each sample is asked with."
    )
    stop_early: bool = Field(False, description="Stop once the leading answer cannot be overtaken.")
    group: int = Field(
        5,
        ge=1,
        le=64,
        description="With stop_early: how many samples are drawn at a time.",
        json_schema_extra={"when": {"stop_early": True}},
    )

    def build(self, question: str, prefill: bool) -> Prompt:
        match self.prompt:
            case "zero-shot CoT":
                return prompts.zero_shot_cot(question, prefill=prefill)
            case "few-shot CoT":
                return prompts.few_shot_cot(question)
            case "plain":
                return prompts.plain(question)


@strategy(
    "self-consistency",
    title="Self-consistency",
    summary=(
        "Draws several chains of thought at a moderate temperature and takes the answer that most of them reach: "
        "wrong chains scatter, right ones meet. It rises with the number of samples and flattens; it helps when "
        "the model is right more often than it is wrong in any single way, and costs n full replies."
    ),
    paper="Wang et al. 2023, arXiv:2203.11171",
)
def run(
    question: Question, model: Model, params: SelfConsistencyParams, place: Place
) -> Generator[Event, None, Result]:
    """Sample n chains, marginalise out the reasoning, keep the majority answer (§2)."""
    prompt = params.build(question.text, model.capabilities.prefill)
    size = params.group if params.stop_early else params.n
    paths: list[Path] = []
    stopped = None
    while len(paths) < params.n and not stopped:
        # 1. Samples of a group are drawn together; each has its own random numbers.
        group = range(len(paths), min(len(paths) + size, params.n))
        nodes = [place.child(f"sample-{i + 1}") for i in group]
        for i, node in zip(group, nodes, strict=True):
            yield NodeOpened(node, place.node, "branch", f"sample {i + 1}")
        # 2. Each sample's answer; a working that states none is led to it.
        for path in (
            yield from write(
                question,
                model,
                prompt,
                nodes,
                params.sampling(),
                place,
                purpose="sample",
                max_new_tokens=params.max_new_tokens,
                state_answer=params.prompt != "plain",
            )
        ):
            yield from scored(path)
            paths.append(path)
        if params.stop_early:
            stopped = why_stop(paths, params.n)
    # 3. One sample, one vote.
    return (yield from vote(paths, stopped))


def tally(paths: Sequence[Path]) -> list[tuple[str, float]]:
    """Votes per answer, equal answers counted together, most first, then first seen."""
    found = [p.answer.text for p in paths if p.answer]
    return answers.pool(found, [1.0] * len(found))


def why_stop(paths: Sequence[Path], n: int) -> str | None:
    """Why the samples left cannot change the result, or None."""
    counts = [votes for _, votes in tally(paths)]
    left = n - len(paths)
    lead = counts[0] - (counts[1] if len(counts) > 1 else 0) if counts else 0
    if left and lead > left:
        return f"the leading answer is {lead:.0f} votes ahead with {left} samples left"
    return None


def vote(paths: Sequence[Path], stopped: str | None) -> Generator[Event, None, Result]:
    """Count, mark every sample with its answer's votes, and choose."""
    votes = tally(paths)
    info = {"samples": len(paths), "stopped_early": stopped, "votes": [[a, int(v)] for a, v in votes]}
    chosen = None
    for path in paths:
        if path.answer is None:
            yield NodeClosed(path.node, "pruned", "no answer found")
            continue
        count = next(v for a, v in votes if answers.equal(a, path.answer.text))
        yield NodeScored(path.node, "votes", count, "samples that reached the same answer")
        if chosen is None and answers.equal(path.answer.text, votes[0][0]):
            chosen = path
            yield NodeClosed(path.node, "chosen")
        else:
            yield NodeClosed(path.node, "kept")
    if chosen is None or chosen.answer is None:
        return Result(None, info=info)
    return Result(chosen.answer.text, chosen.node, votes[0][1] / len(paths), VOTES, info)
