"""An allowance: so many tokens, calls or seconds for a run, counted from what its events say it spent.

Boundary: events in, "this one would go beyond" out; stops nothing itself and reads no clock of its own.

What is used up ends only at the next piece of work: the answer, the scores and the marks of what is already written
cost nothing and still come. So a run that needs exactly its allowance finishes. Tokens are counted step by step: a step
of a batch is not split, so a run may go over by what one step of its branches writes. Calls are counted as their first
tokens come: of ten samples asked for at once, an allowance of four lets four begin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from playground.errors import BadInput
from playground.events import CallStarted, Event, Spent, TextAdded, TokenAdded, Usage

Unit = Literal["tokens", "calls", "seconds"]
UNITS: tuple[Unit, ...] = get_args(Unit)
MOST = 1_000_000_000
_NAMES: dict[str, tuple[str, str]] = {
    "tokens": ("token", "tokens"),
    "calls": ("call", "calls"),
    "seconds": ("second", "seconds"),
}


def read(budget: Mapping[str, Any]) -> tuple[Unit, float]:
    """The unit and the amount of {"tokens": 500}, {"calls": 5} or {"seconds": 2.5}.

    Raises:
        BadInput: it is not exactly one of these, or not a positive number; tokens and calls are whole ones.
    """
    given = [unit for unit in UNITS if unit in budget]
    if len(given) != 1 or len(budget) != 1:
        raise BadInput(
            "A budget is one of tokens, calls or seconds.", 'Give one of them, such as {"tokens": 500}.'
        )
    [unit] = given
    amount = budget[unit]
    number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if not number or not 0 < amount <= MOST or (unit != "seconds" and amount != math.floor(amount)):
        whole = "" if unit == "seconds" else " whole"
        raise BadInput(
            f"A budget of {amount!r} {unit} cannot be used.", f"Choose a{whole} number from 1 to {MOST:,}."
        )
    return unit, amount


def words(unit: str, amount: float) -> str:
    """An amount with its unit: "500 tokens", "1 call", "2.5 seconds"."""
    one, many = _NAMES[unit]
    shown = f"{amount:,.2f}".rstrip("0").rstrip(".") if unit == "seconds" else f"{round(amount):,}"
    return f"{shown} {one if shown == '1' else many}"


def used(unit: str, usage: Usage, seconds: float) -> float:
    """How much of a unit has been spent: tokens are those written, seconds those of the wall clock."""
    match unit:
        case "tokens":
            return usage.completion_tokens
        case "calls":
            return usage.calls
    return seconds


class Allowance:
    """What a run may spend, and what it has.

    Args:
        budget: as `read` takes it; None allows everything.
        clock: seconds, rising; counting begins now.
    """

    def __init__(self, budget: Mapping[str, Any] | None, clock: Callable[[], float]) -> None:
        self._limit = None if budget is None else read(budget)
        self._clock = clock
        self._began = clock()
        self._usage = Usage()
        self._nodes: set[str] = set()
        self._unbilled = 0

    @property
    def reason(self) -> str:
        """Why a run that is refused anything ends, as a person reads it."""
        return "" if self._limit is None else f"its allowance of {words(*self._limit)} is used up"

    @property
    def unbilled(self) -> Usage:
        """What was written since the last `Spent`: in the middle of a step it has not been told yet."""
        calls = max(0, len(self._nodes) - self._usage.calls)
        return Usage(calls=calls if self._unbilled else 0, completion_tokens=self._unbilled)

    def refuses(self, event: Event) -> bool:
        """Whether `event` is work beyond the allowance; else it is counted."""
        if self._limit is not None and self._beyond(*self._limit, event):
            return True
        match event:
            case Spent():
                self._usage += event.usage
                self._unbilled = 0
            case TokenAdded():
                self._nodes.add(event.node)
                self._unbilled += 1
            case TextAdded():
                self._nodes.add(event.node)
        return False

    def _beyond(self, unit: Unit, limit: float, event: Event) -> bool:
        if not isinstance(event, TokenAdded | TextAdded | CallStarted):
            return False
        if unit != "calls":
            return used(unit, self._usage, self._clock() - self._began) >= limit
        if isinstance(event, CallStarted):
            return max(self._usage.calls, len(self._nodes)) >= limit
        # The last call that is allowed goes on to its end.
        return max(self._usage.calls, len(self._nodes | {event.node})) > limit
