"""Several streams read at once, on one event loop of the process; read as one, and cancelled as one.

Boundary: coroutines and a queue; knows no server, no model and no event. Whoever iterates `together` sits in a thread
of its own; however many requests are on their way, they share the one thread of the loop.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
Source = Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]
"""Puts what it reads; ends when there is no more."""

LET_GO = 10.0
"""Seconds that cancelled streams have to close."""


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The event loop, running on a daemon thread from the first call on."""
    made = asyncio.new_event_loop()
    made.set_default_executor(ThreadPoolExecutor(2, "streams"))  # for looking names up
    threading.Thread(target=made.run_forever, name="streams", daemon=True).start()
    return made


def wait_for(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """What a coroutine returns that runs on the loop.

    Raises:
        TimeoutError: it took longer; it is cancelled then.
    """
    return submit(asyncio.wait_for(work, timeout)).result()


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Begin a coroutine on the loop."""
    return asyncio.run_coroutine_threadsafe(work, loop())


def together(sources: Sequence[Source[T]], silence: float) -> Generator[T | None, None, None]:
    """Run all sources at once; yields what they put, in the order it comes, and None after each `silence` seconds
    without anything.

    An error of one ends the others and is raised once all have ended. Closing the generator ends all of them.
    """
    pieces: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()

    async def run() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for source in sources:
                    group.create_task(source(lambda piece: pieces.put((piece,))))
        finally:
            pieces.put(None)

    running = submit(run())
    ended = False
    try:
        while not ended:
            try:
                piece = pieces.get(timeout=silence)
            except queue.Empty:
                yield None
                continue
            ended = piece is None
            if piece is not None:
                yield piece[0]
    finally:
        if not ended:
            running.cancel()
            while pieces.get(timeout=LET_GO) is not None:
                pass
    try:
        running.result()
    except BaseExceptionGroup as errors:
        raise first(errors) from None


def first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
