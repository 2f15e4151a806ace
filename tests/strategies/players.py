"""Two models that play the same table of replies: one with open distributions, one that gives nothing but texts."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from playground.events import CallStarted, Event, Spent, TextAdded, TextEnded, Usage
from playground.models.base import Capabilities, Completion, Prompts, each
from playground.prompts import render_plain
from playground.sampling import Sampling
from playground.strategies import Question, get
from playground.trace import Trace
from tests.scripted import Scripted, Way

Table = Sequence[tuple[tuple[str, ...], Sequence[str]]]
"""Texts that a prompt contains, and the replies to it in turn; the first row that fits is played."""


def replies(table: Table, prompt: str) -> Sequence[str]:
    return next(said for contains, said in table if all(text in prompt for text in contains))


def spoken(text: str) -> Way:
    return Way(1.0, tuple((piece, 0.5) for piece in re.findall(r"\s*\S+|\s+$", text)))


class Tokens(Scripted):
    """Every word a token of log-probability −0.5, with the white space before it."""

    def __init__(self, table: Table) -> None:
        super().__init__(lambda prompt: [spoken(text) for text in replies(table, prompt)])


class Chat:
    """Texts only: no tokens, no beginning of a reply, one request for each."""

    name = "chat"
    versions: Mapping[str, str] = {}
    capabilities = Capabilities(streaming=True)

    def __init__(self, table: Table) -> None:
        self.table = table
        self.prompts: list[str] = []
        self.turns: dict[str, int] = {}

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
        done = []
        asked = [render_plain(own) for own in each(prompt, nodes)]
        for own, text in zip(nodes, asked, strict=True):
            self.prompts.append(text)
            yield CallStarted(own, purpose, text)
        for own, text in zip(nodes, asked, strict=True):
            said = replies(self.table, text)
            turn = self.turns[text] = self.turns.get(text, -1) + 1
            reply = said[turn % len(said)]
            yield TextAdded(own, reply)
            yield TextEnded(own, "stop")
            yield Spent(node, Usage(calls=1, prompt_tokens=10, completion_tokens=len(reply.split())))
            done.append(Completion(own, reply, (), "stop"))
        return done


class Rewards:
    """A reward model that knows some texts; of any other it thinks nothing. Keeps what it was asked."""

    name = "rewards"

    def __init__(self, known: Mapping[str, float]) -> None:
        self.known = known
        self.items: list[tuple[str, tuple[str, ...]]] = []

    def load(self, name: str) -> Rewards:
        assert name == "reward:embedded"
        return self

    def rewards(
        self, items: Sequence[tuple[str, Sequence[str]]], *, node: str, purpose: str
    ) -> Generator[Event, None, list[list[float]]]:
        self.items += [(question, tuple(steps)) for question, steps in items]
        yield Spent(node, Usage(calls=len(items), prompt_tokens=5 * len(items), forward_passes=1))
        # Only the last step's counts; the ones before are there to be ignored.
        return [[0.999] * (len(steps) - 1) + [self.known.get(" ".join(steps), 0.0)] for _, steps in items]


def events(
    name: str, model: Any, question: Question | str = "How many?", *, load: Any = None, **params: Any
) -> Iterator[Event]:
    strategy = get(name)
    asked = Question(question) if isinstance(question, str) else question
    more = {} if load is None else {"load": load}
    if load is not None and "scorer" in strategy.params.model_fields:
        params.setdefault("scorer", "PRM")
    return strategy.run(asked, model, strategy.parse(params), seed=3, **more)


def play(name: str, model: Any, question: Question | str = "How many?", **params: Any) -> Trace:
    trace = Trace()
    for event in events(name, model, question, **params):
        trace.apply(event)
    return trace


SILENT = "well this is hard to say without knowing more about everything here"
"""A reply in which no answer is found."""
