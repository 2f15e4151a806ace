"""Fetching one model from Hugging Face: how far it is, stopping it, and going on where it stopped.

Boundary: the hub and the cache's files; never loads a model, and knows nobody who waits for it. Only configuration,
tokenizer and safetensors weights are fetched: no pickles, no code. huggingface_hub throws away what it has of a file
when it is interrupted, so the bytes are fetched and kept here, beside where they belong in its cache
(`blobs/<hash>.partial`).
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from playground.errors import BadInput, DownloadStopped, ModelError, PlaygroundError
from playground.models import downloaded
from playground.models.hub_errors import explain, unreachable
from playground.models.memory import in_words

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
        "spm.model",
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


class _Stopped(Exception):
    """Ends a download from within."""


@dataclass(slots=True)
class _File:
    name: str
    size: int
    done: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What all downloads of a process go by; see `Downloads`."""

    cache: Path | None
    endpoint: str | None
    offline: Callable[[], bool]
    free_bytes: Callable[[Path], int]
    clock: Callable[[], float]
    pause: float


@dataclass(slots=True)
class Fetch:
    """One model on its way; `run` does all the work, any thread may look and stop it."""

    name: str
    terms: Terms
    state: State = "waiting"
    error: PlaygroundError | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    _files: list[_File] = field(default_factory=list)
    _came: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=4096))
    _connection: socket.socket | None = None

    def stop(self) -> None:
        """Let it end, even while it reads from a hub that says nothing; what has come stays."""
        self.stopped.set()
        connection = self._connection
        if connection is not None:
            with suppress(OSError):  # it has been closed meanwhile
                # Not its own method, which under TLS takes away what the reading thread is using.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def progress(self) -> Progress:
        """How far it is."""
        now = self.terms.clock()
        recent = [(at, size) for at, size in list(self._came) if now - at <= _SPEED_SECONDS]
        seconds = now - recent[0][0] if recent else 0.0
        error = self.error
        return Progress(
            self.name,
            self.state,
            sum(file.done for file in self._files),
            sum(file.size for file in self._files),
            sum(size for _, size in recent) / seconds if seconds > 0 and self.state == "running" else None,
            tuple(FileProgress(file.name, file.done, file.size) for file in self._files),
            error.message if error else "",
            error.hint if error else "",
        )

    def run(self) -> None:
        """Fetch it; raises nothing, `state` and `error` say how it ended."""
        import httpx2 as httpx

        try:
            self._fetch()
            self.state = "done"
        except _Stopped:
            self.error, self.state = was_stopped(self.name), "cancelled"
        except PlaygroundError as error:
            self.error, self.state = error, "failed"
        except (httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
            self.error, self.state = explain(self.name, error), "failed"
        finally:
            self.ended.set()

    def _fetch(self) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.constants import is_offline_mode

        if self.terms.offline() or is_offline_mode():
            raise unreachable(self.name, off=True)
        cache = self.terms.cache or downloaded.cache_folder()
        api = HfApi(endpoint=self.terms.endpoint)
        about = api.model_info(self.name, files_metadata=True, timeout=TIMEOUT)
        commit = str(about.sha)
        sizes = {file.rfilename: int(file.size or 0) for file in about.siblings or ()}
        self._files = [_File(name, sizes[name]) for name in wanted(self.name, list(sizes))]
        self.state = "running"
        places = [self._place(file, commit, cache) for file in self._files]
        self._check_disk(cache)
        for file, place in zip(self._files, places, strict=True):
            if place is None:
                continue
            self._fetch_file(file, place)
            downloaded.enter(place.blob, commit, file.name)
        # The branch points here only now: until then an older snapshot is what is found.
        downloaded.point_to(commit, self.name, cache)

    def _place(self, file: _File, commit: str, cache: Path) -> _Place | None:
        """Where a file's bytes go and come from; None where all is done."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        if self.stopped.is_set():
            raise _Stopped
        root = downloaded.storage(self.name, cache)
        known = root / "snapshots" / commit / file.name
        if known.is_file():
            file.done = file.size = known.stat().st_size
            return None
        url = hf_hub_url(self.name, file.name, revision=commit, endpoint=self.terms.endpoint)
        metadata = get_hf_file_metadata(
            url, endpoint=self.terms.endpoint, timeout=TIMEOUT, retry_on_errors=True
        )
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

    def _check_disk(self, cache: Path) -> None:
        missing = sum(file.size - file.done for file in self._files)
        free = self.terms.free_bytes(cache)
        if missing + SPARE > free:
            raise ModelError(
                f"{self.name} needs {in_words(missing)} more on disk; {in_words(free)} are free.",
                "Free some, remove another model, or set HF_HUB_CACHE to a folder on a larger disk.",
            )

    def _fetch_file(self, file: _File, place: _Place) -> None:
        from filelock import FileLock, Timeout

        place.blob.parent.mkdir(parents=True, exist_ok=True)
        lock = place.partial.with_name(f"{place.partial.name}.lock")
        try:
            with FileLock(lock).acquire(cancel_check=self.stopped.is_set):
                if not place.blob.is_file():  # else it is known, or another program was faster
                    with place.partial.open("ab") as out:
                        self._fill(file, place, out)
                    self._check_hash(file, place)
                    os.replace(place.partial, place.blob)
        except Timeout:
            raise _Stopped from None
        file.done = file.size
        lock.unlink(missing_ok=True)

    def _fill(self, file: _File, place: _Place, out: BinaryIO) -> None:
        """Ask for what is missing until nothing is."""
        import httpx2 as httpx

        file.done = out.tell()
        tries = TRIES
        while file.done != file.size:
            before, trouble = file.done, None
            try:
                self._receive(file, place.url, out)
            except httpx.TransportError as error:
                trouble = error
            if self.stopped.is_set():
                raise _Stopped
            tries = TRIES if file.done > before else tries - 1
            if file.done != file.size and tries == 0:
                raise trouble or DownloadStopped(f"{file.name} ends too early.", "Try again later.")
            if trouble:
                self.stopped.wait(self.terms.pause)

    def _receive(self, file: _File, url: str, out: BinaryIO) -> None:
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
            # Known before the first look at `stopped`: a stop is seen there or shuts it.
            self._connection = response.extensions["network_stream"].get_extra_info("socket")
            # As they come: pieces of a larger size would lose what a cut leaves.
            pieces = response.iter_bytes()
            try:
                while not self.stopped.is_set() and (piece := next(pieces, None)) is not None:
                    out.write(piece)
                    file.done += len(piece)
                    self._came.append((self.terms.clock(), len(piece)))
            finally:
                self._connection = None

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


def was_stopped(name: str) -> DownloadStopped:
    return DownloadStopped(f"The download of {name} was stopped.", "Start it again: it goes on where it was.")


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
