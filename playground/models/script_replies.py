"""The replies of a script to whole prompts, as a chat server gives them.

Boundary: a checked `Script` in, events out. It does what the file says, when the file says it, and counts what it
really reads and writes by one rule: a word of the prompt is a token, and so is every piece it writes (a word, unless
the file cuts it otherwise). It runs no network, so it counts no forward passes. `script_tokens` is for files that give
the whole next-token distribution.
"""

from __future__ import annotations

import heapq
import math
import random
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

from playground.errors import BadInput, ModelError
from playground.events import (
    Alternative,
    CallStarted,
    EndReason,
    Event,
    Spent,
    TextAdded,
    TextEnded,
    TokenAdded,
    Usage,
    Waiting,
)
from playground.models.base import Completion, Prompts, each
from playground.models.script import TOLERANCE, Failure, Reply, Script, Token, Way
from playground.prompts import Prompt, render_plain
from playground.sampling import Sampling, validate

TICK = 0.5
"""Seconds of waiting after which it says so, and a stopped run notices."""

Sleep = Callable[[float], None]
Piece = str | Token


@dataclass
class Play:
    """One reply being written; `pieces` with the part of each that is written."""

    node: str
    pieces: list[tuple[Piece, str]]
    end: EndReason
    failure: Failure | None
    wait: float
    pace: float
    tokens: list[TokenAdded] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


