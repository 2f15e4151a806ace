"""Hand-made distributions and answers for the lab's tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.lab import Look, Token

HOSTILE = (
    '<img src=x onerror="window.hacked=true">',
    "שלום\u202e abc",
    "\u0301",
    "<script>window.hacked=true</script>",
    "\n\t \u00a0\u200b",
    "",
    "a" * 200,
    "\ud83d",
)
LUCK: dict[str, Any] = {
    "temperature": 0.7,
    "steps": [
        {"u": 0.5, "id": 1, "text": " the", "choices": [[0.05, 1, " the"], [2.0, 2, " a"]]},
        {
            "u": 0.9,
            "id": 4,
            "text": " cat",
            "choices": [[0.05, 3, " dog"], [0.5, 4, " cat"], [0.8, 5, HOSTILE[0]]],
        },
        {"u": 0.1, "id": 6, "text": " sat", "choices": [[0.05, 6, " sat"]]},
    ],
}
"""Written at 0.7: the second step flips first, below 0.5 and from 0.8 on."""


def distribution(size: int, seed: int = 0) -> Look:
    """Random logits over a vocabulary, sharp at the top, as a model's are."""
    random = np.random.default_rng(seed)
    logits = np.sort(random.normal(0, 2, size) + random.exponential(1.5, size))[::-1].astype(np.float32)
    return Look(tuple(Token(i, f" word{i}") for i in range(min(20, size))), logits=logits, position=7)
