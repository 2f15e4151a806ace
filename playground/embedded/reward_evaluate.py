"""How well the reward model knows right steps from wrong ones: on unseen puzzles, worked by the embedded model itself.

Knows puzzles of the test split, the checker of steps and the `RewardModel` protocol, through which strategies ask too.
Must not know how it was trained. Every number on its card comes from here, whatever it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from playground.embedded import reward_card, reward_data
from playground.embedded import tokenizer as tokenizers
from playground.embedded.reward_data import Work
from playground.models import catalog
from playground.models.base import RewardModel, outcome
from playground.puzzles import FAMILIES, generate

SEED = "reward"
BINS = 10
THRESHOLD = 0.5
"""A step whose reward is less is taken for wrong."""


@dataclass(frozen=True)
class Bin:
    """Steps whose rewards lie in one tenth: how many, their mean reward, and the share that is right."""

    count: int
    reward: float
    right: float


@dataclass(frozen=True)
class Figures:
    """What was found for some works.

    Attributes:
        right_steps: steps that are right.
        told: steps on the right side of the threshold.
        wrong, found: works with a wrong step, and those whose first one is told exactly.
        flawless, recognised: works without a wrong step, and those in which none is taken for wrong.
        error: expected calibration error, ten bins of equal width.
    """

    works: int
    steps: int
    right_steps: int
    told: int
    wrong: int
    found: int
    flawless: int
    recognised: int
    error: float
    bins: tuple[Bin, ...]


def figures(works: Sequence[Work], rewards: Sequence[Sequence[float]]) -> Figures:
    """The figures of works whose steps were given these rewards."""
    pairs = [
        (v, r) for w, found in zip(works, rewards, strict=True) for v, r in zip(found, w.right, strict=True)
    ]
    taken = [next((i for i, v in enumerate(found) if v < THRESHOLD), None) for found in rewards]
    wrong = [(w.first_wrong, t) for w, t in zip(works, taken, strict=True) if w.first_wrong is not None]
    flawless = [t for w, t in zip(works, taken, strict=True) if w.first_wrong is None]
    bins = reliability(pairs)
    return Figures(
        works=len(works),
        steps=len(pairs),
        right_steps=sum(right for _, right in pairs),
        told=sum((value >= THRESHOLD) == right for value, right in pairs),
        wrong=len(wrong),
        found=sum(first == told for first, told in wrong),
        flawless=len(flawless),
        recognised=sum(told is None for told in flawless),
        error=sum(b.count * abs(b.reward - b.right) for b in bins) / max(1, len(pairs)),
        bins=bins,
    )


def reliability(pairs: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """(reward, right) pairs in ten bins of equal width; Guo et al. 2017, eq. 3."""
    found = []
    for i in range(BINS):
        inside = [pair for pair in pairs if min(BINS - 1, int(pair[0] * BINS)) == i]
        count = max(1, len(inside))
        mean, share = (sum(pair[part] for pair in inside) / count for part in (0, 1))
        found.append(Bin(len(inside), mean, share))
    return tuple(found)


def unseen(init: Path, count: int) -> dict[str, list[Work]]:
    """What a language model writes step by step about `count` test puzzles of each family, of any difficulty."""
    tokenizer = tokenizers.load(init)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    writer = LlamaForCausalLM.from_pretrained(init, dtype=torch.float32).to(device)
    return {
        family: list(
            reward_data.sampled(
                writer, tokenizer, list(generate(family, count, seed=SEED)), seed=0, each=1, plain=0.0
            )
        )
        for family in FAMILIES
    }


def judged(model: RewardModel, works: Sequence[Work]) -> list[list[float]]:
    """The reward after each step of each work."""
    return outcome(model.rewards([(w.question, w.steps) for w in works], node="q", purpose="evaluate"))


def report(init: Path, target: Path, count: int, *, write: bool) -> None:
    """Measure the reward model in a directory, print the tables and put them into its card."""
    model = catalog.load(f"reward:{target}")
    works = unseen(init, count)
    rewards = {family: judged(model, own) for family, own in works.items()}  # type: ignore[arg-type]
    cells = {family: asdict(figures(own, rewards[family])) for family, own in works.items()}
    every = [work for own in works.values() for work in own]
    cells["all"] = asdict(figures(every, [found for own in rewards.values() for found in own]))
    measured = {"seed": SEED, "puzzles": count, "families": cells, "versions": model.versions}
    tables = reward_card.tables(measured)
    print(tables)
    if write:
        path = target / "README.md"
        path.write_text(reward_card.replace_measured(path.read_text("utf-8"), tables), "utf-8")
        (target / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
