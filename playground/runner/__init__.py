"""Runs in the background: start, watch, cancel; saved while they happen; they outlive the page that started them.

Boundary: gives every event its place in its run, keeps what is fresh in memory and hands all of it to the store.
Knows no algorithm and no screen. One `Runner` serves all visitors of a process.

- `EngineProcess` works on runs in a process of its own: for the pages.
- `InThread` works on them in this one: for the command line and tests.
"""

from __future__ import annotations

import atexit
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from playground import strategies
from playground.engine import Backend, InThread, Timed
from playground.errors import PlaygroundError, StoreError
from playground.events import Record, RunCancelled, RunEnd, RunFailed, RunStarted, Warned
from playground.execute import FindStrategy, RunSpec, check
from playground.runner.process import EngineProcess
from playground.settings import settings
from playground.store import Store
from playground.trace import RunStatus

__all__ = ["Backend", "EngineProcess", "InThread", "RunSpec", "Runner", "default_backend"]

POLL = 0.5
"""Seconds between looks at a run that another process works on."""

_STATUS: dict[str, RunStatus] = {
    "run_started": "running",
    "run_finished": "finished",
    "run_failed": "failed",
    "run_cancelled": "cancelled",
}
_ACTIVE: tuple[RunStatus, ...] = ("waiting", "running")


@dataclass(slots=True)
class _Run:
    """A run in memory; everything in it is guarded by `changed`.

    Attributes:
        records: `seq` is the place in this list.
        held: warnings that came before the run began.
        over: its last event has come, though it may not be among the records yet.
    """

    id: str
    spec: RunSpec
    started: RunStarted
    records: list[Record] = field(default_factory=list)
    held: list[Warned] = field(default_factory=list)
    over: bool = False
    status: RunStatus = "waiting"
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def active(self) -> bool:
        return self.status in _ACTIVE


