"""A model and strategies that do nothing but take time, go wrong or talk too much; importable by the engine process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from playground.errors import ModelError, UnknownName
from playground.events import Alternative, Event, NodeOpened, Spent, TokenAdded, Usage
from playground.execute import RunSpec
from playground.models.base import Capabilities
from playground.runner import InThread, Runner
from playground.store import Store
from playground.strategies.base import Params, Place, Question, Result, Strategy

GATE = threading.Event()
"""The model "gated" is not loaded before this is set."""

STEPS = threading.Semaphore(0)
"""Each token of the strategy "step" takes one of these."""


@dataclass(frozen=True)
class FakeModel:
    name: str
    capabilities: Capabilities = Capabilities(full_logits=True, local=True)

    @property
    def versions(self) -> dict[str, str]:
        return {"fake": "1"}

    ends = frozenset[int]()

    def prefill(
        self, prompt: Any, *, node: str, purpose: str, then: Sequence[int] = ()
    ) -> Generator[Event, None, Any]:
        print("a library says hello while it reads")
        yield Spent(node, Usage(prompt_tokens=1))
        return self

    def measure(self, *args: Any, **kwargs: Any) -> Generator[Event, None, list[Any]]:
        yield from ()
        return []

    def decode(self, *args: Any, **kwargs: Any) -> Generator[Event, None, None]:
        yield from ()

    def sample(self, *args: Any, **kwargs: Any) -> Generator[Event, None, list[Any]]:
        yield from ()
        return []

    def logits(self) -> np.ndarray:
        return np.arange(151_936, dtype=np.float32) / 7


def load(name: str) -> Any:
    if name == "gated":
        GATE.wait(10)
    elif name == "blind":
        return FakeModel(name, Capabilities())
    elif name == "damaged":
        raise ModelError("Its weights are damaged.", "Fetch them again.")
    elif name != "fake":
        raise UnknownName("model", name, ["fake", "gated", "blind", "damaged"])
    return FakeModel(name)


class Counting(Params):
    n: int = Field(3, ge=0, le=100_000, description="Tokens.")
    delay: float = Field(0.0, ge=0, description="Seconds before each.")
    alternatives: int = Field(0, ge=0, description="To each token.")


def count(question: Question, model: Any, params: Counting, place: Place) -> Generator[Event, None, Result]:
    yield NodeOpened("q/a", "q", "branch", "counting")
    others = tuple(Alternative(i, f" word{i}", -1.5 - i / 7) for i in range(params.alternatives))
    for i in range(params.n):
        time.sleep(params.delay)
        yield TokenAdded("q/a", i, f" {i}", -0.123456789, 1.23456789, 0.3456789, "greedy", others)
        yield Spent("q/a", Usage(completion_tokens=1, forward_passes=1))
    return Result(str(params.n), "q/a", 0.5, "counted")


def step(question: Question, model: Any, params: Counting, place: Place) -> Generator[Event, None, Result]:
    for i in range(params.n):
        STEPS.acquire(timeout=20)
        yield TokenAdded("q", i, f" {i}", -1.0, 1.0, 0.5, "greedy")
    return Result(None)


def talk(question: Question, model: Any, params: Counting, place: Place) -> Generator[Event, None, Result]:
    """Writes to standard output in every way there is, and starts a program that would read the parent's lines."""
    for i in range(params.n):
        print('{"events": [["x", 0, {}]]}')
        sys.stdout.flush()
        os.write(1, b"no newline")
        subprocess.run([sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"], check=True)
        yield NodeOpened(f"q/{i}", "q", "branch", "talking")
    return Result("said")


def boast(question: Question, model: Any, params: Counting, place: Place) -> Generator[Event, None, Result]:
    yield from ()
    return Result("1", info={"value": np.float32(1.0)})


def fail(question: Question, model: Any, params: Counting, place: Place) -> Generator[Event, None, Result]:
    yield NodeOpened("q/a", "q", "branch", "about to fail")
    raise {
        "memory": RuntimeError("CUDA out of memory. Tried to allocate 20 GiB."),
        "allocator": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        "python": MemoryError(),
        "model": ModelError("No distribution.", "Load it in float32."),
    }.get(question.text, ZeroDivisionError("division by zero"))


STRATEGIES = {
    name: Strategy(name, name.title(), "", "", frozenset(needs), "branches", Counting, steps)  # type: ignore[arg-type]
    for name, steps, needs in (
        ("count", count, ()),
        ("step", step, ()),
        ("talk", talk, ()),
        ("boast", boast, ()),
        ("fail", fail, ()),
        ("look", count, ("full_logits",)),
    )
}


def find(name: str) -> Strategy:
    if name not in STRATEGIES:
        raise UnknownName("strategy", name, STRATEGIES)
    return STRATEGIES[name]


def spec(
    n: int = 3, *, strategy: str = "count", model: str = "fake", delay: float = 0.0, **rest: Any
) -> RunSpec:
    question = rest.pop("question", "How far can you count?")
    return RunSpec(question, strategy, model, {"n": n, "delay": delay}, **rest)


@contextmanager
def running(path: Path, backend: Any = None, **options: Any) -> Iterator[Runner]:
    """A runner on the fakes, closed at the end."""
    backend = backend or InThread(load, find_strategy=find, limit=options.pop("limit", 32))
    store = options.pop("store", None) or Store(path)
    runner = Runner(store, backend, find_strategy=find, **options)
    try:
        yield runner
    finally:
        runner.close()
