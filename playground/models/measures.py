"""What is measured of a next-token distribution, and the event that tells it.

Boundary: logits in, numbers and `TokenAdded` out; runs no network. Everything is computed on the device and brought
back in one transfer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from playground.events import Alternative, Choice, TokenAdded
from playground.models.token_text import TokenText
from playground.quadrants import Adaptive
from playground.sampling import GREEDY, Sampling, choose, largest

LN2 = math.log(2)

NOTHING_THERE = -200.0
"""Nats below the likeliest token where a probability is 0 in float32."""

CHOSEN, LOGPROB, SAMPLING_LOGPROB, ENTROPY, MARGIN, VARENTROPY, TOP = range(7)
"""Columns of what `look` brings back; ids and log-probabilities of the likeliest tokens follow from TOP on."""


def look(
    logits: Tensor, n: int, sampling: Sampling, draws: Sequence[float], forced: dict[int, int]
) -> list[list[float]]:
    """Measure a batch of next-token distributions and choose from them; one transfer from the device.

    All measures are of the raw logits in float32: log-softmax, entropy H in bits, p(first) − p(second), and the
    varentropy Σ p (log2 p + H)² in bits².

    Args:
        logits: raw, shape (rows, vocabulary), any float dtype.
        n: likeliest tokens to report; at least 2, at most the vocabulary.
        draws: one uniform number a row unless sampling is greedy.
        forced: ids chosen beforehand, by row.

    Returns:
        Per row the columns named above, then n ids, then their n log-probabilities, best first (lower id first
        among equals). Ids pass through float32, exact to 2²⁴. NaN where a row is no distribution, and for the
        log-probability of a draw where `Adaptive` settings took the arg-max.
    """
    scores = logits.float()
    probabilities = scores.softmax(-1)
    values, ids = largest(scores, min(max(n, 2), scores.shape[-1]))
    best = probabilities.gather(-1, ids[:, :2])
    # p(first) is at least 1/vocabulary, so its logarithm is as exact as a second pass for the log-sum-exp.
    normaliser = values[:, 0] - best[:, 0].log()
    # An impossible token (−inf) would make 0 · ∞ of its share.
    depth = (scores - values[:, :1]).clamp_min_(NOTHING_THERE)
    mean = (probabilities * depth).sum(-1, keepdim=True)
    # Rounding must not make an entropy negative.
    entropy = (-best[:, 0].log() - mean.squeeze(-1)).clamp_min(0) / LN2
    varentropy = depth.sub_(mean).square_().mul_(probabilities).sum(-1) / LN2**2
    if not draws:
        chosen, drawn = ids[:, 0], torch.zeros_like(normaliser)
    elif isinstance(sampling, Adaptive):
        chosen, drawn = choose(scores, sampling.rows(entropy, varentropy), draws)
    else:
        chosen, drawn = choose(scores, sampling, draws)
    if forced:
        chosen = chosen.clone()
        chosen[list(forced)] = torch.tensor(list(forced.values()), device=chosen.device)
    logprob = scores.gather(-1, chosen.unsqueeze(-1)).squeeze(-1) - normaliser
    margin = best[:, 0] - best[:, -1] if scores.shape[-1] > 1 else best[:, 0]
    # Nor may it make a probability larger than 1.
    columns = [chosen.float(), logprob.clamp_max(0), drawn.clamp_max(0), entropy, margin, varentropy]
    likeliest = (values - normaliser.unsqueeze(-1)).clamp_max(0)
    seen: list[list[float]] = torch.cat([torch.stack(columns, dim=1), ids.float(), likeliest], dim=1).tolist()
    return seen


def token_added(node: str, values: list[float], chosen: Choice, tokens: TokenText) -> TokenAdded:
    """The event for a row of what `look` brings back."""
    id = int(values[CHOSEN])
    data = tokens.data(id)
    try:
        text, code = data.decode(), ""
    except UnicodeDecodeError:
        text, code = "", data.hex()
    return TokenAdded(
        node,
        id,
        text,
        values[LOGPROB],
        values[ENTROPY],
        values[MARGIN],
        chosen,
        likeliest(values, tokens),
        values[SAMPLING_LOGPROB] if chosen == "sampled" else None,
        code,
        values[VARENTROPY],
    )


def likeliest(values: list[float], tokens: TokenText) -> tuple[Alternative, ...]:
    """The likeliest tokens in a row of what `look` brings back."""
    n = (len(values) - TOP) // 2
    return tuple(
        [
            Alternative(other, tokens.shown(other), logprob)
            for other, logprob in zip(map(int, values[TOP : TOP + n]), values[TOP + n :], strict=True)
        ]
    )


def foreseen(
    logits: Tensor, ids: Sequence[int], node: str, n: int, tokens: TokenText
) -> list[tuple[TokenAdded, int]]:
    """How given tokens were foreseen: each one's event, and its rank from 1 (of equals the lower id first).

    Args:
        logits: raw, shape (len(ids), vocabulary): what each token was one of.
        n: likeliest tokens to report with each.
    """
    scores = logits.float()
    seen = look(scores, n, GREEDY, (), dict(enumerate(ids)))
    mine = torch.tensor(ids, device=scores.device).unsqueeze(1)
    score = scores.gather(-1, mine)
    lower = torch.arange(scores.shape[-1], device=scores.device) < mine
    ranks = ((scores > score) | ((scores == score) & lower)).sum(-1) + 1
    told = (token_added(node, values, "forced", tokens) for values in seen)
    return list(zip(told, ranks.tolist(), strict=True))
