"""Requests to a chat completions API, through the SDK of whoever runs it.

Boundary: joins an SDK (`groq`, `openai`, which share their names) to events and to our errors; knows no strategy. One
`ChatApi` belongs to one run: it holds that visitor's key, and its connections are closed with it.

Retries are the SDK's own. That it waits for one is told by a `Waiting` event, from the answer that made it wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from playground.errors import BadInput, KeyRefused, ModelError, PlaygroundError, RateLimited, ServerFailed
from playground.events import (
    EndReason,
    Event,
    Spent,
    TextAdded,
    TextEnded,
    TokenAdded,
    Usage,
    Waiting,
    Warned,
)
from playground.models.streams import submit, wait_for
from playground.settings import settings

Put = Callable[[Event], None]
T = TypeVar("T")

TRIES = 4
"""A request and its retries."""

PROMPT_UNCOUNTED = "The server does not say how many tokens a prompt has; only those written are counted."
UNCOUNTED = "The server does not say how many tokens a reply took; none are counted."

_ENDS: dict[str, EndReason] = {"stop": "stop", "length": "length"}
_RETRIED = "x-stainless-retry-count"

_told: ContextVar[Callable[[float, str], None] | None] = ContextVar("told", default=None)
_limits: dict[str, asyncio.Semaphore] = {}


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """Where requests go.

    Attributes:
        sdk: the module, and `client` its asynchronous client's name.
        title: as people call it.
        breaks: how the SDK's HTTP library says that a connection broke in the middle of a reply.
        key: of this visitor; never logged, stored or sent elsewhere.
        key_hint: how to give one.
        at_once: requests that may be on their way at the same time, from all runs of this process.
        json_streams: replies forced to be JSON can be streamed; where not, they come whole.
        silent: seconds without a byte after which a connection is given up.
    """

    sdk: ModuleType
    client: str
    title: str
    breaks: tuple[type[Exception], ...]
    key: str
    key_hint: str
    base_url: str | None = None
    at_once: int = 16
    tries: int = TRIES
    json_streams: bool = True
    silent: float = field(default_factory=lambda: settings().server_silence)


class ChatApi:
    """A client, made and used on the loop of `streams`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        http = server.sdk.DefaultAsyncHttpxClient(event_hooks={"response": [self._answered]})
        self._client = getattr(server.sdk, server.client)(
            api_key=server.key,
            base_url=server.base_url,
            max_retries=server.tries - 1,
            timeout=server.silent,
            http_client=http,
        )
        # Of the address, so that a limit holds for all runs of the process.
        self._limit = _limits.setdefault(str(self._client.base_url), asyncio.Semaphore(server.at_once))

    def close(self) -> None:
        """Close its connections; returns at once."""
        submit(self._client.close())

    async def chat(
        self,
        request: Mapping[str, Any],
        node: str,
        put: Put,
        read: Callable[[Any], list[Event]] | None = None,
    ) -> None:
        """One reply, streamed where it can be: its text as events of `node`, what it cost, and how it ended.

        Args:
            read: what a choice of a chunk says, where that is more than its text.
        """
        reply = _Reply(node, put, read or (lambda choice: _text(node, choice.delta.content)))
        whole = "response_format" in request and not self.server.json_streams
        with self._translated(request["model"]):
            try:
                async with self._request(node, put) as client:
                    if whole:
                        reply.take_whole(await client.chat.completions.create(**request))
                    else:
                        stream = await client.chat.completions.create(**request, stream=True)
                        async with stream:
                            async for chunk in stream:
                                reply.take(chunk)
            except self.server.sdk.BadRequestError as error:
                # Groq checks forced JSON itself and sends what the model wrote along with its refusal.
                written = (error.body or {}) if isinstance(error.body, dict) else {}
                written = written.get("error", written).get("failed_generation")
                if not isinstance(written, str):
                    raise
                reply.take_text(written)
            reply.finish()

    async def complete(
        self, request: Mapping[str, Any], node: str, put: Put, read: Callable[[Any], list[Event]]
    ) -> None:
        """The same for the completions endpoint, which goes on with plain text."""
        reply = _Reply(node, put, read)
        with self._translated(request["model"]):
            async with self._request(node, put) as client:
                stream = await client.completions.create(**request, stream=True)
                async with stream:
                    async for chunk in stream:
                        reply.take(chunk)
            reply.finish()

    def ask(self, work: Coroutine[Any, Any, T], limit: float) -> T:
        """Wait for one of this client's coroutines, at most `limit` seconds.

        Raises:
            ServerFailed: it took longer; and whatever it raises.
        """
        try:
            return wait_for(work, limit)
        except TimeoutError:
            title = self.server.title
            raise ServerFailed(
                f"{title} has not answered within {limit:.0f} seconds.", "Try again later."
            ) from None

    async def models(self) -> list[Any]:
        """What the server lists."""
        with self._translated(""):
            page = await self._client.with_options(max_retries=0).models.list()
            return list(page.data)

    @asynccontextmanager
    async def _request(self, node: str, put: Put) -> AsyncIterator[Any]:
        def told(seconds: float, reason: str) -> None:
            put(Waiting(node, seconds, reason))

        if self._limit.locked():
            told(0.0, "other requests are on their way to the same server")
        async with self._limit:
            token = _told.set(told)
            try:
                yield self._client
            finally:
                _told.reset(token)

    async def _answered(self, response: Any) -> None:
        """Called by the HTTP client with every answer, those that the SDK retries included."""
        tell, status = _told.get(), response.status_code
        tries = int(response.request.headers.get(_RETRIED, 0)) + 1
        if tell is None or tries >= self.server.tries or not (status in {408, 409, 429} or status >= 500):
            return
        reason = "its rate limit is reached" if status == 429 else f"it answered with error {status}"
        seconds = _number(response.headers.get("retry-after"))
        tell(seconds, f"{reason}; next is try {tries + 1} of {self.server.tries}")

    @contextmanager
    def _translated(self, model: str) -> Iterator[None]:
        broken: tuple[type[Exception], ...] = (OSError, *self.server.breaks)
        try:
            yield
        except PlaygroundError:
            raise
        except self.server.sdk.APIError as error:
            raise self._explained(error, model) from None
        except json.JSONDecodeError:
            raise ServerFailed(f"{self.server.title} sent a reply that is no JSON.", "Try again.") from None
        except broken as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> ServerFailed:
        said = self._clean(str(error)) or type(error).__name__
        if type(error).__name__.endswith("Timeout"):  # httpx and httpx2 share the names, not the classes
            said = f"it has not sent anything for {self.server.silent:g} seconds"
        return ServerFailed(
            f"{self.server.title} broke off in the middle of a reply: {said}.",
            "Run it again; what came is kept.",
        )

    def _explained(self, error: Any, model: str) -> ModelError | BadInput:
        """Our error for one of the SDK's. The original, which holds the request, is not kept."""
        sdk, title = self.server.sdk, self.server.title
        said = self._clean(_message(error))
        match error:
            case sdk.AuthenticationError():
                return KeyRefused(f"{title} does not take the key: {said}", self.server.key_hint)
            case sdk.PermissionDeniedError():
                return KeyRefused(
                    f"This key may not use {model or title}: {said}", "Use another key or model."
                )
            case sdk.NotFoundError():
                return BadInput(
                    f"{title} has no model {model!r}: {said}", "Choose one from its list of models."
                )
            case sdk.RateLimitError():
                seconds = _number(error.response.headers.get("retry-after"))
                wait = f"Wait {seconds:.0f} seconds" if seconds else "Wait a while"
                return RateLimited(
                    f"{title} turned the request away {self.server.tries} times: {said}",
                    f"{wait}, use fewer branches, or another model.",
                )
            case sdk.APITimeoutError():
                return ServerFailed(
                    f"{title} has not sent anything for {self.server.silent:g} seconds.",
                    "Try again, or choose another model.",
                )
            case sdk.APIConnectionError() if "Connect" not in type(error.__cause__).__name__:
                return ServerFailed(
                    f"{title} broke the connection off before its reply was whole, {self.server.tries} times.",
                    "Run it again; what came is kept.",
                )
            case sdk.APIConnectionError():
                return ServerFailed(
                    f"{title} cannot be reached at {self._client.base_url}.",
                    "Check the address and that the server runs.",
                )
            case sdk.InternalServerError():
                return ServerFailed(
                    f"{title} failed with error {error.status_code}: {said}", "Try again later."
                )
            case sdk.APIStatusError():
                return BadInput(
                    f"{title} refuses the request (error {error.status_code}): {said}",
                    "Change the settings or the model.",
                )
        return ServerFailed(f"{title} reported an error in its reply: {said}", "Try again.")

    def _clean(self, text: str) -> str:
        """What a server said, without the key should it repeat it."""
        return text.replace(self.server.key, "…")[:500] if self.server.key else text[:500]


