"""Which models are in memory: one copy of each, the least recently used let go when another needs the room.

Boundary: counts bytes and users; knows nothing of files, tensors or runs. Whoever works with a model for longer than a
moment does so within `in_use(model)`: it is then never let go. A model that somebody still holds after it was let go
goes on taking memory and is counted until it is gone, and taken back if it is asked for meanwhile.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol, TypeVar

from playground.errors import ModelBusy, ModelError


class Sized(Protocol):
    """A model that says what it takes."""

    @property
    def memory_bytes(self) -> int:
        """Bytes of its parameters and buffers."""
        ...


M = TypeVar("M", bound=Sized)


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two loaded models the same one: its files, and where and in which numbers it is computed.

    Attributes:
        label: what people call it.
    """

    files: str
    device: str
    dtype: str
    bits: int | None = None
    label: str = field(default="", compare=False)

    def __str__(self) -> str:
        numbers = f"{self.bits} bits" if self.bits else self.dtype
        return f"{self.label or self.files} ({numbers} on {self.device})"


@dataclass(slots=True)
class Resident:
    """A model in memory.

    Attributes:
        model: None once it was let go.
        users: how many work with it now.
        used: larger for those used later.
    """

    key: Key
    model: Sized | None
    bytes: int
    used: int
    users: int = 0
    alive: Callable[[], Sized | None] = field(init=False)

    def __post_init__(self) -> None:
        self.alive = weakref.ref(self.model) if self.model is not None else lambda: None


class Residents:
    """The models in memory. Safe to use from any thread.

    Args:
        budget: bytes that the models on a device may take together; None sets no limit.
    """

    def __init__(self, budget: Callable[[str], int | None]) -> None:
        self._budget = budget
        self._all: list[Resident] = []
        self._coming: dict[Key, int] = {}
        self._locks: dict[Key, threading.Lock] = {}
        self._guard = threading.RLock()
        self._ticks = count()

    def get(self, key: Key, bytes: int, make: Callable[[], M]) -> M:
        """The model of a key, made at the first call and shared after it.

        Args:
            bytes: about what it will take; others make room for it before it is made.

        Raises:
            ModelError: it is larger than the budget.
            ModelBusy: what fills the budget is in use.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        # One lock a key: loading one model does not keep another waiting.
        with lock:
            with self._guard:
                known = self._known(key)
                if known is not None:
                    return known  # type: ignore[return-value]
                self._make_room(key, bytes)
                self._coming[key] = bytes
            try:
                model = make()
            finally:
                with self._guard:
                    del self._coming[key]
            with self._guard:
                self._all.append(Resident(key, model, model.memory_bytes, next(self._ticks)))
                self._let_go_until(key.device, 0, spare=key)
            return model

    def _known(self, key: Key) -> Sized | None:
        for resident in self._all:
            model = resident.alive()
            if resident.key == key and model is not None:
                resident.model, resident.used = model, next(self._ticks)
                return model
        return None

    @contextmanager
    def in_use(self, model: object) -> Iterator[None]:
        """Within it `model` is not let go; any other object does no harm."""
        with self._guard:
            mine = [resident for resident in self._all if resident.alive() is model]
            for resident in mine:
                if resident.key.files:
                    resident.model = resident.alive()
                resident.users += 1
        try:
            yield
        finally:
            with self._guard:
                for resident in mine:
                    resident.users -= 1
                    resident.used = next(self._ticks)

    def find(self, key: Key) -> Sized | None:
        """The model of a key, if it is in memory."""
        with self._guard:
            return self._known(key)

    def forget(self, keys: Collection[Key], *, anyway: bool = True) -> None:
        """Let go of models; the next of that key is made anew.

        Raises:
            ModelBusy: one is in use, and `anyway` is false.
        """
        with self._guard:
            mine = [resident for resident in self._all if resident.key in keys]
            for resident in mine:
                if resident.users and not anyway:
                    raise ModelBusy(
                        f"{resident.key} is in use.", "Wait until its runs have ended, or stop them."
                    )
            for resident in mine:
                # Never found again, but counted for as long as somebody holds it.
                resident.key = replace(resident.key, files="")
                resident.model = None
            self._sweep()

    def listed(self) -> list[Resident]:
        """The models in memory, the least recently used first."""
        with self._guard:
            return sorted((r for r in self._all if r.model is not None), key=lambda resident: resident.used)

    def bytes(self, device: str) -> int:
        """What is taken on a device, with what is being loaded."""
        with self._guard:
            here = [resident for resident in self._all if resident.key.device == device]
            coming = sum(size for key, size in self._coming.items() if key.device == device)
            return coming + sum(resident.bytes for resident in here if resident.alive() is not None)

    def _make_room(self, key: Key, needed: int) -> None:
        budget = self._budget(key.device)
        if budget is None:
            return
        if needed > budget:
            raise ModelError(
                f"{key} takes {in_words(needed)}; models may take {in_words(budget)} on {key.device}.",
                "Choose a smaller model, or raise PLAYGROUND_MODEL_MEMORY.",
            )
        self._let_go_until(key.device, needed)
        if self.bytes(key.device) + needed > budget:
            names = sorted({str(r.key) for r in self._all if r.users and r.key.device == key.device})
            raise ModelBusy(
                f"There is no room for {key} now: {', '.join(names) or 'another model'} is in use.",
                "Try again when the runs have ended, or raise PLAYGROUND_MODEL_MEMORY.",
            )

    def _let_go_until(self, device: str, needed: int, spare: Key | None = None) -> None:
        """Let go of the least recently used ones that nobody uses, until `needed` more bytes are within the budget."""
        budget = self._budget(device)
        for resident in self.listed():
            if budget is None or self.bytes(device) + needed <= budget:
                return
            if resident.users or resident.key.device != device or resident.key == spare:
                continue
            resident.model = None
            self._sweep()

    def _sweep(self) -> None:
        gc.collect()
        self._all = [resident for resident in self._all if resident.alive() is not None]
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()


def in_words(bytes: int) -> str:
    """ "1.2 GB", "34 MB", "6 kB"."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if bytes >= size:
            return f"{bytes / size:.1f} {unit}" if bytes < 10 * size else f"{bytes / size:.0f} {unit}"
    return f"{bytes} bytes"
