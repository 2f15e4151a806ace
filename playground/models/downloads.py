"""Fetching models from Hugging Face: what it will take, how far it is, stopping it, and going on where it stopped.

Boundary: the hub and the cache's files; never loads a model. Only configuration, tokenizer and safetensors weights are
fetched: no pickles, no code. huggingface_hub throws away what it has of a file when it is interrupted, so the bytes are
fetched and kept here, beside where they belong in its cache (`blobs/<hash>.partial`).
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO, Literal

from playground.errors import BadInput, DownloadStopped, ModelError, PlaygroundError
from playground.models import downloaded
from playground.models.hub_errors import explain, unreachable
from playground.models.memory import in_words
from playground.settings import settings

State = Literal["waiting", "running", "done", "failed", "cancelled"]

SMALL_FILES = frozenset(
    {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
        "chat_template.jinja",
        "chat_template.json",
        downloaded.INDEX,
    }
)
"""What is fetched besides weights, where a model has it."""

SPARE = 500 << 20
"""Bytes of disk that are left free."""

TRIES = 5
"""Requests in a row that bring nothing before a download gives up."""

TIMEOUT = 20.0
"""Seconds without a byte after which a connection counts as broken."""

_SPEED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FileProgress:
    """A file and how many of its bytes are there."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is.

    Attributes:
        done, total: bytes; what was there before counts as done. Both 0 until it is known what there is.
        speed: bytes a second lately, None while nothing comes.
        error: why it failed, with what to do about it in `hint`.
    """

    name: str
    state: State
    done: int = 0
    total: int = 0
    speed: float | None = None
    files: tuple[FileProgress, ...] = ()
    error: str = ""
    hint: str = ""

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")


class _Cancelled(Exception):
    """Ends the writing of a file from within."""


@dataclass(slots=True)
class _File:
    name: str
    size: int
    done: int = 0


@dataclass(slots=True)
class _Job:
    name: str
    state: State = "waiting"
    files: list[_File] = field(default_factory=list)
    error: PlaygroundError | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    came: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=4096))


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
        self._cache = cache
        self._endpoint = endpoint
        self._offline = offline
        self._free_bytes = free_bytes or downloaded.free_bytes
        self._clock = clock
        self._pause = pause
        self._jobs: dict[str, _Job] = {}
        self._guard = threading.Lock()

    def start(self, name: str) -> Progress:
        """Begin to fetch a model, or go on; nothing new begins while it is being fetched.

        Raises:
            BadInput: a text that is no id.
        """
        if not downloaded.is_id(name):
            raise BadInput(f"{name!r} is no Hugging Face id.", "Give one such as Qwen/Qwen2.5-0.5B-Instruct.")
        with self._guard:
            job = self._jobs.get(name)
            if job is None or job.ended.is_set():
                job = self._jobs[name] = _Job(name)
                threading.Thread(target=self._work, args=(job,), name=f"fetch {name}", daemon=True).start()
        return self._progress(job)

    def cancel(self, name: str) -> None:
        """Stop fetching a model with the next bytes that come, after TIMEOUT if none do; what has come stays. Nothing
        happens if it is not being fetched."""
        with self._guard:
            job = self._jobs.get(name)
        if job is not None:
            job.cancelled.set()

    def progress(self, name: str) -> Progress | None:
        """How far it is; None if it was never asked for since this process began."""
        with self._guard:
            job = self._jobs.get(name)
        return None if job is None else self._progress(job)

    def all(self) -> list[Progress]:
        """How far all are that this process was asked for, the latest last."""
        with self._guard:
            return [self._progress(job) for job in self._jobs.values()]

    def wait(self, name: str) -> Path:
        """Fetch a model, or wait until whoever fetches it is done; returns the folder of its files.

        Raises:
            DownloadStopped: it was cancelled, or the connection broke.
            BadInput, ModelError: it cannot be fetched; the hint says what to do.
        """
        self.start(name)
        with self._guard:
            job = self._jobs[name]
        job.ended.wait()
        if job.error is not None:
            raise job.error
        folder = downloaded.find(name, self._cache)
        if folder is None:
            raise ModelError(f"The files of {name} are incomplete.", "Download the model again.")
        return folder

    def _progress(self, job: _Job) -> Progress:
        now = self._clock()
        recent = [(at, size) for at, size in list(job.came) if now - at <= _SPEED_SECONDS]
        seconds = now - recent[0][0] if recent else 0.0
        error = job.error
        return Progress(
            job.name,
            job.state,
            sum(file.done for file in job.files),
            sum(file.size for file in job.files),
            sum(size for _, size in recent) / seconds if seconds > 0 and job.state == "running" else None,
            tuple(FileProgress(file.name, file.done, file.size) for file in job.files),
            error.message if error else "",
            error.hint if error else "",
        )

    def _work(self, job: _Job) -> None:
        import httpx2 as httpx

        try:
            self._fetch(job)
            job.state = "done"
        except _Cancelled:
            job.error = DownloadStopped(
                f"The download of {job.name} was stopped.", "Start it again: it goes on where it was."
            )
            job.state = "cancelled"
        except PlaygroundError as error:
            job.error, job.state = error, "failed"
        except (httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
            job.error, job.state = explain(job.name, error), "failed"
        finally:
            job.ended.set()

    def _fetch(self, job: _Job) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.constants import is_offline_mode

        if self._offline() or is_offline_mode():
            raise unreachable(job.name, off=True)
        cache = self._cache or downloaded.cache_folder()
        api = HfApi(endpoint=self._endpoint)
        about = api.model_info(job.name, files_metadata=True)
        commit = str(about.sha)
        sizes = {file.rfilename: int(file.size or 0) for file in about.siblings or ()}
        job.files = [_File(name, sizes[name]) for name in wanted(job.name, list(sizes))]
        job.state = "running"
        places = [self._place(job, file, commit, cache) for file in job.files]
        self._check_disk(job, cache)
        for file, place in zip(job.files, places, strict=True):
            if place is None:
                continue
            if not place.blob.is_file():
                self._fetch_file(job, file, place)
            downloaded.enter(place.blob, commit, file.name)
        # The branch points here only now: until then an older snapshot is what is found.
        downloaded.point_to(commit, job.name, cache)

    def _place(self, job: _Job, file: _File, commit: str, cache: Path) -> _Place | None:
        """Where a file's bytes go and come from; None where all is done."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        if job.cancelled.is_set():
            raise _Cancelled
        root = downloaded.storage(job.name, cache)
        known = root / "snapshots" / commit / file.name
        if known.is_file():
            file.done = file.size = known.stat().st_size
            return None
        url = hf_hub_url(job.name, file.name, revision=commit, endpoint=self._endpoint)
        metadata = get_hf_file_metadata(url, endpoint=self._endpoint, timeout=TIMEOUT, retry_on_errors=True)
        if not metadata.etag or "/" in metadata.etag:
            raise ModelError(
                f"The hub does not say which version of {file.name} it has.",
                "Try again, or check HF_ENDPOINT.",
            )
        blob = root / "blobs" / metadata.etag
        file.size = metadata.size or file.size
        place = _Place(url, blob, blob.with_name(f"{blob.name}.partial"))
        file.done = _size(blob) or min(_size(place.partial), file.size)
        return place

    def _check_disk(self, job: _Job, cache: Path) -> None:
        missing = sum(file.size - file.done for file in job.files)
        free = self._free_bytes(cache)
        if missing + SPARE > free:
            raise ModelError(
                f"{job.name} needs {in_words(missing)} more on disk; {in_words(free)} are free.",
                "Free some, remove another model, or set HF_HUB_CACHE to a folder on a larger disk.",
            )

    def _fetch_file(self, job: _Job, file: _File, place: _Place) -> None:
        import httpx2 as httpx
        from filelock import FileLock

        place.blob.parent.mkdir(parents=True, exist_ok=True)
        lock = place.partial.with_name(f"{place.partial.name}.lock")
        with FileLock(lock), place.partial.open("ab") as out:
            file.done = out.tell()
            tries = TRIES
            while file.done != file.size:
                before, trouble = file.done, None
                try:
                    self._receive(job, file, place.url, out)
                except httpx.TransportError as error:
                    trouble = error
                tries = TRIES if file.done > before else tries - 1
                if file.done != file.size and tries == 0:
                    raise trouble or DownloadStopped(f"{file.name} ends too early.", "Try again later.")
                if trouble and job.cancelled.wait(self._pause):
                    raise _Cancelled
        self._check_hash(file, place)
        os.replace(place.partial, place.blob)
        lock.unlink(missing_ok=True)

    def _receive(self, job: _Job, file: _File, url: str, out: BinaryIO) -> None:
        """One request for the bytes that are not there yet."""
        from huggingface_hub import get_session, get_token, hf_raise_for_status

        if file.done > file.size:
            _start_over(file, out)
        headers = {"Accept-Encoding": "identity"}
        if token := get_token():
            headers["Authorization"] = f"Bearer {token}"
        if file.done:
            headers["Range"] = f"bytes={file.done}-"
        with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response:
            hf_raise_for_status(response)
            if file.done and response.status_code != 206:
                _start_over(file, out)
            for chunk in response.iter_bytes():  # as they come: a larger size would lose what a cut leaves
                if job.cancelled.is_set():
                    raise _Cancelled
                out.write(chunk)
                file.done += len(chunk)
                job.came.append((self._clock(), len(chunk)))

    def _check_hash(self, file: _File, place: _Place) -> None:
        """Large files are named by their SHA-256; bytes of two versions would not be."""
        name = place.blob.name
        if len(name) != 64:
            return
        digest = hashlib.sha256()
        with place.partial.open("rb") as raw:
            while chunk := raw.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != name:
            place.partial.unlink()
            file.done = 0
            raise DownloadStopped(f"{file.name} came damaged.", "Start the download again.")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file is fetched from, where it will lie, and where what has come of it lies."""

    url: str
    blob: Path
    partial: Path


def _start_over(file: _File, out: BinaryIO) -> None:
    out.truncate(0)
    file.done = 0


@cache
def shared() -> Downloads:
    """The downloads of this process."""
    return Downloads(offline=lambda: settings().offline)


def wanted(model: str, files: Sequence[str]) -> list[str]:
    """The files of a repository that are fetched, small ones first.

    Raises:
        BadInput: it has no configuration, or no weights in safetensors.
    """
    if "config.json" not in files:
        raise BadInput(
            f"{model} holds no transformers model: config.json is missing.", "Choose another model."
        )
    whole = downloaded.WHOLE in files
    small = sorted(file for file in files if file in SMALL_FILES or file.endswith(".tiktoken"))
    shards = sorted(
        f for f in files if f.startswith("model-") and f.endswith(".safetensors") and "/" not in f
    )
    weights = [downloaded.WHOLE] if whole else shards if downloaded.INDEX in files else []
    if not weights:
        raise BadInput(
            f"{model} has no weights in safetensors format.", "Choose a model that has, or convert this one."
        )
    return [file for file in small if not (whole and file == downloaded.INDEX)] + weights


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
