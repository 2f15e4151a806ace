"""The embedded model's card: what it is, what it can and cannot do, and the measured table.

Knows only text and numbers. The numbers come from the probe or from `evaluate`; none is written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.intervals import wilson

_TEXT = """---
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [reasoning, chain-of-thought, teaching]
---

# The embedded model

A very small language model ({parameters} million parameters, {vocabulary} tokens) that does the Reasoning
Playground's main job on any laptop, without network, key or GPU. It is made to be looked at while it thinks:
it answers quickly and often wrongly when asked plainly, and rightly much more often when it works step by step,
so that every strategy has something to show.

## What it can do

Short puzzles of the families in `playground/puzzles`: word problems, last letters, coin flips, counting letters,
comparing decimals, odd and even years, the game of 24. It knows the project's own prompts: "Let's think step by
step.", worked exemplars, the titled chain's JSON steps, the one-word estimate of difficulty, reviews that end in a
verdict, revisions after wrong attempts, critiques, smaller questions first, and for tree search the next step,
proposals of several, their values and a vote among them.

## What it cannot do

Anything else. It has read nothing but puzzles and a few plain sentences, so it has no knowledge of the world, holds
no conversation, and answers questions outside its families with text that looks like a puzzle's answer. Its numbers
go wrong beyond about 300, and its copying of long unfamiliar words is not always exact. Do not use it to decide
anything.

## Measured

On puzzles held out from training by their numbers and by their names and words. CoT-decoding follows the ten
likeliest first tokens and trusts the answer with the largest margin (Wang and Zhou 2024).

{begin}
{table}
{end}

## How it was made

Llama architecture, hidden size {hidden}, {layers} layers, {heads} heads, tied embeddings, {inner} units in each feed-
forward layer. The tokenizer keeps frequent words whole and cuts any other word into letters; digits are single tokens.
Text comes from the same generators the playground uses ({tokens} million tokens, the training split only); six of ten
plain questions are answered directly in training, the others worked. Muon for the layers' matrices, AdamW for the
rest. From the start, and then as the last sitting went on from the weights of the one before:

```
python -m playground.embedded.train
python -m playground.embedded.train{options}
python -m playground.embedded.train --export
```

The shipped weights were trained in several sittings, with the mixture and the learning rate changed in between, so
the first command makes a similar model and not the same one.

## Prompt format

```
S: system text
Q: question
A: answer<|end|>
```

The chat template writes this form; a reply begins after `A:`. Without a system turn the form is the usual `Q: … A:`
of base models.
"""


BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


def table(results: Mapping[str, float]) -> str:
    """Results as a Markdown table, one row for each skill."""
    if not results:
        return "Not measured yet."
    rows = [f"| {name} | {value:.2f} |" for name, value in results.items()]
    return "\n".join(["| skill | share right |", "| --- | --- |", *rows])


def render(results: Mapping[str, float], shape: Mapping[str, int], *, tokens: int, options: str = "") -> str:
    """The card's text. `shape` has the model configuration's sizes, `tokens` is how many were trained on."""
    return _TEXT.format(
        table=table(results),
        begin=BEGIN,
        end=END,
        parameters=f"{shape['parameters'] / 1e6:.1f}",
        vocabulary=shape["vocab_size"],
        hidden=shape["hidden_size"],
        layers=shape["num_hidden_layers"],
        heads=shape["num_attention_heads"],
        inner=shape["intermediate_size"],
        tokens=f"{tokens / 1e6:.0f}",
        options=options,
    )


def tables(measured: Mapping[str, Any]) -> str:
    """The evaluation as Markdown: accuracy with 95 % intervals, the validity of chains, and what it ran on."""
    cells = measured["cells"]
    ways = list(dict.fromkeys(cell["way"] for cell in cells))
    rows: dict[tuple[str, int, int], dict[str, str]] = {}
    for cell in cells:
        row = rows.setdefault((cell["family"], cell["difficulty"], cell["count"]), {})
        low, high = wilson(cell["right"], cell["count"])
        row[cell["way"]] = f"{cell['right'] / cell['count']:.2f} ({low:.2f}–{high:.2f})"
    lines = [f"| puzzle | difficulty | n | {' | '.join(ways)} |", "| --- " * (len(ways) + 3) + "|"]
    lines += [
        f"| {family.replace('_', ' ')} | {level} | {n} | {' | '.join(row.get(way, '') for way in ways)} |"
        for (family, level, n), row in rows.items()
    ]
    lines += [
        "",
        "Share right with its 95 % Wilson interval; n puzzles; every strategy with its default settings.",
    ]
    lines += ["Difficulty counts operations, words less one, people, length bands or shifts.", ""]
    lines += _chains(cells)
    lines += _skills(measured.get("skills", {}))
    right, of = measured["classification"]
    versions = ", ".join(f"{name} {value}" for name, value in sorted(measured["versions"].items()))
    return "\n".join(
        [
            *lines,
            "",
            f"Difficulty classified in the word it was taught: {right} of {of}.",
            "",
            f"Measured with {versions}.",
        ]
    )


def _chains(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| titled chain | difficulty | steps valid as written | chains with every step valid |",
        "| --- " * 4 + "|",
    ]
    return lines + [
        f"| {cell['family'].replace('_', ' ')} | {cell['difficulty']} | {cell['valid_steps']} of {cell['steps']} | "
        f"{cell['valid_chains']} of {cell['count']} |"
        for cell in cells
        if cell["steps"]
    ]


_SKILLS = {
    "judge": "verdict on a worked answer, at once",
    "review": "verdict on a worked answer, after checking its steps",
    "revise": "right answer after two wrong attempts",
    "critique": "the first wrong step named and put right, word for word",
    "value": "game of 24: whether a state of three numbers can still make 24",
    "propose": "game of 24: every one of five proposals legal",
    "subquestion": "last letters of six words: the last smaller question",
    "decompose": "last letters of six words: all smaller questions, word for word",
}


def _skills(skills: Mapping[str, Sequence[int]]) -> list[str]:
    """The skills of voting, revising and searching, each by one greedy reply."""
    if not skills:
        return []
    lines = ["", "| skill | n | share right |", "| --- " * 3 + "|"]
    for name, (right, n) in skills.items():
        low, high = wilson(right, n)
        lines.append(f"| {_SKILLS.get(name, name)} | {n} | {right / n:.2f} ({low:.2f}–{high:.2f}) |")
    return lines


def replace_measured(text: str, measured: str) -> str:
    """The card with other tables in the place of those it has."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{measured}\n{END}{after}"
