"""A script that tells its next-token distributions, or their likeliest tokens: a `TokenModel`, as far as a file can be.

Boundary: a reply's ways are the branches of a tree of tokens; reading a prompt finds the tree, decoding walks it. What
the file does not say (what follows a token it only names, or words forced where it expects none) is an error that says
so; nothing is made up. Sampling honours the temperature; top-k, top-p and min-p change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from playground.errors import BadInput, CapabilityError
from playground.events import (
    Alternative,
    CallStarted,
    EndReason,
    Event,
    Spent,
    TextEnded,
    TokenAdded,
    Usage,
)
from playground.models.base import Branch, Completion, Prompts, forked
from playground.models.script import Reply, Token, Way, options
from playground.models.script_replies import ScriptedModel, drawn
from playground.models.stopping import StopText
from playground.prompts import Prompt, Written, render_plain
from playground.sampling import Sampling, validate


@dataclass(eq=False)
class ScriptedBranch:
    """A walk through a reply's ways; see `playground.models.base.Branch`.

    Attributes:
        ways: those that begin with what has been written. `depth`: how many of their tokens have been.
        first: the token it is made to begin with.
        queue: forced words and what follows them, with whether each is forced.
        room: pieces that fit into the context.
    """

    model: ScriptedTokenModel
    reply: Reply
    node: str
    ways: tuple[Way, ...]
    depth: int
    room: int | None
    first: str | None = None
    queue: list[tuple[Token, bool]] = field(default_factory=list)
    tokens: list[TokenAdded] = field(default_factory=list)
    end: EndReason | None = None
    begun: bool = False

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    def force(self, text: str) -> None:
        expected = next((way.forced for way in self.ways if way.forced), ())
        if not "".join(token.text for token in expected).startswith(text):
            raise BadInput(
                f"The script does not say what follows when {text!r} is forced after {self.text!r}.",
                "Give this way its `forced` tokens, or turn state_answer off.",
            )
        at = 0
        for token in expected:
            self.queue.append((token, at < len(text)))
            at += len(token.text)
        self.end = None


@dataclass(frozen=True, eq=False)
class ScriptedPrefix:
    """A prompt that has been read; see `playground.models.base.Prefix`."""

    model: ScriptedTokenModel
    reply: Reply
    ways: tuple[Way, ...]
    depth: int
    token_count: int
    room: int | None

    def top(self, k: int) -> list[Alternative]:
        known = self._known()
        if not 1 <= k <= len(known):
            raise BadInput(
                f"k = {k} first tokens cannot be taken from the {len(known)} that the script knows there.",
                f"Choose k between 1 and {len(known)}.",
            )
        return [Alternative(self.model.id(text), text, p) for text, p in known.items()][:k]

    def alternatives(self, ids: Sequence[int]) -> list[Alternative]:
        known = self._known()
        texts = [self.model.text(id) for id in ids]
        return [
            Alternative(id, text, known.get(text, -math.inf)) for id, text in zip(ids, texts, strict=True)
        ]

    def _known(self) -> dict[str, float]:
        """What the model tells of the next token, likeliest first."""
        can, known = self.model.capabilities, options(self.ways, self.depth)
        return dict(islice(known.items(), None if can.full_logits else can.top_logprobs))

    def logits(self) -> npt.NDArray[np.float32]:
        if not self.model.capabilities.full_logits:
            raise CapabilityError(
                f"{self.model.name} tells only its likeliest next tokens.",
                "Choose a model with all of its logits.",
            )
        logits = np.full(len(self.model.vocabulary), -np.inf, dtype=np.float32)
        for text, logprob in options(self.ways, self.depth).items():
            logits[self.model.id(text)] = logprob
        return logits

    def fork(self, nodes: Sequence[str], first: Sequence[int] | None = None) -> list[Branch]:
        if first is not None and len(first) != len(nodes):
            raise BadInput(
                f"{len(nodes)} branches were given {len(first)} first tokens.", "Give one for each."
            )
        firsts: list[str | None] = (
            [None] * len(nodes) if first is None else [self.model.text(i) for i in first]
        )
        for text in firsts:
            _beginning(self.ways, self.depth, text)
        return [
            ScriptedBranch(self.model, self.reply, node, self.ways, self.depth, self.room, text)
            for node, text in zip(nodes, firsts, strict=True)
        ]


class ScriptedTokenModel(ScriptedModel):
    """A script with open distributions; branches grow together, a token of each at a step."""

    ends = frozenset[int]()

    def id(self, text: str) -> int:
        return self._ids[text]

    def text(self, id: int) -> str:
        if not 0 <= id < len(self.vocabulary):
            raise BadInput(f"{id} is no token id.", f"Use ids from 0 to {len(self.vocabulary) - 1}.")
        return self.vocabulary[id]

    def prefill(
        self, prompt: Prompt | Written, *, node: str, purpose: str, then: Sequence[int] = ()
    ) -> Generator[Event, None, ScriptedPrefix]:
        """Find the reply to a prompt, and in its ways the tokens `then`.

        Raises:
            BadInput: the prompt does not fit the context, or no way begins with `then`.
            ModelError: the file has no reply to this prompt.
        """
        text = prompt.text if isinstance(prompt, Written) else render_plain(prompt)
        words, room = self.measured(text)
        yield CallStarted(node, purpose, text)
        yield Spent(node, Usage(prompt_tokens=words + len(then)))
        reply = self.reply(text, purpose, node)
        yield from self.paused(node, reply.wait)
        ways = tuple(way for way in reply.choices if way.tokens is not None)
        if not ways and reply.choices[0].error is not None:
            raise reply.choices[0].error.error()
        for depth, id in enumerate(then):
            ways = _beginning(ways, depth, self.text(id))
        return ScriptedPrefix(self, reply, ways, len(then), words + len(then), room and room - len(then))

    def measure(
        self,
        prompt: Prompt | Written,
        *,
        node: str,
        purpose: str,
        then: Sequence[int] = (),
        alternatives: int = 10,
    ) -> Generator[Event, None, list[tuple[TokenAdded, int | None]]]:
        """Always refused: a script says what it writes, not how it would have foreseen other texts."""
        yield from ()
        raise CapabilityError("A script foresees no other text than its own.", "Choose another model.")

    def decode(
        self,
        branches: Sequence[Branch],
        sampling: Sampling,
        *,
        node: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
    ) -> Generator[Event, None, None]:
        """Grow all branches together until each has ended; see `TokenModel.decode`."""
        validate(sampling)
        mine = [b for b in branches if isinstance(b, ScriptedBranch) and b.model is self]
        if len(mine) < len(branches):
            raise BadInput("A branch can only be grown by the model that made it.", "Read the prompt again.")
        yield Spent(node, Usage(calls=sum(not branch.begun for branch in mine)))
        watches = {branch.node: StopText([text.encode() for text in stop]) for branch in mine}
        growing = [branch for branch in mine if branch.end in (None, "length")]
        for step in range(max_new_tokens + 1):
            written = 0
            if growing and step < max_new_tokens:
                yield from self.paused(node, max(self.pace(branch.reply) for branch in growing))
            for branch in growing:
                branch.begun, branch.end = True, None
                token = self._next(branch, sampling, seed)
                if token is None:
                    branch.end = "stop"
                elif branch.room is not None and len(branch.tokens) >= branch.room:
                    branch.end = "context full"
                elif step == max_new_tokens:
                    branch.end = "length"
                else:
                    written += 1
                    yield from self._add(branch, token, sampling, watches[branch.node])
                if branch.end is not None:
                    yield from _released(branch, watches[branch.node].release())
                    yield TextEnded(branch.node, branch.end)
            if written:
                yield Spent(node, Usage(completion_tokens=written))
            growing = [branch for branch in growing if branch.end is None]
            if not growing:
                return

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
        branches = yield from forked(self, prompt, nodes, node=node, purpose=purpose)
        yield from self.decode(
            branches, sampling, node=node, max_new_tokens=max_new_tokens, seed=seed, stop=stop
        )
        return [Completion(b.node, b.text, tuple(b.tokens), b.end or "length") for b in branches]

    def _next(
        self, branch: ScriptedBranch, sampling: Sampling, seed: int
    ) -> tuple[Token, bool, dict[str, float]] | None:
        """The token that comes next, whether it is forced, and what else could have come; None at the end."""
        if branch.queue:
            token, forced = branch.queue[0]
            return token, forced, token.known
        for way in branch.ways:
            if way.error is not None and way.error.after <= branch.depth and len(branch.ways) == 1:
                raise way.error.error()
        coming = (_token(way, branch.depth) for way in _beginning(branch.ways, branch.depth, branch.first))
        tokens = {token.text: token for token in coming if token is not None}
        if not tokens:
            return None
        known = dict(options(branch.ways, branch.depth))
        names = list(tokens)
        odds = [math.exp(tokens[name].logprob) for name in names]
        chosen = tokens[names[drawn(odds, sampling, f"{seed}\0{branch.node}\0{branch.depth}")]]
        return chosen, branch.first is not None, known

    def _add(
        self,
        branch: ScriptedBranch,
        given: tuple[Token, bool, dict[str, float]],
        sampling: Sampling,
        watch: StopText,
    ) -> Iterator[Event]:
        token, forced, known = given
        event = self.token(branch.node, token, sampling, known)
        if forced:
            event = replace(event, chosen="forced")
        if branch.queue:
            branch.queue.pop(0)
            if not branch.queue:
                branch.ways = ()
        else:
            branch.ways = tuple(way for way in branch.ways if _text_at(way, branch.depth) == token.text)
            branch.depth += 1
            branch.first = None
        released, stopped = watch.take(event)
        yield from _released(branch, released)
        if stopped:
            branch.end = "stop text"


def _released(branch: ScriptedBranch, tokens: Sequence[TokenAdded]) -> Iterator[TokenAdded]:
    branch.tokens += tokens
    yield from tokens


def _token(way: Way, depth: int) -> Token | None:
    tokens = way.tokens or ()
    if way.endless:
        return tokens[depth % len(tokens)]
    return tokens[depth] if depth < len(tokens) else None


def _text_at(way: Way, depth: int) -> str | None:
    token = _token(way, depth)
    return None if token is None else token.text


def _beginning(ways: Sequence[Way], depth: int, text: str | None) -> tuple[Way, ...]:
    """The ways that have this token there; all of them for None."""
    found = tuple(way for way in ways if text is None or _text_at(way, depth) == text)
    if text is not None and not found:
        raise BadInput(
            f"The script does not say what follows {text!r} there.", "Add a way that goes on from it."
        )
    return found
