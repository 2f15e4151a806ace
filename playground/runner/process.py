"""The parent's side of the engine process.

Boundary: starts `python -m playground.engine` when it is first needed, talks JSON lines with it, and starts another
when it has died; what the dead one was working on ends as failed. Knows no store; the lines are described in
`playground.engine`.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import playground
from playground import errors, keys
from playground.engine import Emit, Timed, from_plain
from playground.errors import EngineError, PlaygroundError
from playground.events import RunEnd, RunFailed, from_json
from playground.execute import RunSpec

T = TypeVar("T")

logger = logging.getLogger(__name__)

ANSWER_LIMIT = 1800.0
"""Seconds a call may take; loading a model may have to fetch it first."""


class EngineProcess:
    """A backend in a child process, one at a time.

    Args:
        arguments: given to `python -m playground.engine`.
        clock: Unix seconds.
    """

    def __init__(self, arguments: Sequence[str] = (), *, clock: Callable[[], float] = time.time) -> None:
        self._arguments = tuple(arguments)
        self._clock = clock
        self._emit: Emit = lambda run_id, events: None
        self._child: _Child | None = None
        self._closed = False
        self._guard = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        child = self._child
        return child.process.pid if child and child.alive else None

    def open(self, emit: Emit) -> None:
        self._emit = emit

    def start(self, run_id: str, spec: RunSpec) -> None:
        self._with_child(lambda child: child.start(run_id, spec))

    def cancel(self, run_id: str) -> None:
        if (child := self._child) and child.alive:
            child.cancel(run_id)

    def call(self, method: str, **params: Any) -> Any:
        future = self._with_child(lambda child: child.call(method, params))
        try:
            return from_plain(future.result(ANSWER_LIMIT))
        except NoAnswer as error:
            raise EngineError(
                f"The engine has not answered within {ANSWER_LIMIT:.0f} seconds.", "Restart the playground."
            ) from error

    def close(self) -> None:
        with self._guard:
            child, self._child, self._closed = self._child, None, True
        if child:
            child.close()

    def _with_child(self, ask: Callable[[_Child], T]) -> T:
        """Ask the child; one that turns out to be dead is replaced once."""
        try:
            return ask(self._alive())
        except EngineError:
            return ask(self._alive())

    def _alive(self) -> _Child:
        with self._guard:
            if self._closed:
                raise EngineError("The playground is being closed.", "Start it again.")
            if self._child is None or not self._child.alive:
                self._child = _Child(self._arguments, self._emit, self._clock)
            return self._child


class _Child:
    """One process from start to end. `runs` and `answers` are what it still owes, guarded by `_guard`."""

    def __init__(self, arguments: Sequence[str], emit: Emit, clock: Callable[[], float]) -> None:
        self._emit = emit
        self._clock = clock
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._ids = itertools.count()
        self._runs: set[str] = set()
        self._answers: dict[int, Future[Any]] = {}
        self.alive = True
        self.process = _spawn(arguments)
        self._requests = cast(IO[bytes], self.process.stdin)
        self._replies = cast(IO[bytes], self.process.stdout)
        self._reader = threading.Thread(target=self._read_until_it_ends, name="engine reader", daemon=True)
        self._reader.start()

    def start(self, run_id: str, spec: RunSpec) -> None:
        self._owe(lambda: self._runs.add(run_id))
        try:
            self._send({"do": "start", "run": run_id, "spec": spec.to_json(), "keys": dict(keys.typed())})
        except EngineError:
            with self._guard:
                if run_id in self._runs:  # else its failure has been told already
                    self._runs.discard(run_id)
                    raise

    def cancel(self, run_id: str) -> None:
        with suppress(EngineError):  # the run fails with the child
            self._send({"do": "cancel", "run": run_id})

    def call(self, method: str, params: Mapping[str, Any]) -> Future[Any]:
        id, future = next(self._ids), Future[Any]()
        self._owe(lambda: self._answers.update({id: future}))
        typed = dict(keys.typed())
        self._send({"do": "call", "id": id, "method": method, "params": params, "keys": typed})
        return future

    def close(self) -> None:
        try:
            self._send({"do": "close"})
            self.process.wait(timeout=5.0)
        except (EngineError, subprocess.TimeoutExpired):
            self.process.kill()
        self._reader.join(timeout=5.0)

    def _owe(self, note: Callable[[], object]) -> None:
        with self._guard:
            if not self.alive:
                raise EngineError("The engine process has ended.")
            note()

    def _send(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        try:
            with self._writing:
                self._requests.write(data)
                self._requests.flush()
        except (OSError, ValueError) as error:  # ValueError: the pipe was closed after its end
            self.alive = False
            raise EngineError(f"The engine process cannot be reached: {error}.") from error

    def _read_until_it_ends(self) -> None:
        try:
            for line in self._replies:
                if line.endswith(b"\n"):  # else it died in the middle of it
                    self._take(json.loads(line))
        except (OSError, ValueError):
            logger.exception("The engine process sent something unreadable")
        finally:
            self._bury()

    def _take(self, line: dict[str, Any]) -> None:
        match line:
            case {"events": events}:
                by_run: dict[str, list[Timed]] = {}
                for run_id, at, event in events:
                    by_run.setdefault(run_id, []).append((at, from_json(event)))
                for run_id, timed in by_run.items():
                    if isinstance(timed[-1][1], RunEnd):
                        with self._guard:
                            self._runs.discard(run_id)
                    self._emit(run_id, timed)
            case {"id": id, "result": result}:
                self._answer(id).set_result(result)
            case {"id": id, "failure": failure}:
                self._answer(id).set_exception(_as_error(failure))

    def _answer(self, id: int) -> Future[Any]:
        with self._guard:
            return self._answers.pop(id)

    def _bury(self) -> None:
        """Wait for the process to be gone, then say of all that it owed that it will not come."""
        self.alive = False
        try:
            cause = _cause(self.process.wait(timeout=10.0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            cause = "it fell silent"
        with self._guard:
            runs, answers = self._runs, self._answers
            self._runs, self._answers = set(), {}
        error = EngineError(
            f"The engine process ended in the middle of its work ({cause}).",
            "It starts again by itself: run this once more.",
        )
        failure = RunFailed("EngineError", error.message, error.hint, error.retryable)
        for run_id in sorted(runs):
            self._emit(run_id, [(self._clock(), failure)])
        for future in answers.values():
            future.set_exception(error)
        for pipe in (self._requests, self._replies):
            with suppress(OSError):  # unsent bytes to a process that is gone
                pipe.close()


def _spawn(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    # -P keeps the working directory off the module path; the folder of this package is put on it instead.
    command = [sys.executable, "-P", "-m", "playground.engine", *arguments]
    home = str(Path(playground.__file__).parents[1])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}
        )
    except OSError as error:
        raise EngineError(
            f"The engine process cannot be started: {error}.", "Restart the playground."
        ) from error


def _cause(code: int) -> str:
    if code == -9:
        return "killed, which a system does when its memory is used up"
    if code < 0:
        return f"signal {-code}"
    return f"exit code {code}; its log says more"


def _as_error(failure: Mapping[str, str]) -> PlaygroundError:
    """The error that a failed call raised over there, from its `run_failed` event."""
    name, message, hint = failure["error"], failure["message"], failure.get("hint", "")
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PlaygroundError)):
        return EngineError(f"{name}: {message}", hint)
    error = kind.__new__(kind)  # some take other arguments than these two
    PlaygroundError.__init__(error, message, hint)
    return error
