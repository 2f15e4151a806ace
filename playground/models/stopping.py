"""When a text ends for what it says: a stop text has come, or it goes round in circles.

Boundary: tokens' bytes and ids; pure, no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from playground.events import TokenAdded

LONGEST_PERIOD = 64
LEAST_REPEATED = 24


class StopText:
    """Watches one text for stop texts and holds tokens back while they may be the beginning of one.

    Attributes:
        cut: after a stop, how many of the newest tokens are not, or not wholly, part of the text.
        remainder: after a stop, the part before it of a token that runs over into it.
    """

    def __init__(self, stops: Sequence[bytes]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held: list[TokenAdded] = []
        self.cut = 0
        self.remainder = ""

    @property
    def holding(self) -> bool:
        """Whether a stop text may be under way."""
        return bool(self._held)

    def take(self, token: TokenAdded) -> tuple[list[TokenAdded], bool]:
        """The tokens now known to be text, and whether a stop text is complete."""
        self._held.append(token)
        data = b"".join(held.data for held in self._held)
        found = [at for stop in self._stops if (at := data.find(stop)) >= 0]
        if found:
            return self._cut_at(min(found)), True
        return self._before(self._undecided_from(data)), False

    def release(self) -> list[TokenAdded]:
        """Everything still held: the text has ended otherwise."""
        held, self._held = self._held, []
        return held

    def _undecided_from(self, data: bytes) -> int:
        """Where the longest ending of `data` that begins a stop text starts."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for start in range(max(0, len(data) - longest), len(data)):
            if any(stop.startswith(data[start:]) for stop in self._stops):
                return start
        return len(data)

    def _before(self, position: int) -> list[TokenAdded]:
        """Take out of hold the tokens that end at or before a byte position."""
        count = end = 0
        for token in self._held:
            end += len(token.data)
            if end > position:
                break
            count += 1
        released, self._held = self._held[:count], self._held[count:]
        return released

    def _cut_at(self, position: int) -> list[TokenAdded]:
        released = self._before(position)
        self.cut = len(self._held)
        left = position - sum(len(token.data) for token in released)
        if left:
            part = self._held[0].data[:left]
            self.remainder = part.decode("utf-8", errors="ignore")
            whole = self.remainder.encode() == part
            text, code = (self.remainder, "") if whole else ("", part.hex())
            released.append(replace(self._held[0], text=text, hex=code))
        self._held = []
        return released


def period(ids: Sequence[int], written: int) -> int:
    """How long the piece is that the end of a text repeats over and over, in tokens; 0 if it does not.

    It does when at least 24 tokens, and at least twice the piece's length, equal those one piece before them.

    Args:
        ids: the text; only its last `written` tokens are looked at.
    """
    for length in range(1, LONGEST_PERIOD + 1):
        span = max(LEAST_REPEATED, 2 * length)
        if written < span + length:
            return 0
        if ids[-span:] == ids[-span - length : -length]:
            return length
    return 0
