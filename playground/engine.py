"""The engine: works on runs in threads, in this process or as a child that speaks JSON lines.

Boundary: executes runs and looks into models; knows neither the store nor who is watching. `InThread` is the engine
itself, `serve` puts it at the end of two pipes, and `python -m playground.engine` is the child process that does so;
the parent's side of the pipes is `playground.runner`.

A line from the parent is {"do": "start", "run", "spec", "keys"}, {"do": "cancel", "run"}, {"do": "call", "id",
"method", "params", "keys"} or {"do": "close"}; the keys are the visitor's, and may be left out. A line back is
{"events": [[run, time, event], …]}, {"id", "result"} or {"id", "failure"} (a `run_failed` event). The child ends with
its standard input, that is, with its parent.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from playground import keys, strategies
from playground.errors import BadInput
from playground.events import Event, RunFailed, to_json
from playground.execute import FindStrategy, LoadModel, RunSpec, attempt, execute
from playground.keys import Keys
from playground.methods import METHODS
from playground.models import catalog
from playground.settings import settings

Timed = tuple[float, Event]
"""An event and when it happened, in Unix seconds."""

Emit = Callable[[str, Sequence[Timed]], None]
"""Takes the next events of a run, in order; may block to slow the run down."""


class Backend(Protocol):
    """Whatever works on runs. Safe to use from any thread."""

    def open(self, emit: Emit) -> None:
        """Say where events go; called once, before anything else."""
        ...

    def start(self, run_id: str, spec: RunSpec) -> None:
        """Begin a run, or put it in line; its events, `RunEnd` last, go to `emit`.

        Raises:
            EngineError: there is no process to run it.
        """
        ...

    def cancel(self, run_id: str) -> None:
        """Let a run end after its next event; nothing happens if it has ended."""
        ...

    def call(self, method: str, **params: Any) -> Any:
        """Ask for one of `METHODS` and wait.

        Raises:
            PlaygroundError: what the method raised; BadInput for an unknown method.
            EngineError: the process ended, or did not answer in time.
        """
        ...

    def close(self) -> None:
        """Cancel all runs and let go of what is held. Waits no longer than a few seconds."""
        ...


class InThread:
    """Runs on threads of this process, at most `limit` at a time, later ones in the order they came.

    Args:
        load_model: gives the model of a name, the same one to all who ask.
        clock: Unix seconds.
        limit: runs at a time; None takes the setting.
    """

    def __init__(
        self,
        load_model: LoadModel,
        *,
        find_strategy: FindStrategy = strategies.get,
        clock: Callable[[], float] = time.time,
        limit: int | None = None,
    ) -> None:
        self.load_model = load_model
        self._find_strategy = find_strategy
        self._clock = clock
        self._limit = limit or settings().max_concurrent_runs
        self._emit: Emit = lambda run_id, events: None
        self._line: deque[tuple[str, RunSpec, Keys]] = deque()
        self._cancelled: dict[str, threading.Event] = {}
        self._threads = 0
        self._changed = threading.Condition()

    def open(self, emit: Emit) -> None:
        self._emit = emit

    def start(self, run_id: str, spec: RunSpec) -> None:
        with self._changed:
            self._cancelled[run_id] = threading.Event()
            self._line.append((run_id, spec, keys.typed()))
            if self._threads == self._limit:
                return
            self._threads += 1
        threading.Thread(target=self._work, name="runs", daemon=True).start()

    def cancel(self, run_id: str) -> None:
        with self._changed:
            if run_id in self._cancelled:
                self._cancelled[run_id].set()

    def call(self, method: str, **params: Any) -> Any:
        if method not in METHODS:
            raise BadInput(f"The engine has no method {method!r}.", f"It has: {', '.join(METHODS)}.")
        with catalog.holding(self.load_model) as load_model:
            return METHODS[method](load_model, **params)

    def close(self) -> None:
        with self._changed:
            for cancelled in self._cancelled.values():
                cancelled.set()
            self._changed.wait_for(lambda: not self._cancelled, timeout=2.0)

    def _work(self) -> None:
        """Runs, one after the other, until nobody is in line."""
        while True:
            with self._changed:
                if not self._line:
                    self._threads -= 1
                    return
                run_id, spec, typed = self._line.popleft()
                cancelled = self._cancelled[run_id]
            with keys.given(typed):
                for event in execute(
                    spec,
                    load_model=self.load_model,
                    cancelled=cancelled.is_set,
                    find_strategy=self._find_strategy,
                ):
                    self._emit(run_id, [(self._clock(), event)])
            with self._changed:
                del self._cancelled[run_id]
                self._changed.notify_all()


# The child process

PAUSE = 0.015
"""Seconds in which events gather before the next line; the first after a quiet time goes at once."""

MOST_GATHERED = 20_000
"""Events that may wait for a parent that does not read; then the runs wait too."""


class Outbox:
    """Sends events and replies to the parent on a thread of its own, so that runs seldom wait for a pipe."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._changed = threading.Condition()
        self._events: list[tuple[str, float, Event]] = []
        self._replies: list[str] = []
        self._closing = False
        self._thread = threading.Thread(target=self._send_until_closed, name="outbox", daemon=True)
        self._thread.start()

    def emit(self, run_id: str, events: Sequence[Timed]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) < MOST_GATHERED)
            self._events += ((run_id, time, event) for time, event in events)
            self._changed.notify_all()

    def reply(self, line: str) -> None:
        with self._changed:
            self._replies.append(line)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what is left."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=1.0)

    def _send_until_closed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._replies or self._closing)
                events, self._events = self._events, []
                lines, self._replies = self._replies, []
                self._changed.notify_all()
            if events:
                plain = [(run_id, time, to_json(event)) for run_id, time, event in events]
                lines.append(json.dumps({"events": plain}))
            if not lines:
                return
            try:
                self._pipe.write("".join(f"{line}\n" for line in lines).encode())
                self._pipe.flush()
            except OSError:  # the parent is gone, and with it the other pipe: `serve` ends
                return
            time.sleep(PAUSE)