class Runner:
    """All runs of this process, and through the store those before it. Safe to use from any thread.

    Args:
        store: where runs are saved; the runner closes it.
        backend: what works on them; the runner closes it too.
        clock: Unix seconds.
        new_id: gives run ids; they must sort by time.
        keep: ended runs kept in memory.
    """

    def __init__(
        self,
        store: Store,
        backend: Backend,
        *,
        find_strategy: FindStrategy = strategies.get,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] | None = None,
        keep: int = 32,
    ) -> None:
        self.store = store
        self._backend = backend
        self._find_strategy = find_strategy
        self._clock = clock
        self._new_id = new_id or run_ids(clock)
        self._keep = keep
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._guard = threading.Lock()
        backend.open(self._take)
        atexit.register(self.close)

    def new_session(self, name: str = "") -> str:
        """Make a session that runs can be started in (a comparison); returns its id.

        Raises:
            BadInput: the name is too long.
            StoreError: it cannot be written.
        """
        session = self._new_id()
        self.store.sessions.create(session, name)
        return session

    def start(self, spec: RunSpec, session: str | None = None) -> str:
        """Begin a run in the background; returns its id, which is short, fit for an address and sorts by time.

        `session` is the one it belongs to; None for that of the run it grew from, or else one of its own.

        Raises:
            BadInput: what is wrong with `spec`, as far as it shows without its model; no run is made then.
                What goes wrong later is in the run's own events.
        """
        _, params = check(spec, self._find_strategy)
        started = spec.started(params.model_dump(mode="json"))
        run = _Run(self._new_id(), spec, started)
        with self._guard:
            self._runs[run.id] = run
        self.store.create_run(run.id, started, lambda error: self._not_saved(run, error), session=session)
        try:
            self._backend.start(run.id, spec)
        except PlaygroundError as error:
            failure = RunFailed(type(error).__name__, error.message, error.hint, error.retryable)
            self._take(run.id, [(self._clock(), failure)])
        return run.id

    def cancel(self, run_id: str) -> None:
        """Stop a run: at once if it has not begun, else after its next event. Nothing happens if it is over."""
        run = self._find(run_id)
        if run is None:
            return
        self._backend.cancel(run_id)
        with run.changed:
            begun = bool(run.records)
        if not begun:
            self._take(run_id, [(self._clock(), RunCancelled())])

    def status(self, run_id: str) -> RunStatus:
        """How the run stands: "waiting" until it is its turn and its model is loaded.

        Raises:
            BadInput: there is no such run.
            StoreError: it is not in memory and the store cannot be read.
        """
        run = self._find(run_id)
        return run.status if run else self.store.run(run_id).status

    def records(self, run_id: str, after: int = -1) -> list[Record]:
        """The run's events so far whose `seq` is above `after`, in order; from memory, or else from the store.

        Raises:
            BadInput: there is no such run.
            StoreError: it is not in memory and cannot be read.
        """
        if run := self._find(run_id):
            with run.changed:
                return run.records[max(0, after + 1) :]
        records = self.store.records(run_id, after)
        if not records:
            self.store.run(run_id)
        return records

    def watch(self, run_id: str) -> Iterator[Record]:
        """Every event of the run once and in order, waiting for new ones until the run is over.

        Raises:
            BadInput, StoreError: as `records`.
        """
        seen = -1
        while True:
            status = self.status(run_id)  # asked first: what comes before the end is then among the records
            for record in self.records(run_id, after=seen):
                seen = record.seq
                yield record
            if status not in _ACTIVE:
                return
            self._wait_for_news(run_id, seen, POLL)

    def wait(self, run_id: str, timeout: float | None = None) -> RunStatus:
        """Wait until the run is over, at most `timeout` seconds; returns how it stands then.

        Raises:
            BadInput, StoreError: as `status`.
        """
        give_up = None if timeout is None else time.monotonic() + timeout
        while (status := self.status(run_id)) in _ACTIVE:
            left = POLL if give_up is None else min(POLL, give_up - time.monotonic())
            if left <= 0:
                break
            self._wait_for_news(run_id, None, left)
        return status

    def call(self, method: str, **params: Any) -> Any:
        """Ask the engine for something that is no run, and wait: one of `playground.methods.METHODS`, such as
        `load(model)` or `look(model, at, top=20)`.

        Raises:
            PlaygroundError: what went wrong there; EngineError when the engine itself did.
        """
        return self._backend.call(method, **params)

    def warm(self, model: str) -> None:
        """Start the engine and load a model; returns when it is there, so call it on a thread of its own.

        Raises:
            PlaygroundError: the model cannot be loaded.
        """
        self.call("load", model=model)

    def close(self) -> None:
        """Cancel what runs, let go of the engine and save the rest. The runner is of no use afterwards."""
        atexit.unregister(self.close)
        with self._guard:
            active = [run for run in self._runs.values() if run.active]
        for run in active:
            self.cancel(run.id)
        give_up = time.monotonic() + 2.0
        for run in active:
            with run.changed:
                run.changed.wait_for(partial(getattr, run, "over"), max(0.0, give_up - time.monotonic()))
            self._take(run.id, [(self._clock(), RunCancelled())])
        self._backend.close()
        self.store.flush()
        self.store.close()

    def _find(self, run_id: str) -> _Run | None:
        with self._guard:
            if run_id in self._runs:
                self._runs.move_to_end(run_id)
            return self._runs.get(run_id)

    def _wait_for_news(self, run_id: str, seen: int | None, timeout: float) -> None:
        """Until there are records after `seen` (if given) or the run is over."""
        run = self._find(run_id)
        if run is None:
            time.sleep(timeout)
            return
        with run.changed:
            run.changed.wait_for(
                lambda: not run.active or (seen is not None and len(run.records) > seen + 1), timeout
            )

    def _take(self, run_id: str, events: Sequence[Timed]) -> None:
        """The next events of a run, from the backend. Those that come after its end are dropped.

        The end itself appears only once the rest is saved, or a warning says that it is not.
        """
        with self._guard:
            run = self._runs.get(run_id)
        if run is None:
            return
        with run.changed:
            if run.over:
                return
            if not run.records:
                self._begin(run, events[0])
                events = events[isinstance(events[0][1], RunStarted) :]
            self._publish(run, [timed for timed in events if not isinstance(timed[1], RunEnd)])
            for timed in events:
                if isinstance(timed[1], RunEnd):
                    run.over = True
                    self.store.settle(partial(self._end, run, timed))

    def _begin(self, run: _Run, first: Timed) -> None:
        """Every log opens with the run's configuration, even that of a run which failed before it began."""
        at, event = first
        opening = event if isinstance(event, RunStarted) else run.started
        self._publish(run, [(at, opening), *((at, warning) for warning in run.held)])

    def _end(self, run: _Run, end: Timed) -> None:
        with run.changed:
            self._publish(run, [end])
        with self._guard:
            ended = [other for other in self._runs.values() if not other.active]
            for other in ended[: max(0, len(ended) - self._keep)]:
                del self._runs[other.id]

    def _publish(self, run: _Run, events: Sequence[Timed]) -> None:
        """Stamp events, keep them, save them, tell who waits. `run.changed` is held."""
        first = len(run.records)
        records = [Record(run.id, first + i, at, event) for i, (at, event) in enumerate(events)]
        for record in records:
            run.status = _STATUS.get(record.event.kind, run.status)
        run.records += records
        self.store.append(run.id, records)
        run.changed.notify_all()

    def _not_saved(self, run: _Run, error: StoreError) -> None:
        warning = Warned(f"This run is not being saved. {error}")
        with run.changed:
            if run.records:
                self._publish(run, [(self._clock(), warning)])
            else:
                run.held.append(warning)


def run_ids(clock: Callable[[], float]) -> Callable[[], str]:
    """Makes ids of 12 characters: milliseconds, one more each time at least, and 15 random bits."""
    guard, last = threading.Lock(), 0

    def new() -> str:
        nonlocal last
        with guard:
            last = max(last + 1, int(clock() * 1000))
            value = last << 15 | secrets.randbits(15)
        return "".join(_LETTERS[value >> shift & 31] for shift in range(55, -1, -5))

    return new


_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def default_backend() -> Backend:
    """A process of its own for the models, or this one where PLAYGROUND_ENGINE is off."""
    if settings().engine:
        return EngineProcess()
    from playground.models import catalog

    return InThread(catalog.load)
