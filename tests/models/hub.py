"""A stand-in for the Hugging Face hub on this machine: what huggingface_hub really asks for, and its ways of failing.

Small files come from `/ID/resolve/COMMIT/FILE` with an ETag; weights, as large files there do, by a redirect to another
host with their SHA-256 as the linked ETag. Ranges are honoured. A `Hub` can cut connections, be slow, gate a model, ask
for a token, or answer with an error; it remembers what was asked.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    range: str | None
    token: str | None


@dataclass
class Hub:
    """What the server has and how it behaves; may be changed while it runs.

    Attributes:
        models: id -> file name -> bytes.
        gated: ids that only `token` may read.
        cut: how many bytes of a large file come before the connection breaks; one for each request, then none.
        hang: seconds that a connection stays open and silent before it breaks.
        gate: while it is closed (`gate.clear()`), a large file waits after its first piece.
        ignore_ranges: always send the whole file.
        fail: a status that every request gets.
        damage: large files come with their first byte changed.
    """

    models: dict[str, dict[str, bytes]]
    gated: set[str] = field(default_factory=set)
    token: str = "hf_good"
    cut: list[int] = field(default_factory=list)
    hang: float = 0.0
    gate: threading.Event = field(default_factory=threading.Event)
    piece: int = 1 << 14
    ignore_ranges: bool = False
    fail: int | None = None
    damage: bool = False
    commit: str = COMMIT
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    store: str = ""

    def gets(self, part: str) -> list[Asked]:
        """What was fetched whose path contains `part`."""
        return [asked for asked in self.asked if asked.method == "GET" and part in asked.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        hub.asked.append(Asked(self.command, path, self.headers.get("Range"), token))
        if hub.fail is not None:
            return self._refuse(hub.fail, "", "broken")
        if token is not None and token != hub.token:
            return self._refuse(401, "", "Invalid credentials in Authorization header")
        parts = path.strip("/").split("/")
        match parts:
            case ["api", "models", owner, name, *_] if f"{owner}/{name}" in hub.models:
                self._about(f"{owner}/{name}")
            case ["api", "models", *_]:
                self._refuse(401, "RepoNotFound", "Repository not found")
            case [owner, name, "resolve", _, *rest] if f"{owner}/{name}" in hub.models:
                self._resolve(f"{owner}/{name}", "/".join(rest), token)
            case ["cdn", owner, name, *rest]:
                self._large(hub.models[f"{owner}/{name}"]["/".join(rest)])
            case _:
                self._refuse(404, "RepoNotFound", "Repository not found")

    def _about(self, id: str) -> None:
        siblings = []
        for name, data in self.hub.models[id].items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": _sha1(data)}
            if name.endswith(".safetensors"):
                entry["lfs"] = {"size": len(data), "sha256": _sha256(data), "pointerSize": 134}
            siblings.append(entry)
        about = {
            "id": id,
            "modelId": id,
            "sha": self.hub.commit,
            "private": False,
            "gated": "manual" if id in self.hub.gated else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
        }
        self._send(200, json.dumps(about).encode(), {"Content-Type": "application/json"})

    def _resolve(self, id: str, name: str, token: str | None) -> None:
        if id in self.hub.gated and token != self.hub.token:
            return self._refuse(
                401 if token is None else 403, "GatedRepo", f"Access to model {id} is restricted."
            )
        data = self.hub.models[id].get(name)
        if data is None:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": self.hub.commit}
        if not name.endswith(".safetensors"):
            return self._send(200, data, {**headers, "ETag": f'"{_sha1(data)}"'})
        headers |= {
            "X-Linked-ETag": f'"{_sha256(data)}"',
            "X-Linked-Size": str(len(data)),
            "Location": f"{self.hub.store}/cdn/{id}/{name}",
        }
        self._send(302, b"", headers)

    def _large(self, data: bytes) -> None:
        hub, start, total = self.hub, 0, len(data)
        if hub.damage:
            data = bytes([data[0] ^ 1]) + data[1:]
        asked = self.headers.get("Range")
        if asked and not hub.ignore_ranges:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(total - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        if self.command == "HEAD":
            return
        left = hub.cut.pop(0) if hub.cut else total
        for at in range(start, min(total, start + left), hub.piece):
            try:
                self.wfile.write(data[at : min(at + hub.piece, start + left)])
                self.wfile.flush()
            except OSError:
                self.close_connection = True
                return
            hub.gate.wait(120)
        if start + left < total:
            time.sleep(hub.hang)
            self.close_connection = True

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self._send(status, json.dumps({"error": message}).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


@contextmanager
def serving(models: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    """A hub that has these models, until the end."""
    hub = Hub(models)
    hub.gate.set()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    # By another name, as large files there: what follows a redirect must not take its token along.
    hub.store = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