def serve(requests: BinaryIO, replies: BinaryIO, engine: InThread) -> None:
    """Do what the lines of `requests` say until they end."""
    outbox = Outbox(replies)
    engine.open(outbox.emit)

    def answer(id: int, method: str, params: dict[str, Any], typed: Keys | None) -> None:
        with keys.given(typed):
            line = attempt(lambda: json.dumps({"id": id, "result": to_plain(engine.call(method, **params))}))
        if isinstance(line, RunFailed):
            line = json.dumps({"id": id, "failure": to_json(line)})
        outbox.reply(line)

    for line in requests:
        asked: dict[str, Any] = json.loads(line)
        match asked:
            case {"do": "start", "run": run_id, "spec": spec, **more}:
                with keys.given(more.get("keys")):
                    engine.start(run_id, RunSpec.from_json(spec))
            case {"do": "cancel", "run": run_id}:
                engine.cancel(run_id)
            case {"do": "call", "id": id, "method": method, "params": params, **more}:
                work = (id, method, params, more.get("keys"))
                threading.Thread(target=answer, args=work, daemon=True).start()
            case {"do": "close"}:
                break
    engine.close()
    outbox.close()


def to_plain(result: Any) -> Any:
    """A result as JSON: arrays become {"dtype", "shape", "base64"}, which 600 kB of logits pass in milliseconds."""
    if isinstance(result, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(result).tobytes()).decode()
        return {"dtype": result.dtype.str, "shape": list(result.shape), "base64": data}
    if isinstance(result, dict):
        return {name: to_plain(value) for name, value in result.items()}
    return result


def from_plain(result: Any) -> Any:
    """What `to_plain` was given."""
    match result:
        case {"dtype": str(dtype), "shape": list(shape), "base64": str(data)}:
            return np.frombuffer(base64.b64decode(data), dtype=dtype).reshape(shape)
        case dict():
            return {name: from_plain(value) for name, value in result.items()}
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve this process's standard input and output.

    --models and --strategies name functions (module:function) to be used in place of the catalogue and the registry.
    """
    parser = argparse.ArgumentParser(prog="python -m playground.engine", description="The engine process.")
    parser.add_argument("--models", default="playground.models.catalog:load", metavar="MODULE:FUNCTION")
    parser.add_argument("--strategies", default="playground.strategies:get", metavar="MODULE:FUNCTION")
    options = parser.parse_args(arguments)
    requests, replies = take_standard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end is ours
    serve(requests, replies, InThread(named(options.models), find_strategy=named(options.strategies)))
    # Threads deep in a matrix product cannot be stopped, and must not be waited for.
    os._exit(0)


def take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for the protocol: what libraries print goes to standard error, what they start reads nothing."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, replies


def named(path: str) -> Any:
    """The object that "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    main()
