"""A token model that plays a script: what may come after each prompt, with which probabilities and margins."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from playground.errors import BadInput
from playground.events import Alternative, CallStarted, EndReason, Event, Spent, TextEnded, TokenAdded, Usage
from playground.models.base import Capabilities, Completion, Prompts, forked
from playground.prompts import Prompt, Written, render_plain
from playground.sampling import Sampling


@dataclass(frozen=True)
class Way:
    """One way to go on: the probability of its first token, its pieces each with a margin, and what would
    follow were "So the answer is" written at its end."""

    p: float
    pieces: tuple[tuple[str, float], ...]
    after_cue: tuple[tuple[str, float], ...] = ()


def way(
    p: float, text: str, margin: float = 0.5, answer: str = "", answer_margin: float = 0.9, after: str = ""
) -> Way:
    """A way whose words are tokens; those of `answer` (at the end of the text) have their own margin."""
    words = [(w, margin) for w in _words(text)] + [(w, answer_margin) for w in _words(answer)]
    return Way(p, tuple(words), tuple((w, answer_margin) for w in _words(after)))


def _words(text: str) -> list[str]:
    return [f" {w}" for w in text.split()]


@dataclass
class ScriptedBranch:
    node: str
    way: Way
    tokens: list[TokenAdded] = field(default_factory=list)
    end: EndReason | None = None
    queue: list[tuple[str, float, bool]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(t.text for t in self.tokens)

    def force(self, text: str) -> None:
        self.queue = [(w, 0.1, True) for w in _words(text)] + [(w, m, False) for w, m in self.way.after_cue]
        self.end = None


@dataclass
class ScriptedPrefix:
    ways: Sequence[Way]
    token_count: int = 10
    draws: int = 0

    def top(self, k: int) -> list[Alternative]:
        if k > len(self.ways):
            raise BadInput(f"k = {k} is more than the {len(self.ways)} tokens of the vocabulary.", "Lower k.")
        best = sorted(enumerate(self.ways), key=lambda item: -item[1].p)[:k]
        return [Alternative(i, w.pieces[0][0], math.log(w.p)) for i, w in best]

    def alternatives(self, ids: Sequence[int]) -> list[Alternative]:
        return [Alternative(i, self.ways[i].pieces[0][0], math.log(self.ways[i].p)) for i in ids]

    def logits(self) -> np.ndarray:
        return np.log(np.array([w.p for w in self.ways], dtype=np.float32))

    def fork(self, nodes: Sequence[str], first: Sequence[int] | None = None) -> list[ScriptedBranch]:
        """Without forced first tokens the ways are handed out in turn, over all forks of this prefix."""
        branches = []
        for i, node in enumerate(nodes):
            chosen = self.ways[first[i] if first is not None else (self.draws + i) % len(self.ways)]
            branch = ScriptedBranch(node, chosen)
            branch.queue = [(w, m, first is not None and n == 0) for n, (w, m) in enumerate(chosen.pieces)]
            branches.append(branch)
        self.draws += len(nodes)
        return branches


class Scripted:
    """Plays `script(prompt text) -> ways`; keeps the prompts it was sent."""

    name = "scripted"
    ends = frozenset[int]()
    versions: dict[str, str] = {}  # noqa: RUF012
    capabilities = Capabilities(
        full_logits=True,
        branches=True,
        top_logprobs=10,
        top_k=True,
        min_p=True,
        seed=True,
        prefill=True,
        n=True,
        streaming=True,
        cancel=True,
        local=True,
        context_length=1000,
    )

    def __init__(self, script: Callable[[str], Sequence[Way]]) -> None:
        self.script = script
        self.prompts: list[str] = []
        self.prefixes: dict[str, ScriptedPrefix] = {}

    def prefill(
        self, prompt: Prompt | Written, *, node: str, purpose: str, then: Sequence[int] = ()
    ) -> Generator[Event, None, ScriptedPrefix]:
        text = prompt.text if isinstance(prompt, Written) else render_plain(prompt)
        text += "".join(f"<{id}>" for id in then)
        self.prompts.append(text)
        yield CallStarted(node, purpose, text)
        yield Spent(node, Usage(prompt_tokens=10, forward_passes=1))
        return self.prefixes.setdefault(text, ScriptedPrefix(self.script(text)))

    def measure(self, *args: object, **kwargs: object) -> Generator[Event, None, list[object]]:
        raise NotImplementedError("A script foresees nothing.")
        yield

    def decode(
        self,
        branches: Sequence[ScriptedBranch],
        sampling: Sampling,
        *,
        node: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
    ) -> Generator[Event, None, None]:
        yield Spent(node, Usage(calls=sum(1 for b in branches if not b.tokens)))
        for step in range(max_new_tokens + 1):
            growing = [b for b in branches if b.end is None]
            for branch in growing:
                if not branch.queue:
                    branch.end = "stop"
                elif step == max_new_tokens:
                    branch.end = "length"
                else:
                    text, margin, forced = branch.queue.pop(0)
                    chosen = "forced" if forced else "sampled" if sampling.do_sample else "greedy"
                    token = TokenAdded(branch.node, 1, text, -0.5, 1.0, margin, chosen)
                    branch.tokens.append(token)
                    yield token
                    continue
                yield TextEnded(branch.node, branch.end)
            if not growing:
                return
            yield Spent(node, Usage(completion_tokens=len(growing), forward_passes=1))

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
        yield from self.decode(branches, sampling, node=node, max_new_tokens=max_new_tokens, seed=seed)
        return [Completion(b.node, b.text, tuple(b.tokens), b.end or "stop") for b in branches]