class ScriptedModel:
    """Replies to whole prompts, as a chat server does.

    Args:
        script: what it plays. `digest` identifies it in `versions`.
        name: what it is called in events.
        sleep: waits so many seconds.
    """

    def __init__(self, script: Script, *, name: str, digest: str = "", sleep: Sleep = time.sleep) -> None:
        self.script = script
        self.name = name
        self.capabilities = script.capabilities.capabilities()
        self.versions = {"script": digest, "counts": "words of prompts, pieces of replies"}
        # As a server does that tells texts only, one without branches gives its tokens no ids.
        self.vocabulary = script.vocabulary() if script.capabilities.open else ()
        self._ids = {text: id for id, text in enumerate(self.vocabulary)}
        self._sleep = sleep
        self._left = [reply.times for reply in script.replies]
        self._guard = threading.Lock()

    def sample(
        self,
        prompt: Prompts,
        nodes: Sequence[str],
        sampling: Sampling,
        *,
        node: str,
        purpose: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
        json_mode: bool = False,
    ) -> Generator[Event, None, list[Completion]]:
        """Write the file's reply for each of `nodes`, all together; see `playground.models.base.Model`.

        `json_mode` changes nothing: what the file says is written, JSON or not.

        Raises:
            BadInput: the prompt does not fit the context.
            ModelError: the file has no reply to this prompt.
            PlaygroundError: whatever the file says.
        """
        validate(sampling)
        settings = {"max_new_tokens": max_new_tokens, "json_mode": json_mode}
        asked = [render_plain(own) for own in each(prompt, nodes)]
        rooms: list[int | None] = []
        read = 0
        for i, text in enumerate(asked):
            words, room = self.measured(text)
            rooms.append(room)
            read += 0 if self.capabilities.n and text in asked[:i] else words
        if isinstance(prompt, Prompt):
            yield CallStarted(node, purpose, asked[0], settings)
        else:
            for own, text in zip(nodes, asked, strict=True):
                yield CallStarted(own, purpose, text, settings)
        yield Spent(node, Usage(calls=len(nodes), prompt_tokens=read))
        plays = [
            self._plan(self.reply(text, purpose, own), own, sampling, seed, max_new_tokens, room, stop)
            for own, text, room in zip(nodes, asked, rooms, strict=True)
        ]
        yield from self._write(plays, node, sampling)
        return [Completion(p.node, "".join(p.written), tuple(p.tokens), p.end) for p in plays]

    def measured(self, text: str) -> tuple[int, int | None]:
        """How many words a prompt has, and how many pieces fit after it (None for any number)."""
        words, context = len(text.split()), self.capabilities.context_length
        if context is not None and words >= context:
            raise BadInput(
                f"The prompt has {words} words; {self.name} holds {context} together with the reply.",
                "Shorten the question, or raise context_length in the script.",
            )
        return words, None if context is None else context - words

    def reply(self, prompt: str, purpose: str, node: str) -> Reply:
        """The first reply that fits and is not used up; one of its times is used now."""
        with self._guard:
            for i, reply in enumerate(self.script.replies):
                left = self._left[i]
                if left != 0 and reply.when.fits(prompt, purpose, node):
                    self._left[i] = None if left is None else left - 1
                    return reply
        raise ModelError(
            f"The script has no reply to this prompt (purpose {purpose!r}, node {node!r}).",
            "Add a reply without `when` at its end, for everything else.",
        )

    def pace(self, reply: Reply) -> float:
        return self.script.pace if reply.pace is None else reply.pace

    def paused(self, node: str, seconds: float) -> Iterator[Waiting]:
        """Let time pass, saying so now and then."""
        waited = 0.0
        while seconds - waited > TICK:
            self._sleep(TICK)
            waited += TICK
            yield Waiting(node, waited, "the script says so")
        if seconds > waited:
            self._sleep(seconds - waited)

    def token(
        self, node: str, token: Token, sampling: Sampling, known: Mapping[str, float] | None = None
    ) -> TokenAdded:
        """A token as an event. What the file gives of a distribution is all that is said of it.

        Args:
            known: log-probabilities of what might have come, if more than the token's own.
        """
        options = sorted((known or token.known).items(), key=lambda item: -item[1])
        odds = [math.exp(logprob) for _, logprob in options]
        margin = token.margin
        if margin is None:
            margin = odds[0] - (odds[1] if len(odds) > 1 else 0.0)
        entropy = token.entropy
        if entropy is None:
            whole = abs(sum(odds) - 1) <= TOLERANCE
            entropy = -sum(p * math.log2(p) for p in odds if p) + 0.0 if whole else None
        shown = None if self.capabilities.full_logits else self.capabilities.top_logprobs
        return TokenAdded(
            node,
            self._ids.get(token.text),
            token.text,
            token.logprob,
            entropy,
            min(1.0, margin),
            "greedy" if sampling.greedy and options[0][0] == token.text else "sampled",
            tuple(Alternative(self._ids.get(text), text, logprob) for text, logprob in options[:shown]),
        )

    def _plan(
        self,
        reply: Reply,
        node: str,
        sampling: Sampling,
        seed: int,
        max_new_tokens: int,
        room: int | None,
        stop: Sequence[str],
    ) -> Play:
        """What is going to be written at `node`, to its end."""
        odds = [way.p for way in reply.choices]
        way = reply.choices[drawn(odds, sampling, f"{seed}\0{node}")]
        failure, limit = way.error, max_new_tokens if room is None else min(max_new_tokens, room)
        pieces = [(piece, _text(piece)) for piece in islice(_pieces(way), limit + 1)]
        end: EndReason = "stop"
        if len(pieces) > limit:
            pieces, end = pieces[:limit], "length" if limit == max_new_tokens else "context full"
        if failure is not None and failure.after <= len(pieces):
            pieces = pieces[: failure.after]
        elif failure is not None and end != "stop":
            failure = None  # it is stopped before it comes to that
        before = _until(pieces, stop)
        if before is not None:
            pieces, end, failure = before, "stop text", None
        return Play(node, pieces, end, failure, reply.wait, self.pace(reply))

    def _write(self, plays: Sequence[Play], node: str, sampling: Sampling) -> Iterator[Event]:
        """All replies at once, each at its own pace."""
        due = [(play.wait + play.pace, 0, i) for i, play in enumerate(plays)]  # with equal times in turn
        heapq.heapify(due)
        now = 0.0
        while due:
            at, _, i = heapq.heappop(due)
            play = plays[i]
            yield from self.paused(play.node, at - now)
            now = at
            if len(play.written) < len(play.pieces):
                piece, text = play.pieces[len(play.written)]
                if isinstance(piece, Token):
                    token = replace(self.token(play.node, piece, sampling), text=text)
                    play.tokens.append(token)
                    yield token
                else:
                    yield TextAdded(play.node, text)
                play.written.append(text)
                yield Spent(node, Usage(completion_tokens=1))
                over = len(play.written) == len(play.pieces)
                heapq.heappush(due, (now if over else now + play.pace, len(play.written), i))
            elif play.failure is not None:
                raise play.failure.error()
            else:
                yield TextEnded(play.node, play.end)


def drawn(odds: Sequence[float], sampling: Sampling, seed: str) -> int:
    """Which of several ways is taken: the likeliest, or one drawn at the temperature; equal seeds draw alike."""
    if sampling.greedy:
        return max(range(len(odds)), key=odds.__getitem__)
    highest = max(odds)
    weights = [(p / highest) ** (1 / sampling.temperature) for p in odds]
    return random.Random(seed).choices(range(len(odds)), weights)[0]


def _pieces(way: Way) -> Iterator[Piece]:
    if way.tokens is not None:
        pieces: Sequence[Piece] = way.tokens
    elif way.pieces is not None:
        pieces = way.pieces
    else:
        pieces = re.findall(r"\s*\S+|\s+$", way.text or "")
    return cycle(pieces) if way.endless else iter(pieces)


def _text(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.text


def _until(pieces: Sequence[tuple[Piece, str]], stop: Sequence[str]) -> list[tuple[Piece, str]] | None:
    """What comes before the first stop text; None where none comes."""
    whole = "".join(text for _, text in pieces)
    found = [at for text in stop if text and (at := whole.find(text)) >= 0]
    if not found:
        return None
    left, kept = min(found), list[tuple[Piece, str]]()
    for piece, text in pieces:
        if left <= 0:
            break
        kept.append((piece, text[:left]))
        left -= len(text)
    return kept
