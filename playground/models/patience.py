"""Whether what a thread waits for is still wanted.

Boundary: long waits ask here, and whoever runs something that can be stopped answers; knows neither runs nor downloads.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


def until(unwanted: Callable[[], bool], work: Callable[P, T]) -> Callable[P, T]:
    """The same work, waiting for nothing once `unwanted` says so; that is asked a few times a second."""

    def impatient(*args: P.args, **kwargs: P.kwargs) -> T:
        before = _unwanted.set(unwanted)
        try:
            return work(*args, **kwargs)
        finally:
            _unwanted.reset(before)

    return impatient


def unwanted() -> bool:
    """Whether this thread should wait no longer."""
    ask = _unwanted.get()
    return ask is not None and ask()
