"""A checked file into the store: what is new is written in one transaction, what is there already stays.

Boundary: decides which ids runs and sessions get; the store writes. A run whose id another run has gets one made from
what is in it, so that bringing the same file in twice finds it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from hashlib import blake2b

from playground.errors import BadInput
from playground.events import Record, RunStarted
from playground.exchange import form
from playground.exchange.events_in import PARENTS
from playground.exchange.form import Bundle, SharedRun, SharedSession, Timed
from playground.exchange.writing import log_of
from playground.store import Store
from playground.store.bringing import NewRun, NewSession

_KEPT_OF_AN_ID = 9
"""Characters of a run's id that say when it began."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was brought in.

    Attributes:
        sessions: ids, as they are in the store now.
        new: runs written.
        already_there: runs that the store had, with the same log or a longer one.
        renamed: those of `new` that got another id, because another run has theirs.
    """

    sessions: tuple[str, ...]
    new: int
    already_there: int
    renamed: int


def bring_in(store: Store, bundle: Bundle) -> Imported:
    """Write what the store does not have: everything, or after an error nothing.

    A session that is there already gets the runs it lacks and keeps the name, note and tags it has; a deleted one
    comes back.

    Raises:
        BadInput: runs are forks of each other in a circle.
        StoreError: the store cannot be written.
    """
    plan = _Plan(store, {run.id for session in bundle.sessions for run in session.runs})
    placed = {run.id: plan.place(run) for run in _parents_first(bundle)}
    sessions: dict[str, NewSession] = {}
    runs: list[NewRun] = []
    for session in bundle.sessions:
        new = [placed[run.id] for run in session.runs if placed[run.id].id not in plan.there]
        homes = [_home(store, session, plan)]
        if session.runs and not new:
            homes = [store.run(placed[run.id].id).session for run in session.runs]
        for home in homes:
            sessions[home] = NewSession(home, session.created, session.name, session.note, session.tags)
        runs += [_new_run(run, homes[0]) for run in new]
    store.bring_in(list(sessions.values()), runs)
    renamed = sum(old != new for old, new in plan.names.items() if new not in plan.there)
    return Imported(tuple(sessions), len(runs), len(placed) - len(runs), renamed)


def _parents_first(bundle: Bundle) -> list[SharedRun]:
    runs = {run.id: run for session in bundle.sessions for run in session.runs}
    graph = {id: {parent for parent in _parents(run) if parent in runs} for id, run in runs.items()}
    try:
        return [runs[id] for id in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise BadInput(
            f"The file cannot be brought in: the runs {', '.join(error.args[1])} are forks of each other in a circle.",
            "Export it again where it comes from.",
        ) from error


def _parents(run: SharedRun) -> list[str]:
    started = run.log[0][1]
    parent = started.parent if isinstance(started, RunStarted) else None
    return [parent[name] for name in PARENTS if name in parent] if parent else []


@dataclass(slots=True)
class _Plan:
    """Under which id each run will stand.

    Attributes:
        taken: ids that no run may be given, because one in the file has it.
        names: new ids by old ones, for every run placed so far.
        there: those of the new ids that are in the store already.
    """

    store: Store
    taken: set[str]
    names: dict[str, str] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)

    def place(self, run: SharedRun) -> SharedRun:
        """The run as it will stand; those it grew from have been placed."""
        log = _renamed(run.log, self.names)
        lines = [form.line(timed) for timed in log]
        id, tries = run.id, 0
        while (stored := self._stored(id)) is not None or (tries and id in self.taken):
            if stored is not None and stored[: len(lines)] == lines:
                self.there.add(id)
                break
            id, tries = _other_id(run.id, lines, tries), tries + 1
        self.names[run.id] = id
        self.taken.add(id)
        return SharedRun(id, run.created, log)

    def _stored(self, id: str) -> list[str] | None:
        """The log that the store has under this id."""
        try:
            run = self.store.run(id)
        except BadInput:
            return None
        return [form.line(timed) for timed in log_of(self.store, run)]


def _renamed(log: tuple[Timed, ...], names: Mapping[str, str]) -> tuple[Timed, ...]:
    """The log with the runs it grew from under their new ids."""
    time, started = log[0]
    if not isinstance(started, RunStarted) or not started.parent:
        return log
    parent = {
        name: names.get(value, value) if name in PARENTS else value for name, value in started.parent.items()
    }
    return ((time, replace(started, parent=parent)), *log[1:])


def _other_id(id: str, lines: list[str], tries: int) -> str:
    digest = blake2b("\n".join([*lines, str(tries)]).encode(), digest_size=4).hexdigest()
    return id[:_KEPT_OF_AN_ID] + digest


def _home(store: Store, session: SharedSession, plan: _Plan) -> str:
    """The id it will have: its own, that of its first run where it is named after a run that got another one, or one
    made from what is in it where another session has both."""
    if _created(store, session.id) == session.created:
        return session.id
    follows = plan.names.get(session.id, session.id)
    if _created(store, follows) in (None, session.created):
        return follows
    return _other_id(session.id, [form.dump([session.created, *(run.id for run in session.runs)])], 0)


def _created(store: Store, session: str) -> float | None:
    """When a session of the store began: with its id that tells it from any other. None if there is none."""
    try:
        return store.sessions.get(session).created
    except BadInput:
        return None


def _new_run(run: SharedRun, session: str) -> NewRun:
    records = [Record(run.id, i, time, event) for i, (time, event) in enumerate(run.log)]
    return NewRun(run.id, session, run.created, records)
