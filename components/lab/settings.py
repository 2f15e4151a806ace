"""The lab's settings: what the sliders can be set to, as the browser sends it and as an address holds it.

Boundary: pure functions on plain values. Both the browser and an address are input from outside: what is not a
setting is left out, what is out of range is brought back into it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from playground.sampling import Sampling

LOWEST, HIGHEST = 0.05, 5.0
"""Temperatures of the lab."""
MOST = 2**31 - 1
"""Of top-k and of the seed."""

NEUTRAL = Sampling(do_sample=True)
"""T = 1 and nothing cut: the model's own distribution."""


@dataclass(frozen=True, slots=True)
class LabSettings:
    """How the next token is chosen, and the seed of everything that is drawn."""

    sampling: Sampling = NEUTRAL
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self.sampling) | {"seed": self.seed}

    def to_query(self) -> dict[str, str]:
        """For an address: what differs from the plain distribution."""
        plain = LabSettings().to_json()
        return {name: _written(value) for name, value in self.to_json().items() if value != plain[name]}


def read_settings(values: Mapping[str, Any]) -> LabSettings:
    """Settings from plain values or from texts; the plain distribution's where they are missing or no numbers."""
    return LabSettings(
        Sampling(
            do_sample=_switch(values.get("do_sample")),
            temperature=_number(values.get("temperature"), 1.0, LOWEST, HIGHEST),
            top_k=int(_number(values.get("top_k"), 0, 0, MOST)),
            top_p=_number(values.get("top_p"), 1.0, 0.01, 1.0),
            min_p=_number(values.get("min_p"), 0.0, 0.0, 1.0),
        ),
        int(_number(values.get("seed"), 0, 0, MOST)),
    )


def _switch(value: Any) -> bool:
    return value not in (False, "0", "false", "off")


def _number(value: Any, default: float, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return min(high, max(low, number)) if math.isfinite(number) else default


def _written(value: Any) -> str:
    return (
        str(int(value))
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
