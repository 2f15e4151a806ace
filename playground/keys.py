"""The keys of the visitor for whom a thread works: typed by that visitor, or else the owner's from the environment.

Boundary: holds keys for as long as a run or a question takes, and no longer; never writes one anywhere. A typed key
comes with the request that needs it and is seen by the thread that works on it only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from playground.settings import settings

Keys = Mapping[str, str]
"""Keys by what wants them: "groq", or a server's address."""

_given: ContextVar[Keys | None] = ContextVar("keys", default=None)


@contextmanager
def given(keys: Keys | None) -> Iterator[None]:
    """Within it, this thread works for the visitor who typed these keys."""
    before = _given.set(keys)
    try:
        yield
    finally:
        _given.reset(before)


def typed() -> Keys:
    """The keys this thread's visitor typed."""
    return _given.get() or {}


def of_groq() -> str | None:
    """The key for Groq."""
    owners = settings().groq_api_key
    return typed().get("groq") or (owners.get_secret_value() if owners else None)


def own_server() -> str:
    """The address of the owner's OpenAI-compatible server."""
    return settings().openai_base_url.rstrip("/")


def of_server(address: str) -> str | None:
    """The key for an OpenAI-compatible server. The owner's goes to the owner's server only: a visitor may name any."""
    owners = settings().openai_api_key if address == own_server() else None
    return typed().get(address) or (owners.get_secret_value() if owners else None)
