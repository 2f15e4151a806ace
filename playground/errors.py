"""The project's own errors: each says what went wrong and the exact step that mends it.

Boundary: knows nothing of models, runs or screens. The command line prints `message` and `hint` on one
line and exits with 2; the pages show the same two texts; a failed run keeps them in its `run_failed` event.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PlaygroundError(Exception):
    """Something a person can mend.

    Args:
        message: what is wrong, in one sentence.
        hint: the mending step, in one imperative sentence.
    """

    retryable = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(PlaygroundError):
    """The question, a setting or a file is not something that can be run."""


class UnknownName(BadInput):
    """A model, strategy or puzzle family that is not registered."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
        super().__init__(f"There is no {what} called {name!r}.", f"Choose one of: {', '.join(near)}.")


class ModelError(PlaygroundError):
    """A model cannot be loaded, or gave something that is not a distribution or a reply."""


class ModelBusy(ModelError):
    """A model finds no room, or cannot be let go, while runs use what is in memory."""

    retryable = True


class DownloadStopped(ModelError):
    """A download was cancelled or broke off; it goes on where it was when it is started again."""

    retryable = True


class CapabilityError(PlaygroundError):
    """A strategy needs something that the chosen model cannot give."""


class StoreError(PlaygroundError):
    """The database cannot be opened, read or written."""


class EngineError(PlaygroundError):
    """The engine process ended or could not be started."""

    retryable = True


class KeyRefused(ModelError):
    """A server wants a key, or does not take the one it was given."""


class RateLimited(ModelError):
    """A server turned requests away because there were too many, and trying again did not help."""

    retryable = True


class ServerFailed(ModelError):
    """A server could not be reached, broke off, or failed by itself."""

    retryable = True
