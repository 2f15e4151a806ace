"""Hand-made runs for the token picture, and the script page that draws them in a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from playground.events import (
    Alternative,
    Answered,
    AnswerFound,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Record,
    RunFinished,
    RunStarted,
    TextAdded,
    TextEnded,
    TokenAdded,
)
from playground.trace import Node, Trace, fold

HOSTILE = '<img src=x onerror="window.hacked=true">'
RTL = "שלום\u202e abc"


def token(node: str, id: int, text: str, p: float = 0.99, **other: object) -> TokenAdded:
    """A token and ten alternatives: itself at `p`, then nine that halve what is left."""
    rest, alternatives = 1.0 - p, [Alternative(id, text, math.log(p))]
    for n in range(9):
        rest /= 2
        alternatives.append(Alternative(900 + n, f" other{n}", math.log(max(rest, 1e-12))))
    values = {
        "logprob": math.log(p),
        "entropy": 1.5 * (1 - p),
        "margin": max(0.0, p - (1 - p) / 2),
        "chosen": "greedy",
    }
    return TokenAdded(node, id, text, **{**values, "alternatives": tuple(alternatives), **other})  # type: ignore[arg-type]


def start(strategy: str = "cot-decoding") -> list[Event]:
    return [RunStarted("How many?", strategy, "scripted", {}, 0), NodeOpened("q", None, "question")]


def branch(name: str, tokens: Sequence[tuple[int, str, float]], first: str = "greedy") -> list[Event]:
    node = f"q/{name}"
    written = [
        token(node, id, text, p, chosen="forced" if i == 0 and first == "forced" else "greedy")
        for i, (id, text, p) in enumerate(tokens)
    ]
    return [NodeOpened(node, "q", "branch", name), *written, TextEnded(node, "stop")]


def answer(name: str, canonical: str, first: int, last: int, delta: float | None = None) -> list[Event]:
    node = f"q/{name}"
    events: list[Event] = [AnswerFound(node, canonical, canonical, 0, len(canonical), first, last)]
    if delta is not None:
        events += [NodeScored(node, "delta", delta), NodeScored(node, "sequence delta", 0.5)]
    return events


def three_branches() -> list[Event]:
    """a: "So it is 3.", Δ .9; b: "So it was 3.", Δ .8 (shares two tokens with a); c: "7", Δ .2, opened first."""
    return [
        *start(),
        *branch("c", [(7, "7", 0.4), (5, ".", 0.9)], "forced"),
        *branch(
            "b",
            [(1, "So", 0.3), (2, " it", 0.99), (9, " was", 0.5), (4, " 3", 0.95), (5, ".", 0.99)],
            "forced",
        ),
        *branch(
            "a",
            [(1, "So", 0.3), (2, " it", 0.99), (3, " is", 0.6), (4, " 3", 0.999), (5, ".", 0.99)],
            "forced",
        ),
        *answer("c", "7", 0, 1, 0.2),
        *answer("b", "3", 3, 4, 0.8),
        *answer("a", "3", 3, 4, 0.9),
        NodeClosed("q/a", "chosen"),
        NodeClosed("q/b", "kept"),
        NodeClosed("q/c", "kept"),
        Answered("3", "q/a"),
        RunFinished(),
    ]


def odd_texts() -> list[Event]:
    """Markup, right-to-left text with an override, a character in three byte tokens, line ends, a tab, accents."""
    euro = "€".encode()
    node = "q/odd"
    parts = [HOSTILE, RTL, "\n", "\tx", "  "]
    split = [
        token(node, 50 + i, "", 0.9, hex=euro[i : i + 1].hex(), alternatives=(Alternative(50 + i, "", -0.1),))
        for i in range(3)
    ]
    return [
        *start(),
        NodeOpened(node, "q", "branch", HOSTILE),
        *(token(node, i, text) for i, text in enumerate(parts)),
        *split,
        token(node, 60, "end"),
        token(
            node,
            61,
            "e\u0301",
            0.5,
            alternatives=(
                Alternative(61, "e\u0301", -0.7),
                Alternative(62, "\u0301", -1.5),
                Alternative(63, "\\xe2\\x98", -2.0),
            ),
        ),
        AnswerFound(node, HOSTILE, HOSTILE, 0, len(HOSTILE), 0, 1),
        TextEnded(node, "stop"),
        RunFinished(),
    ]


def text_only() -> list[Event]:
    """Two replies of a backend that gives no tokens."""
    events = start("self-consistency")
    for name, said in (("one", "It is 12."), ("two", "I think 13.")):
        node = f"q/{name}"
        at = said.index("1")
        events += [
            NodeOpened(node, "q", "branch", name),
            TextAdded(node, said[:3]),
            TextAdded(node, said[3:]),
            AnswerFound(node, said[at : at + 2], said[at : at + 2], at, at + 2),
            TextEnded(node, "stop"),
        ]
    return [*events, RunFinished()]


def growing(length: int, branches: int = 3) -> list[Event]:
    """Branches of `length` tokens, still being written."""
    events = start()
    for b in range(branches):
        node = f"q/grow-{b}"
        events.append(NodeOpened(node, "q", "branch"))
        events += [token(node, 100 * b + i, f" w{i}", 0.5 if i % 7 == 3 else 0.98) for i in range(length)]
    return events


def long(branches: int = 10, length: int = 250) -> list[Event]:
    events = growing(length, branches)
    events += [TextEnded(f"q/grow-{b}", "length") for b in range(branches)]
    return [*events, RunFinished()]


# Entropy and varentropy of a token in each quadrant, by the thresholds as they are.
IN_QUADRANT = {
    "sure": (0.05, 0.02), "torn": (4.0, 0.05), "leaning": (1.5, 9.0), "lost": (6.0, 12.0), "between": (1.0, 1.0),
}  # fmt: skip


def all_quadrants(**params: float) -> list[Event]:
    """One branch with a token in each, named after it, then one whose varentropy is not known."""
    written = [
        token("q/a", i, f" {name}", 0.6, entropy=entropy, varentropy=varentropy)
        for i, (name, (entropy, varentropy)) in enumerate(IN_QUADRANT.items())
    ]
    begun = RunStarted("How many?", "entropy-decoding", "scripted", params, 0)
    opened = [begun, NodeOpened("q", None, "question"), NodeOpened("q/a", "q", "branch", "a")]
    return [*opened, *written, token("q/a", 9, " unknown", 0.6), TextEnded("q/a", "stop"), RunFinished()]


def recorded(run: str, events: Sequence[Event]) -> Trace:
    """The trace of events that a runner stamped."""
    return fold(Record(run, seq, 1000.0 + seq, event) for seq, event in enumerate(events))


def forked(run: str, source: Node, index: int, alternative: int, more: int = 5) -> Trace:
    """A run that leaves `source` at token `index` with one of its alternatives, `more` tokens on its way; the fifth
    after it is its answer, "3"."""
    node = "q/fork"
    begin = [replace(t, node=node) for t in source.tokens[:index]]
    other = source.tokens[index].alternatives[alternative]
    after = [token(node, other.id, other.text, math.exp(other.logprob), chosen="forced")]
    after += [token(node, 300 + n, f" f{n}", 0.9 - n / 10) for n in range(3)]
    after.append(token(node, 4, " 3", 0.7))
    events: list[Event] = [*start("fork"), NodeOpened(node, "q", "branch", "fork"), *begin, *after[:more]]
    if more >= 5:
        events += [TextEnded(node, "stop"), AnswerFound(node, "3", "3", 0, 1, index + 4, index + 5)]
        events += [NodeScored(node, "delta", 0.55), NodeScored(node, "sequence delta", 0.6)]
        events += [NodeClosed(node, "chosen"), Answered("3", node), RunFinished()]
    return recorded(run, events)
