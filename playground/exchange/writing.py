"""Sessions as the versioned JSON: one line an event, the same bytes for the same sessions.

Boundary: from the store to bytes, holding one session's events at a time; `reading` goes the other way. No file is made
that it would refuse as too large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from playground.errors import BadInput
from playground.events import RunStarted
from playground.exchange import form
from playground.exchange.form import Bundle, SharedRun, SharedSession, Timed
from playground.store import SavedRun, Store

_BEGIN = f'{{"format":{form.dump(form.FORMAT)},"version":{form.VERSION},"sessions":['.encode("ascii")
_END = b"\n]}\n"


def to_json(store: Store, session_ids: Sequence[str]) -> bytes:
    """These sessions with their notes, tags, runs and forks; `read_json` and `bring_in` bring them back.

    Raises:
        BadInput: there is no such session, or they are too many to be brought in again from one file.
        StoreError: the store cannot be read, or a run in it is damaged.
    """
    return _one_file(_sessions(store, session_ids))


def in_files(store: Store, session_ids: Sequence[str]) -> Iterator[bytes]:
    """The same as one file, or as several where one would be too large; each can be brought in by itself.

    Raises:
        BadInput: there is no such session, or one alone is too large.
        StoreError: as `to_json`.
    """
    file = _File()
    for session in _sessions(store, session_ids):
        text = _text(session)
        if file.parts and not file.takes(text, session):
            yield file.done()
            file = _File()
        if not file.takes(text, session):
            raise BadInput(
                f"Session {session.id} alone makes a file {_too_large()}.",
                "Look at it in the playground, or export its summary as CSV.",
            )
        file.add(text, session)
    yield file.done()


def written(bundle: Bundle) -> bytes:
    """A bundle as bytes; raises BadInput when they are more than may be read again."""
    return _one_file(bundle.sessions)


def log_of(store: Store, run: SavedRun) -> tuple[Timed, ...]:
    """A run's log. One that never began has only its configuration to tell."""
    records = store.records(run.id)
    if records:
        return tuple((record.time, record.event) for record in records)
    opening = RunStarted(
        run.question, run.strategy, run.model, run.params, run.seed, run.gold, run.family,
        parent=run.parent, versions=run.versions,
    )  # fmt: skip
    return ((run.created, opening),)


def _sessions(store: Store, ids: Sequence[str]) -> Iterator[SharedSession]:
    """What the store has of these sessions, in the order they are named."""
    for id in dict.fromkeys(ids):
        session = store.sessions.get(id)
        runs = tuple(SharedRun(run.id, run.created, log_of(store, run)) for run in store.runs_in(id))
        name = session.name if session.named else None
        yield SharedSession(id, session.created, name, session.note, session.tags, runs)


def _one_file(sessions: Iterable[SharedSession]) -> bytes:
    file = _File()
    for session in sessions:
        text = _text(session)
        if not file.takes(text, session):
            raise BadInput(
                f"These sessions make a file {_too_large()}.",
                "Export fewer sessions at a time, or all as several files: python -m playground sessions export --all "
                "-o all.json.",
            )
        file.add(text, session)
    return file.done()


def _too_large() -> str:
    return (
        f"of more than {form.MOST_BYTES >> 20} MB, {form.MOST_SESSIONS:,} sessions or {form.MOST_RUNS:,} runs, which "
        "is too large to be brought in again"
    )


@dataclass(slots=True)
class _File:
    """A file as it grows, within what may be read again."""

    parts: list[bytes] = field(default_factory=list)
    size: int = len(_BEGIN) + len(_END)
    runs: int = 0

    def takes(self, text: bytes, session: SharedSession) -> bool:
        return (
            self.size + len(text) + 1 <= form.MOST_BYTES
            and len(self.parts) < form.MOST_SESSIONS
            and self.runs + len(session.runs) <= form.MOST_RUNS
        )

    def add(self, text: bytes, session: SharedSession) -> None:
        self.parts.append(text)
        self.size += len(text) + 1  # with the comma before it
        self.runs += len(session.runs)

    def done(self) -> bytes:
        return b"".join((_BEGIN, b",".join(self.parts), _END))


def _text(session: SharedSession) -> bytes:
    return "".join(_pieces(session)).encode("ascii")


def _pieces(session: SharedSession) -> Iterator[str]:
    yield "\n" + _head(session) + ',"runs":['
    for j, run in enumerate(session.runs):
        yield ",\n" if j else "\n"
        yield f'{{"id":{form.dump(run.id)},"created":{form.dump(float(run.created))},"events":[\n'
        for k, timed in enumerate(run.log):
            yield (",\n" if k else "") + form.line(timed)
        yield "\n]}"
    yield "\n]}"


def _head(session: SharedSession) -> str:
    head = {
        "id": session.id,
        "created": float(session.created),
        "name": session.name,
        "note": session.note,
        "tags": list(session.tags),
    }
    return form.dump(head)[:-1]
