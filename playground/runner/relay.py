"""Runs that follow each other: the repeats of a lane of a comparison, which share one allowance.

Boundary: starts runs on a `Runner` and waits for each; draws nothing. It belongs to the process, not to a page, so a
comparison goes on while nobody looks. Which lane a run belongs to is said in its `parent`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from playground import allowance
from playground.errors import PlaygroundError
from playground.events import Usage
from playground.execute import RunSpec
from playground.runner import Runner

logger = logging.getLogger(__name__)

LEAST_SECONDS = 0.01
"""Below this, what is left of an allowance of seconds is nothing."""


@dataclass(slots=True)
class Relay:
    """One lane on its way, written by its own thread and read by any.

    Attributes:
        run_ids: the runs begun, in order; the last one may be going.
        over: no further run will begin.
        problem: why the next one could not begin.
    """

    run_ids: list[str] = field(default_factory=list)
    over: bool = False
    problem: PlaygroundError | None = None
    _stopped: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def stop(self, runner: Runner) -> None:
        """Stop the run that goes, and begin no other."""
        with self._guard:
            self._stopped, self.over = True, True
            last = self.run_ids[-1:]
        for run_id in last:
            runner.cancel(run_id)

    def begin(self, start: Callable[[], str]) -> str | None:
        """Begin one more run, unless it was stopped; returns its id."""
        with self._guard:  # a stop comes before the run or finds it in the list
            if self._stopped:
                return None
            try:
                run_id = start()
            except PlaygroundError as error:
                self.problem = error
                return None
            self.run_ids.append(run_id)
            return run_id


class Relays:
    """All relays of a process, by session and lane. Safe to use from any thread."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._relays: dict[tuple[str, int], Relay] = {}
        self._guard = threading.Lock()

    def start(self, session: str, lane: int, specs: Sequence[RunSpec]) -> Relay:
        """Begin the first run of a lane now and each next one when the one before is over.

        The budget of the first is that of all together: each run may spend what those before it left. A lane that
        still goes is stopped first.

        Raises:
            PlaygroundError: the first run cannot begin.
        """
        self.stop(session, lane)
        relay = Relay()
        first = relay.begin(lambda: self._runner.start(specs[0], session))
        if first is None:
            raise relay.problem or PlaygroundError("The lane was stopped.")
        with self._guard:
            for key in [key for key, old in self._relays.items() if old.over]:
                del self._relays[key]
            self._relays[session, lane] = relay
        # Its thread works for whom this one does: the visitor's keys come along.
        go_on = partial(copy_context().run, self._go_on, relay, session, first, list(specs))
        threading.Thread(target=go_on, name=f"lane {lane}", daemon=True).start()
        return relay

    def find(self, session: str, lane: int) -> Relay | None:
        """The lane's relay; None once it was forgotten, or where another process had it."""
        with self._guard:
            return self._relays.get((session, lane))

    def stop(self, session: str, lane: int) -> None:
        """Stop a lane; nothing happens if it does not go."""
        if (relay := self.find(session, lane)) and not relay.over:
            relay.stop(self._runner)

    def _go_on(self, relay: Relay, session: str, run_id: str, specs: list[RunSpec]) -> None:
        left = specs[0].budget
        try:
            for spec in specs[1:]:
                if self._runner.wait(run_id) != "finished":
                    break  # failed, stopped by hand, or its allowance is used up
                left = self._left(run_id, left)
                if left == {}:
                    break
                following = replace(spec, budget=left)
                begun = relay.begin(lambda spec=following: self._runner.start(spec, session))  # type: ignore[misc]
                if begun is None:
                    break
                run_id = begun
        except PlaygroundError as error:
            logger.exception("A lane could not go on")
            relay.problem = error
        finally:
            relay.over = True

    def _left(self, run_id: str, budget: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """What a run left of its budget; empty where that is nothing."""
        if budget is None:
            return None
        unit, amount = allowance.read(budget)
        usage, records = Usage(), self._runner.records(run_id)
        for record in records:
            if record.event.kind == "spent":
                usage += record.event.usage
        seconds = records[-1].time - records[0].time if records else 0.0
        left = amount - allowance.used(unit, usage, seconds)
        least = LEAST_SECONDS if unit == "seconds" else 1
        return {unit: left} if left >= least else {}
