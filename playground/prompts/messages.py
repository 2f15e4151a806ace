"""What a prompt is made of: messages, and the words a reply begins with.

Knows no texts and no models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Prompt:
    """Messages, and the words the assistant's next turn is made to begin with.

    Without messages, `prefill` is plain text to continue, in no form of conversation.
    """

    messages: tuple[Message, ...]
    prefill: str = ""


@dataclass(frozen=True)
class Written:
    """A prompt as a model has read it before, to be read again: the exact text with special tokens written out,
    and its token ids where the text alone would give others (as in `CallStarted`)."""

    text: str
    ids: tuple[int, ...] = ()
