"""Sessions as the versioned JSON: one line an event, the same bytes for the same sessions.

Boundary: from the store to bytes; `reading` goes the other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from playground.errors import BadInput
from playground.events import RunStarted
from playground.exchange import form
from playground.exchange.form import Bundle, SharedRun, SharedSession, Timed
from playground.store import SavedRun, Store


def to_json(store: Store, session_ids: Sequence[str]) -> bytes:
    """These sessions with their notes, tags, runs and forks; `read_json` and `bring_in` bring them back.

    Raises:
        BadInput: there is no such session, or they are too many to be brought in again from one file.
        StoreError: the store cannot be read, or a run in it is damaged.
    """
    return written(gather(store, session_ids))


def gather(store: Store, session_ids: Sequence[str]) -> Bundle:
    """What the store has of these sessions, in the order they are named; same errors as `to_json`."""
    return Bundle(tuple(_session(store, id) for id in dict.fromkeys(session_ids)))


def _session(store: Store, id: str) -> SharedSession:
    session = store.sessions.get(id)
    runs = tuple(SharedRun(run.id, run.created, log_of(store, run)) for run in store.runs_in(id))
    name = session.name if session.named else None
    return SharedSession(id, session.created, name, session.note, session.tags, runs)


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


def written(bundle: Bundle) -> bytes:
    """A bundle as bytes; raises BadInput when they are more than may be read again."""
    parts, size = [], 0
    for part in _document(bundle):
        parts.append(part)
        size += len(part)
        if size > form.MOST_BYTES:
            raise BadInput(
                f"These sessions make a file of more than {form.MOST_BYTES // 2**20} MB, which is too large to be "
                "brought in again.",
                "Export fewer sessions at a time.",
            )
    return "".join(parts).encode("ascii")


def _document(bundle: Bundle) -> Iterator[str]:
    yield f'{{"format":{form.dump(form.FORMAT)},"version":{form.VERSION},"sessions":['
    for i, session in enumerate(bundle.sessions):
        yield ",\n" if i else "\n"
        yield _head(session) + ',"runs":['
        for j, run in enumerate(session.runs):
            yield ",\n" if j else "\n"
            yield f'{{"id":{form.dump(run.id)},"created":{form.dump(float(run.created))},"events":[\n'
            for k, timed in enumerate(run.log):
                yield (",\n" if k else "") + form.line(timed)
            yield "\n]}"
        yield "\n]}"
    yield "\n]}\n"


def _head(session: SharedSession) -> str:
    head = {
        "id": session.id,
        "created": float(session.created),
        "name": session.name,
        "note": session.note,
        "tags": list(session.tags),
    }
    return form.dump(head)[:-1]
