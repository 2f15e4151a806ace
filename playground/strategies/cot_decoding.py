"""CoT-decoding: chains of thought without a prompt for them (Wang & Zhou 2024, arXiv:2402.10200)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from pydantic import Field

from playground import answers, marking, prompts
from playground.events import Event, NodeClosed, NodeOpened
from playground.models.base import Branch, TokenModel, token_ids
from playground.strategies.answering import DELTA, Path, ask_for_answer, lead_to_answer, read_path, scored
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.difficulty import PATHS, classify, overtaken_reason
from playground.strategies.direct import DirectParams


class CotDecodingParams(DirectParams):
    do_sample: bool = Field(
        False,
        description="Draw the tokens after the first; off continues every branch greedily, as the paper does.",
    )
    k: int = Field(10, ge=1, le=1000, description="How many first tokens to branch on.")
    paths: Literal["fixed", "difficulty", "stop-early"] = Field(
        "fixed",
        description="k as given; k from the model's own difficulty classification; or open paths in groups and "
        "stop once the leading answer is safe.",
    )
    answer_by: Literal["max path", "aggregate"] = Field(
        "max path", description="The single surest branch, or the answer with the largest sum of Δ."
    )
    state_answer: bool = Field(
        True, description="Append “So the answer is” to a branch that states no answer, and read on."
    )
    threshold: float = Field(
        0.99,
        gt=0,
        le=1,
        description="Stop-early: also stop when two branches agree with at least this Δ each.",
        json_schema_extra={"when": {"paths": "stop-early"}},
    )
    group: int = Field(
        4,
        ge=1,
        le=64,
        description="Stop-early: how many branches are opened at a time.",
        json_schema_extra={"when": {"paths": "stop-early"}},
    )


@strategy(
    "cot-decoding",
    title="CoT-decoding",
    group="branches",
    leads=True,
    summary=(
        "Looks at the k likeliest first tokens instead of only the first, and continues each one greedily. Some "
        "of these branches blurt an answer, some work it out; the margin Δ between the two likeliest tokens over "
        "the answer tells them apart, because a model is surer of an answer it has derived. No prompt asks for "
        "reasoning. It needs the likeliest first tokens and costs k continuations."
    ),
    paper="Wang & Zhou 2024, arXiv:2402.10200",
    needs={"branches"},
)
def run(
    question: Question, model: TokenModel, params: CotDecodingParams, place: Place
) -> Generator[Event, None, Result]:
    """Branch on the k likeliest first tokens, decode each greedily, trust the surest answer (§2)."""
    # 1. How many ways to begin: as asked, or as hard as the model thinks the question is.
    label = (yield from classify(question, model, place)) if params.paths == "difficulty" else None
    k = PATHS[label] if label else params.k
    # 2. One prefill; its distribution names the k first tokens.
    prefix = yield from model.prefill(prompts.plain(question.text), node=place.node, purpose="branch")
    first = prefix.top(k)
    ids = token_ids(first)
    nodes = [place.child(f"branch-{rank}") for rank in range(1, k + 1)]
    # 3. All branches decode as one batch (or group by group, until the leader is safe).
    size = params.group if params.paths == "stop-early" else k
    paths: list[Path] = []
    stopped = None
    while len(paths) < k and not stopped:
        group = range(len(paths), min(len(paths) + size, k))
        for i in group:
            yield NodeOpened(nodes[i], place.node, "branch", f"begins with {first[i].text!r}")
        branches = prefix.fork([nodes[i] for i in group], [ids[i] for i in group])
        # 4. Confidence is the mean top-2 margin over the answer's own tokens.
        for path in (yield from grow(question, model, branches, params, place)):
            yield from scored(path)
            paths.append(path)
        if params.paths == "stop-early":
            stopped = why_stop(paths, k, params.threshold, question.family)
    # 5. The surest path, or equal answers pooled.
    return (yield from decide(paths, params, label, stopped, question.family))


def grow(
    question: Question, model: TokenModel, branches: Sequence[Branch], params: CotDecodingParams, place: Place
) -> Generator[Event, None, list[Path]]:
    """Continue every branch; those that end with no answer in them are led to one by “So the answer is”."""
    yield from model.decode(
        branches, params.sampling(), node=place.node, max_new_tokens=params.max_new_tokens, seed=place.seed
    )
    in_place = model.capabilities.full_logits
    if params.state_answer and in_place:
        yield from lead_to_answer(model, [b for b in branches if answers.locate(b.text) is None], place)
    paths = []
    for branch in branches:
        path = read_path(branch.node, branch.text, branch.tokens, question.family)
        if params.state_answer and not in_place and path.answer is None:
            path = yield from ask_for_answer(question, model, path, branch.text, place)
        paths.append(path)
    return paths


def why_stop(paths: Sequence[Path], k: int, threshold: float, family: str | None) -> str | None:
    """Why no more branches need opening, or None."""
    totals = dict(pooled(paths, family))
    sure = [p.canonical for p in paths if p.delta is not None and p.delta >= threshold]
    if totals and sure.count(max(totals, key=totals.__getitem__)) >= 2:
        return f"two branches agree with Δ of at least {threshold}"
    return overtaken_reason(totals, k - len(paths))


def pooled(paths: Sequence[Path], family: str | None = None) -> list[tuple[str, float]]:
    """Sum of Δ per answer, equal answers counted together, largest first."""
    found = [(p.answer.text, p.delta) for p in paths if p.answer and p.delta is not None]
    return marking.pool([text for text, _ in found], [delta for _, delta in found], family)


def decide(
    paths: Sequence[Path],
    params: CotDecodingParams,
    label: str | None,
    stopped: str | None,
    family: str | None,
) -> Generator[Event, None, Result]:
    """Choose a branch, close all, and say what was decided on."""
    sums = pooled(paths, family)
    info = {
        "k": len(paths),
        "classification": label,
        "stopped_early": stopped,
        "sums": [[answer, round(total, 6)] for answer, total in sums],
    }
    candidates = [p for p in paths if p.delta is not None]
    if params.answer_by == "aggregate" and sums:
        candidates = [p for p in candidates if p.answer and marking.same(p.answer.text, sums[0][0], family)]
    best = max(candidates, key=lambda p: p.delta or 0.0, default=None)
    for path in paths:
        if path is best:
            yield NodeClosed(path.node, "chosen")
        elif path.answer is None:
            yield NodeClosed(path.node, "pruned", "no answer found")
        else:
            yield NodeClosed(path.node, "kept")
    if best is None or best.answer is None:
        return Result(None, info=info)
    if params.answer_by == "aggregate":
        total = sum(value for _, value in sums)
        share = sums[0][1] / total if total else None
        return Result(best.answer.text, best.node, share, "share of the branches' summed Δ", info)
    return Result(best.answer.text, best.node, best.delta, DELTA, info)
