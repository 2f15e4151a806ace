"""The embedded reward model's card: what it is, how its labels are made, and the measured tables.

Knows only text and numbers. The numbers come from `reward_evaluate`; none is written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground.embedded.card import BEGIN, END, replace_measured
from playground.intervals import wilson

__all__ = ["render", "replace_measured", "tables"]

_TEXT = """---
language: en
library_name: transformers
pipeline_tag: token-classification
tags: [reasoning, process-reward-model, teaching]
---

# The embedded reward model

A process reward model of {parameters} million parameters: it reads a question and a worked answer, and at the end of
each step says how likely it is that this step and all before it are right. It is the embedded model's body with a head
of one label, and goes with that model: best-of-N, beam search, lookahead, REBASE and tree search ask it when nobody
checks the answer.

## What it can do

Judge worked answers to the puzzles in `playground/puzzles`, written as the embedded model writes them.

## What it cannot do

Anything else. It has seen no other questions and no other way of working, so its rewards for them mean nothing.

## Labels

No person and no larger model made them. A checker does (`playground/embedded/checking.py`), the way Math-Shepherd means
it (Wang et al. 2024) but exactly: a step is right as long as every step up to it is. A sum must be true and still lead
to the right answer; a move in the game of 24 must leave numbers from which 24 can be made; the other families' steps
must say what the solution says at that place; the last step must state the right answer. A sentence of any other kind
counts as wrong.

## Measured

{begin}
Not measured yet.
{end}

## How it was made

{tokens} million tokens of worked answers to training puzzles, {share} of them the embedded model's own at a
temperature of 1 ({own:,} different ones), the rest solutions with and without a slip put in. Binary cross-entropy at
the last token of each step; AdamW.

```
python -m playground.embedded.reward --init assets/embedded
python -m playground.embedded.reward --evaluate --write
```

## Form

```
Q: question
A: first step. second step. So the answer is 7.<|end|>
```

The reward of a step is the sigmoid of the logit at its last token.
"""


def render(*, parameters: int, tokens: int, own: int, share: float) -> str:
    """The card's text, without measurements."""
    return _TEXT.format(
        parameters=f"{parameters / 1e6:.1f}",
        tokens=f"{tokens / 1e6:.1f}",
        own=own,
        share=f"{share:.0%}",
        begin=BEGIN,
        end=END,
    )


def tables(measured: Mapping[str, Any]) -> str:
    """The evaluation as Markdown."""
    lines = [
        f"On what the embedded model writes, at a temperature of 1, about {measured['puzzles']} unseen puzzles of each",
        "family and of any difficulty; answers that came to no end are left out. A step whose reward is below one half",
        "is taken for wrong. Shares with their 95 % Wilson intervals; steps of one answer are not independent, so that",
        "those of the labels are too narrow.",
        "",
        "| puzzle | answers | steps | steps right | labels told rightly | first wrong step found exactly "
        "| no wrong step recognised | calibration error |",
        "| --- " * 8 + "|",
    ]
    for family, cell in measured["families"].items():
        lines.append(
            f"| {family.replace('_', ' ')} | {cell['works']} | {cell['steps']} "
            f"| {_share(cell['right_steps'], cell['steps'], interval=False)} | {_share(cell['told'], cell['steps'])} "
            f"| {_share(cell['found'], cell['wrong'])} | {_share(cell['recognised'], cell['flawless'])} "
            f"| {cell['error']:.3f} |"
        )
    lines += [
        "",
        "The calibration error is the expected one (ECE) of ten bins. All families together, by reward:",
        "",
        "| reward | steps | mean reward | share right |",
        "| --- | --- | --- | --- |",
    ]
    bins = measured["families"]["all"]["bins"]
    for i, cell in enumerate(bins):
        means = f"{cell['reward']:.2f} | {cell['right']:.2f}" if cell["count"] else " | "
        lines.append(f"| {i / len(bins):.1f}–{(i + 1) / len(bins):.1f} | {cell['count']} | {means} |")
    versions = ", ".join(f"{name} {value}" for name, value in sorted(measured["versions"].items()))
    return "\n".join([*lines, "", f"Measured with {versions}."])


def _share(part: int, of: int, *, interval: bool = True) -> str:
    if not of:
        return ""
    low, high = wilson(part, of)
    return f"{part / of:.2f} ({low:.2f}–{high:.2f}) of {of}" if interval else f"{part / of:.2f}"