class _Reply:
    """What has come of one reply."""

    def __init__(self, node: str, put: Put, read: Callable[[Any], list[Event]]) -> None:
        self._node, self._put, self._read = node, put, read
        self._end: EndReason | None = None
        self._usage: Usage | None = None
        self._tokens = 0
        put(Spent(node, Usage(calls=1)))

    def take(self, chunk: Any) -> None:
        for choice in chunk.choices:
            for event in self._read(choice):
                self._tokens += isinstance(event, TokenAdded)
                self._put(event)
            if choice.finish_reason:
                self._end = _ENDS.get(choice.finish_reason, "stop")
                if choice.finish_reason not in _ENDS:
                    self._put(Warned(f"The server ended the reply: {choice.finish_reason}.", self._node))
        if (usage := _usage(chunk)) is not None:
            self._usage = usage

    def take_whole(self, completion: Any) -> None:
        """A reply that came in one piece."""
        choice = completion.choices[0]
        self.take_text(choice.message.content or "")
        self._end = _ENDS.get(choice.finish_reason, "stop")
        self._usage = _usage(completion)

    def take_text(self, text: str) -> None:
        if text:
            self._put(TextAdded(self._node, text))
        self._end = "stop"

    def finish(self) -> None:
        """Say what the reply cost and how it ended; one that stopped in the middle is an error."""
        self._put(Spent(self._node, self._usage or Usage(completion_tokens=self._tokens)))
        if self._end is None:
            raise ServerFailed(
                "The server ended its reply in the middle.", "Run it again; what came is kept."
            )
        if self._usage is None:
            self._put(Warned(PROMPT_UNCOUNTED if self._tokens else UNCOUNTED))
        self._put(TextEnded(self._node, self._end))


def _text(node: str, text: str | None) -> list[Event]:
    return [TextAdded(node, text)] if text else []


def _usage(chunk: Any) -> Usage | None:
    """What the last chunk says was spent; Groq keeps it in a place of its own."""
    usage = getattr(chunk, "usage", None) or getattr(getattr(chunk, "x_groq", None), "usage", None)
    if usage is None:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or 0,
        completion_tokens=usage.completion_tokens or 0,
    )


def _message(error: Any) -> str:
    """The server's own words, from the places where servers put them."""
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        said = inner.get("message") if isinstance(inner, dict) else inner
        if isinstance(said, str):
            return said.strip()
    return str(error).strip()


def _number(text: str | None) -> float:
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, float(text or 0))
    return 0.0
