"""Chance on a next-token distribution: how probability moves with temperature, many draws, the same luck elsewhere.

Boundary: as `playground.lens`. Luck is a number u in [0, 1) a position; it belongs to the seed and to how many
tokens of the path stand before, so "next token", "write" and "same luck" with one seed tell one story.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from playground.errors import BadInput
from playground.intervals import binomial
from playground.lens import At, open_model, prefix_at
from playground.models.base import Model, Prefix, token_ids
from playground.sampling import Sampling, choose, process, stages, uniforms, validate

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 16
"""Temperatures worked on at once: with 150,000 tokens, 10 MB an array."""

GRID = 97
MOST_DRAWS = 100_000
MOST_STEPS = 256


def curves(
    model: Model, at: At, sampling: Sampling, *, ids: Sequence[int], temperatures: Sequence[float]
) -> dict[str, Any]:
    """Probability of some tokens at each temperature: "before" with nothing cut, "after" with the cuts of `sampling`.

    Both have a list per id. A greedy `sampling` gives its one token probability 1 at every temperature.

    Raises:
        BadInput: a temperature that is not positive, an id that is no token, a setting out of range.
    """
    validate(sampling)
    if not temperatures or len(temperatures) > 1000 or min(temperatures) <= 0:
        raise BadInput(
            "The temperatures are not 1 to 1000 positive numbers.", "Give numbers such as 0.05 to 5."
        )
    prefix = prefix_at(model, at)
    prefix.alternatives(ids)  # refuses ids that are no token
    before: list[list[float]] = [[] for _ in ids]
    after: list[list[float]] = [[] for _ in ids]
    for rows in _at_temperatures(prefix, temperatures):
        free, cut = rows.softmax(-1), process(rows, _unscaled(sampling)).softmax(-1)
        for i, id in enumerate(ids):
            before[i] += free[:, id].tolist()
            after[i] += cut[:, id].tolist()
    return {"before": before, "after": after}


def draws(model: Model, at: At, sampling: Sampling, *, n: int, seed: int, top: int = 20) -> dict[str, Any]:
    """Draw the next token `n` times and count.

    Returns:
        "rows": for each of the `top` likeliest tokens, `id`, `text`, `p` as it is drawn, `count`, and `low` and
        `high`, between which the share count / n falls in at least 95 of 100 repetitions (binomial, exact). "rest":
        the same for all others together, and how many `tokens` they are.

    Raises:
        BadInput: a number of draws or a setting out of range.
    """
    validate(sampling)
    if not 1 <= n <= MOST_DRAWS:
        raise BadInput(f"{n} draws cannot be made.", f"Draw 1 to {MOST_DRAWS:,} times.")
    prefix = prefix_at(model, at)
    p = stages(prefix.logits(), sampling).after.astype(np.float64)
    order = np.argsort(-p, kind="stable")
    cumulative = p[order].cumsum()
    numbers = np.fromiter(_take(uniforms(seed, "draws"), n), dtype=np.float64, count=n)
    places = np.searchsorted(cumulative, numbers * cumulative[-1], side="right")
    counts = np.zeros(len(p), dtype=np.int64)
    np.add.at(counts, order[np.minimum(places, np.flatnonzero(p[order])[-1])], 1)
    shown = prefix.top(min(top, len(p)))
    ids = token_ids(shown)
    rows = [
        {"id": id, "text": token.text, **_counted(float(p[id]), int(counts[id]), n)}
        for id, token in zip(ids, shown, strict=True)
    ]
    rest = _counted(max(0.0, 1.0 - float(p[ids].sum())), n - int(counts[ids].sum()), n)
    return {"n": n, "seed": seed, "rows": rows, "rest": rest | {"tokens": len(p) - len(ids)}}


def _counted(p: float, count: int, n: int) -> dict[str, Any]:
    low, high = binomial(n, p)
    return {"p": p, "count": count, "low": low / n, "high": high / n}


def next_token(model: Model, at: At, sampling: Sampling, *, seed: int) -> dict[str, Any]:
    """The token that comes next: `id`, `text`, its probability `p` as drawn, its `rank` among all from 1, and the
    luck `u` it was drawn with, None when greedy."""
    validate(sampling)
    prefix = prefix_at(model, at)
    u = next(_luck(seed, at))
    return {**_drawn(prefix, sampling, u), "u": None if sampling.greedy else u}


def write(model: Model, at: At, sampling: Sampling, *, seed: int, steps: int) -> dict[str, Any]:
    """Up to `steps` next tokens, one after the other, with the luck of `seed`; "tokens" has `id` and `text` of each.

    A token that ends the text is not among them; "ended" says that it came.
    """
    written: list[dict[str, Any]] = []
    ended = False
    for _, token, _ in _walk(model, at, sampling, seed, steps):
        ended = token["id"] in open_model(model).ends
        if not ended:
            written.append({"id": token["id"], "text": token["text"]})
    return {"tokens": written, "ended": ended}


def luck(
    model: Model,
    at: At,
    sampling: Sampling,
    *,
    seed: int,
    steps: int = 24,
    low: float = 0.05,
    high: float = 5.0,
) -> dict[str, Any]:
    """The text drawn with fixed luck, and what the same luck would draw at each of its places at other temperatures.

    Returns:
        "temperature" and "steps". A step has `u`, `id`, `text` and "choices": [from, id, text], … by rising
        temperature from `low` to `high`; each holds up to the next one's `from`, with what was written before it
        unchanged. Where the written token begins and ceases to be the choice is exact to one part in ten thousand,
        other borders to the grid's step of 5 %.

    Raises:
        BadInput: temperatures that do not rise, or too many steps.
    """
    if not 0 < low < high:
        raise BadInput(f"Temperatures from {low} to {high} do not rise.", "Use 0.05 to 5.")
    present = sampling.temperature if sampling.do_sample else 0.0
    grid = np.geomspace(low, high, GRID).tolist()
    if low < present < high:
        grid = sorted({*grid, present})
    told = []
    for prefix, token, u in _walk(model, at, sampling, seed, steps):
        runs = _runs(prefix, sampling, u, grid, token["id"])
        texts = {other.id: other.text for other in prefix.alternatives([id for _, id in runs])}
        choices = [[start, id, texts[id]] for start, id in runs]
        told.append({"u": u, "id": token["id"], "text": token["text"], "choices": choices})
    return {"temperature": present, "steps": told}


def _walk(
    model: Model, at: At, sampling: Sampling, seed: int, steps: int
) -> Iterator[tuple[Prefix, dict[str, Any], float]]:
    """The prefix before each next token, the token and its luck; ends after a token that ends the text."""
    validate(sampling)
    if not 1 <= steps <= MOST_STEPS:
        raise BadInput(f"{steps} tokens cannot be written here.", f"Choose 1 to {MOST_STEPS}.")
    ends = open_model(model).ends
    for _, u in zip(range(steps), _luck(seed, at), strict=False):
        prefix = prefix_at(model, at)
        token = _drawn(prefix, sampling, u)
        yield prefix, token, u
        if token["id"] in ends:
            return
        at = replace(at, path=(*at.path, token["id"]))


def _luck(seed: int, at: At) -> Iterator[float]:
    return uniforms(seed, "lens", start=len(at.path))


def _drawn(prefix: Prefix, sampling: Sampling, u: float) -> dict[str, Any]:
    raw = _tensor(prefix)
    ids, logprobs = choose(raw.unsqueeze(0), sampling, [u])
    id = int(ids[0])
    higher = (raw > raw[id]).sum() + (raw[:id] == raw[id]).sum()
    [token] = prefix.alternatives([id])
    return {"id": id, "text": token.text, "p": float(logprobs[0].exp()), "rank": int(higher) + 1}


def _runs(
    prefix: Prefix, sampling: Sampling, u: float, grid: Sequence[float], written: int
) -> list[tuple[float, int]]:
    """(temperature, id) wherever the drawn token changes along the grid, the written token's own borders exact."""

    def drawn(temperatures: Sequence[float]) -> list[int]:
        free = _unscaled(replace(sampling, do_sample=True))
        return [
            id
            for rows in _at_temperatures(prefix, temperatures)
            for id in choose(rows, free, [u] * len(rows))[0].tolist()
        ]

    ids = drawn(grid)
    runs = [(grid[0], ids[0])]
    for (before, after), (left, right) in zip(pairwise(grid), pairwise(ids), strict=True):
        if left == right:
            continue
        if written not in (left, right):
            runs.append((after, right))
            continue
        low, high, beyond = before, after, right
        while high / low > 1.0001:
            middle = (low * high) ** 0.5
            [there] = drawn([middle])
            if (there == written) == (left == written):
                low = middle
            else:
                high, beyond = middle, there
        runs.append((high, beyond))
        if beyond != right:  # others lie between, closer than the grid
            runs.append((after, right))
    return runs


def _at_temperatures(prefix: Prefix, temperatures: Sequence[float]) -> Iterator[Tensor]:
    """Scaled logits, shape (up to ROWS, vocabulary) each."""
    import torch

    raw = _tensor(prefix)
    shifted = raw - raw.max()
    for start in range(0, len(temperatures), ROWS):
        yield shifted / torch.tensor(temperatures[start : start + ROWS]).unsqueeze(1)


def _unscaled(sampling: Sampling) -> Sampling:
    """The same cuts, for logits that are divided by a temperature already."""
    return sampling if sampling.greedy else replace(sampling, temperature=1.0)


def _tensor(prefix: Prefix) -> Tensor:
    import torch

    return torch.from_numpy(prefix.logits())


def _take(numbers: Iterator[float], n: int) -> Iterator[float]:
    return (u for u, _ in zip(numbers, range(n), strict=False))
