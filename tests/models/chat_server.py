"""A chat completions server on loopback that does what a test tells it, well or badly."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """A streamed reply. `breaks`: the connection is reset after the last piece; `hangs`: nothing more is sent;
    `garbage`: the last line is no JSON; `logprobs`: of each piece, what the server says of it."""

    pieces: Sequence[str] = ("Hello",)
    usage: tuple[int, int] | None = (7, 3)
    finish: str | None = "stop"
    delay: float = 0.0
    breaks: bool = False
    hangs: bool = False
    garbage: bool = False
    logprobs: Sequence[Json | None] = ()


@dataclass(frozen=True)
class Refusal:
    """An error instead of a reply."""

    status: int
    message: str = "no"
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """The request is read and nothing is ever answered."""


Answer = Reply | Refusal | Silence


@dataclass
class Request:
    path: str
    key: str
    body: Json

    @property
    def text(self) -> str:
        """Everything said in the conversation, or the prompt."""
        messages = self.body.get("messages") or [{"content": self.body.get("prompt", "")}]
        return "\n".join(str(message["content"]) for message in messages)


class ChatServer:
    """`answer(request, number)` says what comes of each request, numbered from 0; `requests` are kept.

    Attributes:
        most: the largest number of requests that were being answered at the same time.
        open: connections open now.
    """

    def __init__(self, answer: Callable[[Request, int], Answer], models: Sequence[Json] = ()) -> None:
        self.answer, self.models = answer, list(models)
        self.requests: list[Request] = []
        self.most = self.busy = self.open = 0
        self.guard = threading.Lock()
        self.stopping = threading.Event()
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def serving(
    *answers: Answer, answer: Callable[[Request, int], Answer] | None = None, models: Sequence[Json] = ()
) -> Iterator[ChatServer]:
    """A server that gives these answers in turn (the last for ever), or what `answer` says."""
    server = ChatServer(answer or (lambda request, n: answers[min(n, len(answers) - 1)]), models)
    try:
        yield server
    finally:
        server.close()


class _Handler(BaseHTTPRequestHandler):
    server_of: ChatServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.server_of.guard:
            self.server_of.open += 1

    def finish(self) -> None:
        with self.server_of.guard:
            self.server_of.open -= 1
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": self.server_of.models})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        request, owner = Request(self.path, key, body), self.server_of
        with owner.guard:
            number = len(owner.requests)
            owner.requests.append(request)
            owner.busy += 1
            owner.most = max(owner.most, owner.busy)
        try:
            self._answer(request, owner.answer(request, number))
        except OSError:
            self.close_connection = True
        finally:
            with owner.guard:
                owner.busy -= 1

    def _answer(self, request: Request, answer: Answer) -> None:
        match answer:
            case Refusal():
                error = {"message": answer.message, **answer.more}
                self._json(answer.status, {"error": error}, answer.headers)
            case Silence():
                self._hang()
            case Reply() if request.body.get("stream"):
                self._stream(request, answer)
            case Reply():
                self._whole(answer)

    def _whole(self, reply: Reply) -> None:
        """The same reply in one piece."""
        time.sleep(reply.delay * len(reply.pieces))
        if reply.breaks:
            self._reset()
            return
        if reply.hangs:
            self._hang()
            return
        message = {"role": "assistant", "content": "".join(reply.pieces)}
        whole: Json = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
        whole["choices"] = [{"index": 0, "finish_reason": reply.finish, "message": message}]
        if reply.usage is not None:
            prompt, completion = reply.usage
            total = prompt + completion
            whole["usage"] = {
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            }  # fmt: skip
        self._json(200, whole)

    def _stream(self, request: Request, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chat = "messages" in request.body
        for i, piece in enumerate(reply.pieces):
            time.sleep(reply.delay)
            last = i == len(reply.pieces) - 1
            choice: Json = {"index": 0, "finish_reason": None}
            choice |= {"delta": {"content": piece}} if chat else {"text": piece}
            if reply.logprobs:
                choice["logprobs"] = reply.logprobs[i]
            self._event(chunk(choice, chat))
            if last and reply.garbage:
                self._send(b"data: {this is no JSON\n\n")
            if last and reply.breaks:
                time.sleep(0.3)  # a reset overtakes what has not been read yet
                self._reset()
                return
            if last and reply.hangs:
                self._hang()
                return
        if reply.finish:
            end: Json = {"index": 0, "finish_reason": reply.finish}
            self._event(chunk(end | ({"delta": {}} if chat else {"text": ""}), chat))
        if reply.usage is not None:
            prompt, completion = reply.usage
            usage = {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            }
            self._event({**chunk(None, chat), "usage": usage})
        self._send(b"data: [DONE]\n\n")
        self._send(b"")

    def _event(self, data: Json) -> None:
        self._send(f"data: {json.dumps(data)}\n\n".encode())

    def _send(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _hang(self) -> None:
        self.close_connection = True
        self.server_of.stopping.wait(60)

    def _reset(self) -> None:
        # Lingering for no time makes closing a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _json(self, status: int, data: Any, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def chunk(choice: Json | None, chat: bool) -> Json:
    """A chunk of a reply."""
    kind = "chat.completion.chunk" if chat else "text_completion"
    return {
        "id": "c1", "object": kind, "created": 1, "model": "m", "choices": [choice] if choice else [],
    }  # fmt: skip
