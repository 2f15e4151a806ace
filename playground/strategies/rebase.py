"""REBASE: reward-balanced tree search (Wu et al. 2024, arXiv:2408.00724)."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

from pydantic import Field

from playground.events import Event, NodeClosed, NodeScored
from playground.models.base import Model
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.beam_search import Scored, SearchParams, conclude, score_lines
from playground.strategies.stepping import Line, grow


class RebaseParams(SearchParams):
    n: int = Field(16, ge=1, le=256, description="Budget: children of the root, and answers in the end (B).")
    balance: float = Field(
        0.2, gt=0, le=10, description="Temperature of the rewards: small gives nearly all to the best."
    )


@strategy(
    "rebase",
    title="REBASE",
    group="tree search",
    summary=(
        "Gives every step as many next steps as its reward deserves, by a softmax over all steps of its depth, and "
        "lowers the budget by one for every answer that is complete. No step is thrown away for a small difference, "
        "and none is explored in vain; it reaches the accuracy of sampling with fewer tokens if the reward model is "
        "any good. It costs about B steps a depth."
    ),
    paper="Wu et al. 2024, arXiv:2408.00724",
    shape="tree",
)
def run(
    question: Question, model: Model, params: RebaseParams, place: Place
) -> Generator[Event, None, Result]:
    """Expand every node in proportion to its reward until the budget is used up (§3.2)."""
    finished: list[Scored] = []
    growing: list[tuple[Line, int]] = [(Line(place.node), params.n)]
    for _ in range(params.max_steps):
        if not growing:
            break
        # 1. Write the children of all nodes of this depth, and let the reward model read them.
        grown = yield from grow(
            question, model, growing, params.sampling(), place, max_new_tokens=params.max_new_tokens
        )
        lines = [line for siblings in grown for line in siblings]
        rewards = yield from score_lines(question, model, lines, params, place)
        # 2. A complete answer takes one of the budget.
        scored = list(zip(lines, rewards, strict=True))
        for line, _ in scored:
            yield NodeClosed(line.node, "kept")
        finished += [item for item in scored if item[0].done]
        open_ = [item for item in scored if not item[0].done]
        # 3. The rest of the budget is shared out by the softmax of the rewards.
        shares = allocation([reward for _, reward in open_], params.n - len(finished), params.balance)
        growing = []
        for (line, reward), share in zip(open_, shares, strict=True):
            yield NodeScored(line.node, "children", share, "how many next steps its reward deserves")
            if share:
                growing.append((line, share))
            else:
                yield NodeClosed(line.node, "pruned", f"reward {reward:.3f} deserves no children")
    # 4. Weighted vote over the answers by their final rewards.
    return (yield from conclude(question, finished, params))


def allocation(rewards: Sequence[float], budget: int, temperature: float) -> list[int]:
    """Round(B·e^{r_i/T} / Σ e^{r_j/T}) children for each node (Wu et al. 2024, eq. 1).

    Where rounding leaves nobody any, the best one gets what there is.
    """
    if not rewards or budget <= 0:
        return [0] * len(rewards)
    top = max(rewards)
    weights = [math.exp((reward - top) / temperature) for reward in rewards]
    total = sum(weights)
    # Halves are rounded up; Python's own rounding goes to even.
    shares = [math.floor(budget * weight / total + 0.5) for weight in weights]
    if not any(shares):
        shares[rewards.index(top)] = budget
    return shares
