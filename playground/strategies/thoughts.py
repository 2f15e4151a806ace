"""Thoughts for tree search: several ways to take the next step, and what each state is worth.

Boundary: asks the model for thoughts and for opinions of them (Yao et al. 2023, §3); which states are gone on with is
the searching strategy's business.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from playground import answers, prompts
from playground.events import Event, NodeClosed, NodeOpened, NodeScored, Titled
from playground.models.base import Model
from playground.sampling import Sampling
from playground.strategies.answering import read_path
from playground.strategies.base import Place, Question
from playground.strategies.stepping import Line, grow

Way = Literal["propose", "sample"]

VALUES: Mapping[str, float] = {"sure": 20.0, "likely": 1.0, "impossible": 0.001}
"""What a word of the value prompt counts (Yao et al. 2023, game of 24)."""
UNREADABLE = VALUES["likely"]


def think(
    question: Question,
    model: Model,
    lines: Sequence[Line],
    n: int,
    way: Way,
    sampling: Sampling,
    place: Place,
    *,
    max_new_tokens: int,
) -> Generator[Event, None, list[list[Line]]]:
    """Up to `n` different next thoughts of every line, all asked for in one batch.

    "propose" asks for a list in one reply, so that thoughts differ from each other; "sample" draws each for itself.
    """
    if way == "sample":
        grown = yield from grow(
            question, model, [(line, n) for line in lines], sampling, place, max_new_tokens=max_new_tokens
        )
        different = []
        for siblings in grown:
            kept: dict[str, Line] = {}
            for line in siblings:
                if kept.setdefault(line.steps[-1] if line.steps else "", line) is not line:
                    yield NodeClosed(line.node, "pruned", "the same thought as an earlier one")
            different.append(list(kept.values()))
        return different
    nodes = [f"{line.node}/proposals" for line in lines]
    for node, line in zip(nodes, lines, strict=True):
        yield NodeOpened(node, line.node, "proposal", f"{n} next thoughts asked for")
    replies = yield from model.sample(
        [prompts.propose(question.text, line.steps, n) for line in lines],
        nodes,
        sampling,
        node=place.node,
        purpose="propose thoughts",
        max_new_tokens=max_new_tokens * n,
        seed=place.seed,
    )
    proposed: list[list[Line]] = []
    for line, reply in zip(lines, replies, strict=True):
        yield NodeClosed(reply.node, "kept")
        found = list(dict.fromkeys(filter(None, map(_bare, reply.text.splitlines()))))[:n]
        proposed.append([])
        for i, text in enumerate(found, 1):
            child = stated(line, f"{line.node}/{i}", text, question.family)
            yield NodeOpened(child.node, line.node, "thought", text)
            yield Titled(child.node, "", text, final=child.done)
            if child.answer is not None:
                yield child.answer
            proposed[-1].append(child)
    return proposed


_BULLET = re.compile(r"\s*(?:[-•*]|\(?\d{1,2}[.):])\s+")


def _bare(line: str) -> str:
    """A proposal without the number or bullet before it."""
    return _BULLET.sub("", line, count=1).strip()


def stated(line: Line, node: str, text: str, family: str | None) -> Line:
    """The line with a thought that is known as a text."""
    done = answers.announces_answer(text)
    path = read_path(node, text, (), family)
    return replace(
        line,
        node=node,
        steps=(*line.steps, text),
        done=done,
        answer=path.answer if done else None,
        delta=None,
    )


def values(
    question: Question, model: Model, lines: Sequence[Line], samples: int, sampling: Sampling, place: Place
) -> Generator[Event, None, list[float]]:
    """What every state is worth: `samples` opinions each, summed; in (0, 20 × samples]."""
    nodes = [f"{line.node}/value-{i + 1}" for line in lines for i in range(samples)]
    if not nodes:
        return []
    for i, node in enumerate(nodes):
        yield NodeOpened(node, lines[i // samples].node, "verdict", "can the answer still be reached?")
    replies = yield from model.sample(
        [prompts.value(question.text, line.steps) for line in lines for _ in range(samples)],
        nodes,
        sampling,
        node=place.node,
        purpose="value",
        max_new_tokens=80,
        seed=place.seed,
    )
    opinions = [opinion(reply.text) for reply in replies]
    found = [sum(opinions[i : i + samples]) for i in range(0, len(opinions), samples)]
    what = f"sure 20, likely 1, impossible 0.001; sum of {samples}"
    for line, value in zip(lines, found, strict=True):
        yield NodeScored(line.node, "value", value, what)
    return found


def opinion(text: str) -> float:
    """The last of the three words in a reply, as its value; a reply without any counts as likely."""
    said = [word.strip(".,:;!\"'*()").lower() for word in text.split()]
    return next((VALUES[word] for word in reversed(said) if word in VALUES), UNREADABLE)


def votes(
    question: Question, model: Model, lines: Sequence[Line], samples: int, sampling: Sampling, place: Place
) -> Generator[Event, None, list[float]]:
    """How many of `samples` votes every state gets; a vote names one of all of them."""
    nodes = [place.child(f"vote-{lines[0].depth}-{i + 1}") for i in range(samples)] if lines else []
    if not nodes:
        return []
    for node in nodes:
        yield NodeOpened(node, place.node, "vote", "which is the most promising?")
    replies = yield from model.sample(
        prompts.vote(question.text, [line.steps for line in lines]),
        nodes,
        sampling,
        node=place.node,
        purpose="vote",
        max_new_tokens=8,
        seed=place.seed,
    )
    counts = [0.0] * len(lines)
    for reply in replies:
        number = next((int(word) for word in _words(reply.text) if word.isdecimal()), 0)
        if 1 <= number <= len(lines):
            counts[number - 1] += 1
            yield NodeClosed(reply.node, "kept", f"for {number}")
        else:
            yield NodeClosed(reply.node, "failed", "names none of them")
    for line, count in zip(lines, counts, strict=True):
        yield NodeScored(line.node, "votes", count, f"of {samples} votes for the most promising")
    return counts


def _words(text: str) -> list[str]:
    return [word.strip(".,:;!\"'*()#") for word in text.split()]
