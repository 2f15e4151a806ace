"""How good an answer, or the beginning of one, is: the ladder of scorers behind one function.

Boundary: from the exact checker, which knows the right answer, down to the model's own doubts. Higher is better, and
every scorer but the mean log-probability gives values in [0, 1]. What a scorer spends is charged to the place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from playground import marking, prompts
from playground.errors import BadInput, CapabilityError
from playground.events import AnswerFound, Event, NodeOpened, NodeScored, TokenAdded
from playground.models.base import Model, RewardModel, TokenModel, forked
from playground.prompts import texts
from playground.sampling import GREEDY, Sampling
from playground.strategies.answering import Path
from playground.strategies.base import Place, Question
from playground.strategies.stepping import Line, sentences

Scorer = Literal["checker", "PRM", "self-judge", "delta", "logprob"]
SCORERS: tuple[Scorer, ...] = get_args(Scorer)

WHAT: dict[Scorer, str] = {
    "checker": "1 if the answer is right, checked exactly",
    "PRM": "reward model's probability that the last step is right",
    "self-judge": "probability the model gives to [[correct]]",
    "delta": "mean top-2 margin over the answer's tokens",
    "logprob": "mean log-probability per token, nats",
}
JUDGEMENTS = 3
"""Verdicts drawn from a backend that does not tell how likely each is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to be scored.

    Attributes:
        steps: its text, cut into steps where they are known; the steps joined by spaces are the text.
        tokens: empty where the backend gives none.
        delta: as in `answering.Path`.
    """

    node: str
    steps: tuple[str, ...]
    answer: AnswerFound | None
    tokens: tuple[TokenAdded, ...] = ()
    delta: float | None = None

    @property
    def text(self) -> str:
        return " ".join(self.steps)

    @classmethod
    def of_line(cls, line: Line) -> Candidate:
        return cls(line.node, line.steps, line.answer, line.tokens, line.delta)

    @classmethod
    def of_path(cls, path: Path, text: str, tokens: Sequence[TokenAdded] = ()) -> Candidate:
        """A whole reply, cut into its sentences."""
        return cls(path.node, sentences(text), path.answer, tuple(tokens), path.delta)


def score(
    scorer: Scorer,
    question: Question,
    model: Model,
    candidates: Sequence[Candidate],
    place: Place,
    *,
    reward_model: str = "reward:embedded",
) -> Generator[Event, None, list[float]]:
    """Score all candidates, in one batch where a model is asked; NodeScored for each.

    Raises:
        BadInput: the checker is chosen and the right answer is not known.
        CapabilityError: the model does not give what the scorer needs.
    """
    if not candidates:
        return []
    match scorer:
        case "checker":
            values = [checked(question, candidate) for candidate in candidates]
        case "delta":
            values = [_known(scorer, model, c.delta, c.answer is None) for c in candidates]
        case "logprob":
            values = [_known(scorer, model, _mean_logprob(c.tokens), False) for c in candidates]
        case "self-judge":
            values = yield from judged(question, model, candidates, place)
        case "PRM":
            values = yield from rewarded(question, candidates, place, reward_model)
    for candidate, value in zip(candidates, values, strict=True):
        yield NodeScored(candidate.node, scorer, value, WHAT[scorer])
    return values


def ready(
    scorer: Scorer, question: Question, model: Model, place: Place, *, reward_model: str = "reward:embedded"
) -> None:
    """See that a scorer can be used before anything is spent on what it is to score.

    Raises:
        PlaygroundError: what `score` would raise, or why there is no such reward model.
    """
    if scorer == "checker":
        _must_be_marked(question)
    elif scorer == "PRM":
        place.load(reward_model)
    elif scorer in ("delta", "logprob") and not (
        model.capabilities.full_logits or model.capabilities.top_logprobs
    ):
        _known(scorer, model, None, False)


def _must_be_marked(question: Question) -> None:
    if not marking.known(question.gold, question.family):
        raise BadInput(
            "The exact checker needs a question whose right answer is known.",
            "Draw a puzzle, give the right answer, or choose another scorer.",
        )


def checked(question: Question, candidate: Candidate) -> float:
    """1.0 for a right answer, 0.0 for a wrong one and for none."""
    _must_be_marked(question)
    if candidate.answer is None:
        return 0.0
    return float(bool(marking.right(question.text, candidate.answer.text, question.gold, question.family)))


def _known(scorer: Scorer, model: Model, value: float | None, empty: bool) -> float:
    if value is None and not empty:
        raise CapabilityError(
            f"The scorer {scorer!r} needs tokens with probabilities, which {model.name} does not give.",
            "Choose another scorer, or a model on this machine.",
        )
    return 0.0 if value is None else value


def _mean_logprob(tokens: Sequence[TokenAdded]) -> float | None:
    return sum(t.logprob for t in tokens) / len(tokens) if tokens else None


def rewarded(
    question: Question, candidates: Sequence[Candidate], place: Place, name: str
) -> Generator[Event, None, list[float]]:
    """The reward after the last step (it beats minimum and product: Snell et al. 2024, §5.1)."""
    reward_model: RewardModel = place.load(name)
    items = [(question.text, candidate.steps) for candidate in candidates]
    rewards = yield from reward_model.rewards(items, node=place.node, purpose="reward")
    return [values[-1] if values else 0.0 for values in rewards]


def judged(
    question: Question, model: Model, candidates: Sequence[Candidate], place: Place
) -> Generator[Event, None, list[float]]:
    """How likely the model is to call each answer correct rather than wrong.

    Where words can be put into the model's mouth, both verdicts are, and their probabilities compared; else the
    share of a few sampled verdicts. The verdicts are nodes under what they judge.
    """
    if isinstance(model, TokenModel) and model.capabilities.full_logits:
        nodes = [f"{c.node}/judge-{word}" for c in candidates for word in texts.VERDICTS]
        asked = [prompts.judge(question.text, c.text) for c in candidates for _ in texts.VERDICTS]
        for node, candidate in under(nodes, candidates):
            yield NodeOpened(node, candidate.node, "verdict", "verdict")
        branches = yield from forked(model, asked, nodes, node=place.node, purpose="judge")
        for branch, word in zip(branches, [*texts.VERDICTS] * len(candidates), strict=True):
            branch.force(word)
        yield from model.decode(
            branches, GREEDY, node=place.node, max_new_tokens=16, seed=place.seed, stop=("]",)
        )
        weights = [math.exp(sum(t.logprob for t in b.tokens if t.chosen == "forced")) for b in branches]
        return [a / (a + b) if a + b else 0.5 for a, b in zip(weights[::2], weights[1::2], strict=True)]
    nodes = [f"{c.node}/judge-{i + 1}" for c in candidates for i in range(JUDGEMENTS)]
    for node, candidate in under(nodes, candidates):
        yield NodeOpened(node, candidate.node, "verdict", "verdict")
    replies = yield from model.sample(
        [prompts.judge(question.text, c.text, prefill=False) for c in candidates for _ in range(JUDGEMENTS)],
        nodes,
        Sampling(True, 1.0),
        node=place.node,
        purpose="judge",
        max_new_tokens=16,
        seed=place.seed,
    )
    said = [verdict(reply.text) for reply in replies]
    groups = [said[i : i + JUDGEMENTS] for i in range(0, len(said), JUDGEMENTS)]
    return [share(group) for group in groups]


def under(nodes: Sequence[str], candidates: Sequence[Candidate]) -> Iterator[tuple[str, Candidate]]:
    """Each node with the candidate it belongs to; every candidate has as many, one after the other."""
    each = len(nodes) // len(candidates)
    return ((node, candidates[i // each]) for i, node in enumerate(nodes))


_VERDICT = re.compile(r"\[\[\s*(correct|wrong)\s*\]\]", re.IGNORECASE)


def verdict(text: str) -> bool | None:
    """The verdict a review ends with: whether it says correct; None if it says neither."""
    said = _VERDICT.findall(text)
    return said[-1].lower() == texts.VERDICTS[0] if said else None


def share(verdicts: Sequence[bool | None]) -> float:
    """Share of "correct" among the verdicts that say anything; a half where none does."""
    said = [verdict for verdict in verdicts if verdict is not None]
    return sum(said) / len(said) if said else 0.5
