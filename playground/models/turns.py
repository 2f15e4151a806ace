"""Taking turns on one model: a lock that is handed on in the order it was asked for.

Boundary: threads only. `threading.Lock` lets whoever wakes first go first, so a run that asks again at once could
starve the others; here everyone waiting gets one turn before anyone gets a second.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A first-come-first-served lock for `with`; not re-entrant."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        try:
            mine.wait()
        except BaseException:
            # Interrupted while waiting: leave the line, and pass on a turn that came in the meantime.
            with self._guard:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                    raise
            self._hand_on()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
