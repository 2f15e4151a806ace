"""Turning logits into a choice: temperature, top-k, top-p, min-p, greedy.

Boundary: pure functions on one distribution or a batch of them; no model, no I/O, no hidden randomness. torch is
imported by the functions, never by importing this module, so settings can be read without it.

A distribution is processed as transformers does it: temperature, then top-k, top-p and min-p, each looking at what
the one before it left. Sorted by descending logit, what they keep is always a beginning of the list; `choose` rests
on that and so seldom has to sort a whole vocabulary.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from playground.errors import BadInput, CapabilityError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

PROCESSORS = ("kept", "top-k", "top-p", "min-p")
"""What `Stages.cut` counts: 0 is kept, the others name the processor that cut the token."""

WIDTHS = (64, 1024)
"""How many of the likeliest tokens `choose` looks at before it sorts the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. With do_sample off it is the arg-max and nothing else matters.

    Processors run in transformers' order: temperature, then top-k, top-p, min-p.

    Attributes:
        temperature: divides the logits; 0 means greedy.
        top_k: keep the k largest logits; 0 keeps all.
        top_p: keep the smallest set whose probability reaches p, in (0, 1]; 1 keeps all.
        min_p: keep tokens with at least this fraction of the likeliest one's probability, in [0, 1]; 0 keeps all.
    """

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    moves: ClassVar[bool] = False
    """Whether the settings move with each distribution (see `quadrants.Adaptive`)."""

    @property
    def greedy(self) -> bool:
        return not self.do_sample or self.temperature == 0


GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class Stages:
    """One distribution on its way through the processors; every array has shape (vocabulary,).

    Attributes:
        raw: logits as the model gave them, float32.
        scaled: after temperature.
        before: probabilities of `raw`.
        after: probabilities tokens are drawn with; 0 where cut.
        kept: what no processor cut.
        cut: index into `PROCESSORS` of what cut each token, 0 where kept.
    """

    raw: npt.NDArray[np.float32]
    scaled: npt.NDArray[np.float32]
    before: npt.NDArray[np.float32]
    after: npt.NDArray[np.float32]
    kept: npt.NDArray[np.bool_]
    cut: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class RowSettings:
    """`Sampling` for each row by itself; every tensor has shape (rows, 1). What keeps everything is infinite, but
    for min-p, where it is 0.

    Attributes:
        greedy: rows that take their arg-max, whatever else they say.
        most_k: no top-k that cuts is larger.
    """

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    min_p: Tensor
    greedy: Tensor
    most_k: int

    @classmethod
    def of(
        cls, temperature: Tensor, top_k: Tensor, top_p: Tensor, min_p: Tensor, *, greedy: Tensor, most_k: int
    ) -> RowSettings:
        """From tensors of shape (rows,) with numbers as in `Sampling`."""
        return cls(
            temperature.unsqueeze(-1),
            top_k.masked_fill(top_k == 0, math.inf).unsqueeze(-1),
            top_p.masked_fill(top_p >= 1, math.inf).unsqueeze(-1),
            min_p.unsqueeze(-1),
            greedy.unsqueeze(-1),
            most_k,
        )

    @classmethod
    def same(cls, sampling: Sampling, like: Tensor) -> RowSettings:
        """The same settings for every entry of `like`, in its number format."""
        import torch

        top_k, top_p = sampling.top_k or math.inf, sampling.top_p if sampling.top_p < 1 else math.inf
        row = like.new_tensor([[sampling.temperature, top_k, top_p, sampling.min_p]])
        rows = row.expand(len(like), 4)
        temperature, k, p, least = (rows[:, i : i + 1] for i in range(4))
        greedy = torch.zeros((len(like), 1), dtype=torch.bool, device=like.device)
        return cls(temperature, k, p, least, greedy, sampling.top_k)

    def at(self, rows: Tensor) -> RowSettings:
        return RowSettings(
            self.temperature[rows], self.top_k[rows], self.top_p[rows], self.min_p[rows], self.greedy[rows],
            self.most_k,
        )  # fmt: skip


def validate(sampling: Sampling, *, moving: bool = False) -> None:
    """Check the ranges that `Sampling` documents.

    Args:
        moving: whether the model can choose each token by settings of its own (see `quadrants.Adaptive`).

    Raises:
        BadInput: the first setting out of range, by name.
        CapabilityError: the settings move, and the model cannot.
    """
    if sampling.moves and not moving:
        raise CapabilityError(
            "This model draws all of its tokens with the same settings.",
            "Choose the embedded model or another local one, or another strategy.",
        )
    checks = (
        (
            math.isfinite(sampling.temperature) and sampling.temperature >= 0,
            f"temperature = {sampling.temperature}",
            "Use 0 for greedy, or a positive number such as 0.7.",
        ),
        (
            sampling.top_k >= 0,
            f"top_k = {sampling.top_k}",
            "Use 0 to keep all tokens, or a whole number above it.",
        ),
        (
            0 < sampling.top_p <= 1,
            f"top_p = {sampling.top_p}",
            "Use 1 to keep all tokens, or a number above 0.",
        ),
        (
            0 <= sampling.min_p <= 1,
            f"min_p = {sampling.min_p}",
            "Use 0 to keep all tokens, or a number up to 1.",
        ),
    )
    for ok, setting, hint in checks:
        if not ok:
            raise BadInput(f"{setting} is out of range.", hint)


def process(logits: Tensor, sampling: Sampling) -> Tensor:
    """Logits that sampling draws from: shape (..., vocabulary) in and out, float32, −inf where cut.

    Agrees with transformers' TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper and MinPLogitsWarper.
    Greedy settings keep the arg-max alone (the lowest id of equals).
    """
    return _processed(logits, sampling)[1]


def stages(logits: Tensor | npt.ArrayLike, sampling: Sampling) -> Stages:
    """Every stage of one distribution, for showing; `logits` has shape (vocabulary,).

    Raises:
        BadInput: a setting out of range.
        ModelError: the logits are no distribution (NaN, or −inf everywhere).
    """
    import torch

    validate(sampling)
    raw = torch.as_tensor(logits).detach().float().cpu()
    scaled, processed, cut = _processed(raw, sampling)
    after = processed.softmax(-1)
    if not after.isfinite().all():
        raise not_a_distribution()
    return Stages(
        raw.numpy(), scaled.numpy(), raw.softmax(-1).numpy(), after.numpy(), (cut == 0).numpy(), cut.numpy()
    )


def _processed(logits: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor, Tensor]:
    """(scaled, processed, cut) of `logits`; `cut` is int8 as in `Stages`."""
    import torch

    raw = logits.float()
    if sampling.greedy:
        best = raw.argmax(-1, keepdim=True)
        keep = torch.zeros_like(raw, dtype=torch.bool).scatter(-1, best, True)
        cut = torch.where(keep, 0, PROCESSORS.index("top-k")).to(torch.int8)
        return raw, raw.masked_fill(~keep, -math.inf), cut
    scaled = scores = raw / sampling.temperature
    cut = torch.zeros_like(scores, dtype=torch.int8)
    for which, remove in enumerate((_below_top_k, _below_top_p, _below_min_p), start=1):
        out = remove(scores, sampling)
        if out is not None:
            cut = torch.where(out & (cut == 0), which, cut).to(torch.int8)
            scores = scores.masked_fill(out, -math.inf)
    return scaled, scores, cut


def _below_top_k(scores: Tensor, sampling: Sampling) -> Tensor | None:
    if sampling.top_k == 0:
        return None
    k = min(sampling.top_k, scores.shape[-1])
    return scores < scores.topk(k).values[..., -1:]


def _below_top_p(scores: Tensor, sampling: Sampling) -> Tensor | None:
    if sampling.top_p >= 1:
        return None
    ascending, ids = scores.sort(dim=-1)
    out = ascending.softmax(-1).cumsum(-1) <= 1 - sampling.top_p
    out[..., -1] = False
    return out.scatter(-1, ids, out)


def _below_min_p(scores: Tensor, sampling: Sampling) -> Tensor | None:
    if sampling.min_p == 0:
        return None
    probabilities = scores.softmax(-1)
    best = probabilities.amax(-1, keepdim=True)
    return (probabilities < sampling.min_p * best) & (probabilities < best)


def largest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of shape (rows, vocabulary) and their ids, descending, the lower id first among equals.

    Which of several equals makes the last place is not defined unless k is the whole vocabulary.
    """
    if k >= scores.shape[-1]:
        values, ids = scores.sort(dim=-1, descending=True, stable=True)
        return values, ids
    ids = scores.topk(k).indices.sort(dim=-1).values
    values, order = scores.gather(-1, ids).sort(dim=-1, descending=True, stable=True)
    return values, ids.gather(-1, order)


