"""Entropy decoding's rules: what a model knows of its next token, and how that token is then chosen.

Boundary: entropy and varentropy in, a quadrant and a row's sampling settings out; no model, no loop. Like `sampling`
it imports torch only inside functions, because pictures colour tokens by the same quadrants. After entropix
(github.com/xjdr-alt/entropix), whose names for the thresholds are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from playground.errors import BadInput
from playground.sampling import RowSettings, Sampling

if TYPE_CHECKING:
    from torch import Tensor

Quadrant = Literal["sure", "torn", "leaning", "lost", "between"]
QUADRANTS: tuple[Quadrant, ...] = ("sure", "torn", "leaning", "lost", "between")
"""Low entropy and varentropy; only the entropy is high; only the varentropy is; both are; anything else."""

_GRID: tuple[tuple[Quadrant, ...], ...] = (
    # Varentropy low, neither, high; entropy downwards: low, below medium, below high, high.
    ("sure", "between", "leaning"),
    ("between", "between", "leaning"),
    ("torn", "between", "leaning"),
    ("torn", "between", "lost"),
)

WARMER = 1.2
"""What the temperature is multiplied by where the varentropy is high."""
HOTTEST = 2.0
"""The most it is multiplied by where both are high."""
WIDER = 2.0
"""What top-k is multiplied by, and min-p divided, where the varentropy is high."""
NARROWER = 0.8
"""What top-p is multiplied by where the entropy is high."""


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Where entropy H (bits) and varentropy V = Σ p (log2 p + H)² (bits²) are low, medium and high.

    Low is below the first of its thresholds; an entropy is high enough to be torn from `medium_entropy` on.

    Raises:
        BadInput: thresholds that do not rise.
    """

    low_entropy: float = 0.1
    medium_entropy: float = 3.0
    high_entropy: float = 5.0
    low_varentropy: float = 0.1
    high_varentropy: float = 5.0

    def __post_init__(self) -> None:
        rising = (
            ("entropy", (0, self.low_entropy, self.medium_entropy, self.high_entropy)),
            ("varentropy", (0, self.low_varentropy, self.high_varentropy)),
        )
        for name, values in rising:
            if not (all(low <= high for low, high in pairwise(values)) and values[-1] > 0):
                raise BadInput(
                    f"The thresholds of the {name} are {', '.join(f'{value:g}' for value in values[1:])}.",
                    "Give numbers from 0 on, each at least as large as the one before.",
                )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Cutoffs:
        """Those that a run's settings name, the others as always; all as always where they make no sense."""
        named = {f.name: settings[f.name] for f in fields(cls) if f.name in settings}
        try:
            return cls(**{name: float(value) for name, value in named.items()})
        except (BadInput, TypeError, ValueError):
            return cls()

    def quadrant(self, entropy: float, varentropy: float) -> Quadrant:
        name: Quadrant = _GRID[self._row(entropy)][self._column(varentropy)]
        return name

    def quadrants(self, entropy: Tensor, varentropy: Tensor) -> Tensor:
        """The same for every element of two tensors, as places in `QUADRANTS`."""
        import torch

        grid = torch.tensor([[QUADRANTS.index(name) for name in row] for row in _GRID], device=entropy.device)
        return grid[self._row(entropy), self._column(varentropy)]

    def _row(self, entropy: Any) -> Any:
        return (
            (entropy >= self.low_entropy) + 0
            + (entropy >= self.medium_entropy)
            + (entropy >= self.high_entropy)
        )  # fmt: skip

    def _column(self, varentropy: Any) -> Any:
        return (varentropy >= self.low_varentropy) + 0 + (varentropy >= self.high_varentropy)


@dataclass(frozen=True, slots=True)
class Adaptive(Sampling):
    """Sampling whose settings move with each distribution; the inherited ones are where they start from.

    sure: the arg-max. leaning: warmer, top-k wider and min-p lower. lost: hotter the higher the entropy, top-p
    narrower. Otherwise: between the settings as given and those, as far as H and V have come on their way from 0 to
    high. So no setting jumps where V becomes high; entropix draws five candidates there and ranks them by a score
    whose confidence is the same for all, which chooses by probability alone.

    Attributes:
        ask: decoding stops before a token where a row is torn, so that the strategy can say how to go on.
    """

    cutoffs: Cutoffs = Cutoffs()
    ask: bool = False

    moves = True

    def asks(self, entropy: float, varentropy: float) -> bool:
        return self.ask and self.cutoffs.quadrant(entropy, varentropy) == "torn"

    def rows(self, entropy: Tensor, varentropy: Tensor) -> RowSettings:
        """The settings of each row, from measures of shape (rows,)."""
        quadrant = self.cutoffs.quadrants(entropy, varentropy)
        leaning, lost, between = (
            quadrant == QUADRANTS.index(name) for name in ("leaning", "lost", "between")
        )
        # A row that is torn, and may not ask, is drawn like those between.
        between = between | (quadrant == QUADRANTS.index("torn"))
        share = entropy / self.cutoffs.high_entropy
        uneven = (varentropy / self.cutoffs.high_varentropy).clamp_max(1)
        one = share.new_ones(share.shape)
        warmth = (1 + (WARMER - 1) * uneven).where(~lost, (WARMER * share).clamp_max(HOTTEST))
        width = (1 + (WIDER - 1) * uneven).where(leaning | between, one)
        breadth = (1 - (1 - NARROWER) * share.clamp_max(1)).where(lost | between, one)
        return RowSettings.of(
            self.temperature * warmth,
            (self.top_k * width).round(),
            self.top_p * breadth,
            self.min_p / width,
            greedy=quadrant == QUADRANTS.index("sure"),
            most_k=round(self.top_k * WIDER),
        )
