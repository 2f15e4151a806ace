"""Made-up searches for the tree picture, the same every time, and the script page that draws them in a browser."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from playground.events import (
    Answered,
    AnswerFound,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Record,
    RunFinished,
    RunStarted,
    Searched,
    TextAdded,
    TextEnded,
)
from playground.trace import Trace, fold
from tests.components.token_traces import HOSTILE, token

MOVES = ("13 − 4 = 9", "9 + 4 = 13", "10 / 2 = 5", "6 × 4 = 24", "8 − 2 = 6", "3 + 1 = 4")


def recorded(events: Sequence[Event], run: str = "search") -> list[Record]:
    return [Record(run, seq, 1000.0 + seq / 10, event) for seq, event in enumerate(events)]


def thought(node: str, parent: str, text: str, title: str = "") -> list[Event]:
    return [NodeOpened(node, parent, "thought", title), TextAdded(node, text), TextEnded(node, "stop")]


def hand_search() -> list[Event]:
    """Small enough to compute by hand; c = 1.

    Round 1: q is expanded to a and b; a is tried first and gets 1. Round 2: b, unvisited, gets 0.5. Round 3: a again
    (UCT of a 1 + √ln 2, of b 0.5 + √ln 2): expanded to a/x and a/y; a/x gets 0. Then q has been visited 3 times with a
    total of 1.5, a 2 with 1, b 1 with 0.5, a/x 1 with 0. The fourth walk, were there one, takes b for c above 0 (0.5 +
    √ln 3 is more than 0.5 + √(ln 3 / 2)) and, at c = 0, where both have 0.5, a, the first, and there the unvisited a/y.
    """
    return [
        RunStarted("Make 24", "mcts", "scripted", {"exploration": 1.0}, 0),
        NodeOpened("q", None, "question", "Make 24"),
        Searched("q", 1, "select"),
        *thought("q/a", "q", "first way"),
        *thought("q/b", "q", "second way"),
        Searched("q", 1, "expand"),
        Searched("q/a", 1, "simulate", 1.0),
        Searched("q/a", 1, "back up", 1.0),
        Searched("q/b", 2, "select"),
        Searched("q/b", 2, "simulate", 0.5),
        Searched("q/b", 2, "back up", 0.5),
        Searched("q/a", 3, "select"),
        *thought("q/a/x", "q/a", "left turn"),
        *thought("q/a/y", "q/a", "right turn"),
        Searched("q/a", 3, "expand"),
        Searched("q/a/x", 3, "simulate", 0.0),
        Searched("q/a/x", 3, "back up", 0.0),
        NodeScored("q/a/x", "PRM", 0.25, "probability that the step is right"),
        NodeClosed("q/a/x", "pruned", "24 can no longer be reached"),
        AnswerFound("q/b", "24", "24", 0, 2),
        NodeClosed("q/b", "chosen"),
        Answered("24", "q/b"),
        RunFinished(),
    ]


def search(nodes: int, *, c: float = 1.4, wide: int = 4, seed: int = 1, finished: bool = True) -> list[Event]:
    """A search that opens about `nodes` nodes: UCT all the way down, `wide` children at each expansion."""
    random_ = random.Random(seed)
    children: dict[str, list[str]] = {"q": []}
    visits: dict[str, int] = {"q": 0}
    totals: dict[str, float] = {"q": 0.0}
    worth: dict[str, float] = {"q": 0.5}
    events: list[Event] = [
        RunStarted("Make 24 out of 4, 9, 10 and 13", "mcts", "scripted", {"exploration": c}, 0),
        NodeOpened("q", None, "question", "Make 24 out of 4, 9, 10 and 13"),
    ]

    def uct(parent: str, node: str) -> float:
        if not visits[node]:
            return math.inf
        return totals[node] / visits[node] + c * math.sqrt(math.log(visits[parent]) / visits[node])

    number = 0
    while len(children) < nodes:
        number += 1
        node, path = "q", ["q"]
        while children[node]:
            parent = node
            node = max(children[parent], key=lambda child: uct(parent, child))
            path.append(node)
        events.append(Searched(node, number, "select"))
        if visits[node] or node == "q":
            for i in range(wide):
                child = f"{node}/{i + 1}"
                worth[child] = min(1.0, max(0.0, worth[node] + random_.uniform(-0.35, 0.35)))
                children[child], visits[child], totals[child] = [], 0, 0.0
                children[node].append(child)
                events += thought(child, node, f"{random_.choice(MOVES)} (left: {len(path)}, {i + 3}, 10)")
                events.append(
                    NodeScored(child, "PRM", round(worth[child], 3), "probability that it is right")
                )
            events.append(Searched(node, number, "expand"))
            node = children[node][0]
            path.append(node)
        value = round(min(1.0, max(0.0, worth[node] + random_.uniform(-0.2, 0.2))), 3)
        events += [Searched(node, number, "simulate", value), Searched(node, number, "back up", value)]
        for above in path:
            visits[above] += 1
            totals[above] += value
    if finished:
        best = max(
            (node for node in children if visits[node] and not children[node]), key=lambda n: totals[n]
        )
        events += [AnswerFound(best, "24", "24", 0, 2), NodeClosed(best, "chosen"), Answered("24", best)]
        events.append(RunFinished())
    return events


def beam() -> list[Event]:
    """No visits: two levels of thoughts with scores, votes below each, most of them pruned."""
    events: list[Event] = [
        RunStarted("Make 24", "tot", "scripted", {}, 0),
        NodeOpened("q", None, "question", "Make 24"),
    ]
    for i in range(5):
        node = f"q/{i}"
        events += thought(node, "q", MOVES[i], f"step {i + 1}")
        for vote in range(3):
            events += [
                NodeOpened(f"{node}/v{vote}", node, "vote", "vote"),
                TextAdded(f"{node}/v{vote}", "sure"),
            ]
        events.append(NodeScored(node, "value", 20.0 * i, "sum of three votes"))
        events.append(NodeScored(node, "logprob", -0.5 * i, "mean log-probability per token, nats"))
    events += [NodeClosed(f"q/{i}", "pruned", f"value {20 * i} is not among the best 2") for i in range(3)]
    events += [NodeClosed("q/3", "kept"), NodeOpened("q/4/end", "q/4", "answer", "answer")]
    events += [token("q/4/end", i, f" w{i}") for i in range(120)]
    events += [AnswerFound("q/4/end", "24", "24", 1, 3), NodeClosed("q/4/end", "chosen")]
    return [*events, Answered("24", "q/4/end"), RunFinished()]


def wide(branches: int = 90) -> list[Event]:
    events: list[Event] = [
        RunStarted("?", "self-consistency", "m", {}, 0),
        NodeOpened("q", None, "question", "?"),
    ]
    for i in range(branches):
        events += [NodeOpened(f"q/{i}", "q", "branch", f"sample {i + 1}"), TextAdded(f"q/{i}", f"It is {i}.")]
    return [*events, Answered("80", "q/80"), RunFinished()]


def hostile() -> list[Event]:
    node = "q/odd"
    return [
        RunStarted(HOSTILE, HOSTILE, HOSTILE, {}, 0),
        NodeOpened("q", None, "question", HOSTILE),
        *thought(node, "q", HOSTILE + "\ud800", HOSTILE),
        NodeScored(node, HOSTILE, 0.5, HOSTILE),
        NodeScored(node, "broken", math.nan),
        AnswerFound(node, HOSTILE, HOSTILE, 0, 5),
        NodeClosed(node, "pruned", HOSTILE),
        RunFinished(),
    ]


def made(events: Sequence[Event], upto: int | None = None) -> tuple[Trace, list[Record]]:
    """The trace of the first `upto` events, and the records of them all."""
    records = recorded(events)
    return fold(records[:upto]), records
