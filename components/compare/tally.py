"""What a lane came to, in numbers: answers and how often, right ones, and everything it spent.

Boundary: pure functions on traces. A run that ended at its allowance without an answer counts as not right; one that a
person stopped, or that failed, is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from components.answer_card import money
from components.wording import count, duration, plain, shorten
from playground import allowance, answers
from playground.answers import CheckerUnavailable
from playground.events import Usage
from playground.trace import Trace


@dataclass(frozen=True, slots=True)
class Counted:
    """Equal answers: as first written, how many runs gave them, and whether they are right where that is known."""

    text: str
    count: int
    correct: bool | None


@dataclass(frozen=True, slots=True)
class Tally:
    """A lane's runs together.

    Attributes:
        runs: those that have begun; `over` of them have ended.
        answers: most frequent first.
        marked: runs that count for right or wrong, `right` of them right.
        confidence: mean over the runs that have one, in [0, 1]; None where none has.
        passes: forward passes; None where a server ran one of them and does not say.
        seconds: their times added up.
        cost_usd: None where one of them has no known price.
    """

    runs: int
    over: int
    answers: tuple[Counted, ...]
    marked: int
    right: int
    confidence: float | None
    usage: Usage
    passes: int | None
    seconds: float
    cost_usd: float | None


def tally(traces: Sequence[Trace]) -> Tally:
    """The runs of a lane added up."""
    given = [t for t in traces if t.answered is not None and t.answered.text is not None]
    sure = [t.answered.confidence for t in given if t.answered and t.answered.confidence is not None]
    marks = [mark for t in traces if (mark := marked(t)) is not None]
    usage = Usage()
    for trace in traces:
        usage += trace.usage
    passes = [t.forward_passes for t in traces]
    costs = [t.cost_usd for t in traces if t.started]
    known = [cost for cost in costs if cost is not None]
    return Tally(
        len(traces),
        sum(not t.running for t in traces),
        pooled([(t.answered.text, t.correct) for t in given if t.answered and t.answered.text is not None]),
        len(marks),
        sum(marks),
        sum(sure) / len(sure) if sure else None,
        usage,
        None if None in passes else usage.forward_passes,
        sum(t.seconds for t in traces),
        sum(known) if len(known) == len(costs) else None,
    )


def marked(trace: Trace) -> bool | None:
    """Whether a run counts as right or as not right; None where it does not count."""
    if trace.correct is not None:
        return trace.correct
    has_gold = trace.started is not None and trace.started.gold is not None
    return False if has_gold and trace.stopped else None


def pooled(given: Sequence[tuple[str, bool | None]]) -> tuple[Counted, ...]:
    """Equal answers counted together, as self-consistency does it; each as it was first written."""
    first: dict[str, tuple[str, bool | None]] = {}
    for text, correct in given:
        first.setdefault(answers.normalise(text), (text, correct))
    return tuple(
        Counted(first[key][0], times, first[key][1]) for key, times in _pool(tuple(t for t, _ in given))
    )


@lru_cache(maxsize=256)
def _pool(texts: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """(normalised answer, how often), most frequent first."""
    try:
        return tuple((key, round(votes)) for key, votes in answers.pool(texts, [1.0] * len(texts)))
    except CheckerUnavailable:  # answers that are spelled alike are equal without it
        return tuple(Counter(key for text in texts if (key := answers.normalise(text))).most_common())


def spent(lane: Tally, budget: Mapping[str, Any] | None) -> str:
    """Who used what of the allowance: "480 of 500 tokens (96 %)"; empty without one."""
    if budget is None:
        return ""
    unit, amount = allowance.read(budget)
    used = allowance.used(unit, lane.usage, lane.seconds)
    number = f"{used:.2f}" if unit == "seconds" else f"{used:,.0f}"
    return f"{number} of {allowance.words(unit, amount)} ({100 * used / amount:.0f} %)"


def row(number: int, name: str, lane: Tally, budget: Mapping[str, Any] | None) -> dict[str, str]:
    """A lane as a row of the summary; texts are safe for markdown."""
    cells = {
        "Lane": f"**{number}** {plain(name, 60)}",
        "Answer": said(lane),
        "Right": right(lane),
        "Confidence": "" if lane.confidence is None else f"{lane.confidence:.3f}",
        "Calls": count(lane.usage.calls),
        "Tokens written": count(lane.usage.completion_tokens),
        "Forward passes": "unknown" if lane.passes is None else count(lane.passes),
        "Time": duration(lane.seconds),
        "Money": money(lane.cost_usd).replace("$", "\\$") if lane.runs else "",
    }
    if budget is not None:
        cells["Of its allowance"] = spent(lane, budget)
    return cells


def said(lane: Tally) -> str:
    """The answers and how often, in markdown."""
    if not lane.answers:
        return "no answer" if lane.runs and lane.over == lane.runs else ""
    shown = [plain(shorten(a.text, 24)) + (f" ×{a.count}" if lane.runs > 1 else "") for a in lane.answers[:3]]
    more = len(lane.answers) - len(shown)
    return ", ".join(shown) + (f" and {count(more, 'other')}" if more else "")


def right(lane: Tally) -> str:
    """Right or wrong, or how many of the runs were right."""
    if not lane.marked:
        return ""
    if lane.runs == 1:
        return "✓ right" if lane.right else ("✗ wrong" if lane.answers else "✗ no answer")
    return f"{lane.right} of {lane.marked}"