def choose(logits: Tensor, sampling: Sampling | RowSettings, u: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Draw one token a row by inverting the distribution function over tokens sorted by descending logit.

    Row i's token is the first whose cumulative probability, after all processors, exceeds u[i]; equal logits are
    ordered by id. It depends on nothing but that row's logits, its settings and its u. Cumulative sums are taken in
    float64 (float32 on devices without it), so `top_p` may differ from `process` where a cut falls within rounding.

    Args:
        logits: shape (rows, vocabulary), any float dtype.
        u: one number in [0, 1) a row.

    Returns:
        Token ids (int64) and the natural logarithm of the probability they were drawn with (float32), both of
        shape (rows,). The logarithm is NaN where `RowSettings` made one row of several greedy: nothing was drawn.

    Raises:
        ModelError: a row is no distribution (NaN, or −inf everywhere).
    """
    import torch

    raw = logits.float()
    best = raw.max(-1)
    if isinstance(sampling, Sampling) and sampling.greedy:
        _check(best.values)
        return raw.argmax(-1), torch.zeros_like(best.values)
    wide = torch.float32 if raw.device.type == "mps" else torch.float64
    targets = torch.tensor(u, dtype=wide, device=raw.device)
    settings = sampling if isinstance(sampling, RowSettings) else RowSettings.same(sampling, targets)
    # Shifting by the maximum first keeps tiny temperatures from overflowing.
    scaled = (raw - best.values.unsqueeze(-1)) / settings.temperature.float()
    mass = scaled.logsumexp(-1)
    _check(mass)
    total, vocabulary = mass.to(wide), raw.shape[-1]
    first, *wider = (*(w for w in WIDTHS if settings.most_k < w < vocabulary), vocabulary)
    ids, logprobs, sure = _draw(scaled, total, settings, targets, first)
    for width in wider:
        left = (~sure).nonzero().squeeze(-1)
        if not len(left):
            break
        drawn = _draw(scaled[left], total[left], settings.at(left), targets[left], width)
        ids[left], logprobs[left], sure[left] = drawn
    logprobs = logprobs.float()
    if sampling is settings:
        greedy = settings.greedy.squeeze(-1)
        return raw.argmax(-1).where(greedy, ids), logprobs.masked_fill(greedy, math.nan)
    return ids, logprobs


def _draw(
    scaled: Tensor, mass: Tensor, settings: RowSettings, u: Tensor, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Ids and log-probabilities drawn from the `width` likeliest, and where that was enough to be sure."""
    import torch

    values, ids = largest(scaled, width)
    probability = (values.to(mass.dtype) - mass.unsqueeze(-1)).exp()
    counted = settings.top_k.isfinite()
    last = settings.top_k.clamp_max(width).long() - 1
    kept = (values >= values.gather(-1, last)) | ~counted
    weight = probability * kept
    whole_mass = weight.sum(-1, keepdim=True).where(counted, torch.ones_like(weight[:, :1]))
    kept = kept & (weight.cumsum(-1) - weight < settings.top_p * whole_mass)
    kept = kept & (probability >= settings.min_p * probability[:, :1])
    cumulative = (probability * kept).cumsum(-1)
    truncates = (counted | settings.top_p.isfinite() | (settings.min_p > 0)).squeeze(-1)
    whole = width == scaled.shape[-1]
    # The kept mass is known when all of it lies inside the window, or when nothing is cut at all.
    total = cumulative[:, -1] if whole else cumulative[:, -1].where(truncates, torch.ones_like(mass))
    target = u * total
    place = (cumulative <= target.unsqueeze(-1)).sum(-1, keepdim=True)
    place = torch.minimum(place, kept.sum(-1, keepdim=True) - 1)
    logprob = probability.gather(-1, place).squeeze(-1).log() - total.log()
    sure = torch.ones_like(truncates)
    if not whole:
        # Equals of the window's last value may lie outside it, in which case their order is not settled yet.
        settled = values.gather(-1, place).squeeze(-1) > values[:, -1]
        sure = settled & (~kept[:, -1]).where(truncates, target < cumulative[:, -1])
    return ids.gather(-1, place).squeeze(-1), logprob, sure


def not_a_distribution(where: str = "") -> ModelError:
    """The error for logits from which nothing can be drawn."""
    return ModelError(
        f"The model's next-token logits{where} are not a distribution (NaN or infinite).",
        "Load it again in float32 (its weights may be damaged or overflow in half precision).",
    )


def _check(per_row: Tensor) -> None:
    if not per_row.isfinite().all():
        raise not_a_distribution()


def uniforms(seed: int, node: str, start: int = 0) -> Iterator[float]:
    """Endless numbers in [0, 1) that belong to (seed, node), from the `start`-th on.

    Philox, keyed by a hash of the two: what a branch draws depends neither on its neighbours in a batch nor on
    the machine.
    """
    key = hashlib.blake2b(f"{seed}\0{node}".encode(), digest_size=16).digest()
    generator = np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype="<u8")))
    generator.random(start)
    while True:
        yield from generator.random(64).tolist()
