"""Downloads of this process: who waits for one, how far each is, and stopping those that nobody wants any more.

Boundary: threads and waiting; what is fetched, and how, is the business of `fetching`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playground.errors import BadInput, ModelError
from playground.models import downloaded
from playground.models.fetching import Fetch, Progress, Terms, was_stopped
from playground.settings import settings

LOOK = 0.1
"""Seconds between looks of one who waits at whether that is still wanted."""


@dataclass(slots=True)
class _Job:
    """A download and who wants it: `waiting` threads, or `asked` for by `start`."""

    fetch: Fetch
    waiting: int = 0
    asked: bool = False

    @property
    def going(self) -> bool:
        return not (self.fetch.ended.is_set() or self.fetch.stopped.is_set())


class Downloads:
    """Downloads in the background, one at a time for a model. Safe to use from any thread.

    Args:
        cache: the cache's folder; None takes the one that Hugging Face's programs share.
        endpoint: the hub's address; None takes the usual one, or HF_ENDPOINT.
        offline: whether nothing may be fetched.
        free_bytes: bytes free on the disk of a folder.
        clock: seconds.
        pause: seconds before a broken connection is opened again.
    """

    def __init__(
        self,
        cache: Path | None = None,
        endpoint: str | None = None,
        *,
        offline: Callable[[], bool] = lambda: False,
        free_bytes: Callable[[Path], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: float = 1.0,
    ) -> None:
        self._terms = Terms(cache, endpoint, offline, free_bytes or downloaded.free_bytes, clock, pause)
        self._jobs: dict[str, _Job] = {}
        self._guard = threading.Lock()

    def start(self, name: str) -> Progress:
        """Begin to fetch a model, or go on; nothing new begins while it is being fetched.

        Raises:
            BadInput: a text that is no id.
        """
        with self._guard:
            job = self._going(name)
            job.asked = True
        return job.fetch.progress()

    def cancel(self, name: str) -> None:
        """Stop fetching a model, whoever waits for it; what has come stays. Nothing happens if it is not being
        fetched."""
        with self._guard:
            job = self._jobs.get(name)
        if job is not None:
            job.fetch.stop()

    def progress(self, name: str) -> Progress | None:
        """How far it is; None if it was never asked for since this process began."""
        with self._guard:
            job = self._jobs.get(name)
        return None if job is None else job.fetch.progress()

    def all(self) -> list[Progress]:
        """How far all are that this process was asked for, the latest last."""
        with self._guard:
            return [job.fetch.progress() for job in self._jobs.values()]

    def wait(self, name: str, unwanted: Callable[[], bool] = lambda: False) -> Path:
        """Fetch a model, or wait until whoever fetches it is done; returns the folder of its files. A download that
        nobody waits for any more is stopped, unless `start` asked for it.

        Args:
            unwanted: asked a few times a second whether to wait no longer.

        Raises:
            DownloadStopped: it was cancelled, is unwanted, or the connection broke.
            BadInput, ModelError: it cannot be fetched; the hint says what to do.
        """
        with self._guard:
            job = self._going(name)
            job.waiting += 1
        try:
            while not job.fetch.ended.wait(LOOK):
                if unwanted():
                    raise was_stopped(name)
        finally:
            with self._guard:
                job.waiting -= 1
                if not (job.waiting or job.asked):
                    job.fetch.stop()
        if job.fetch.error is not None:
            raise job.fetch.error
        folder = downloaded.find(name, self._terms.cache)
        if folder is None:
            raise ModelError(f"The files of {name} are incomplete.", "Download the model again.")
        return folder

    def _going(self, name: str) -> _Job:
        """The download that goes, or a new one; one that is being stopped lets go of its files first. The guard is
        held."""
        if not downloaded.is_id(name):
            raise BadInput(f"{name!r} is no Hugging Face id.", "Give one such as Qwen/Qwen2.5-0.5B-Instruct.")
        job = self._jobs.pop(name, None)
        if job is None or not job.going:
            job = _Job(Fetch(name, self._terms))
            threading.Thread(target=job.fetch.run, name=f"fetch {name}", daemon=True).start()
        self._jobs[name] = job
        return job


@cache
def shared() -> Downloads:
    """The downloads of this process."""
    return Downloads(offline=lambda: settings().offline)
