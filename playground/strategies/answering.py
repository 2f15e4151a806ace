"""From a finished piece of writing to its answer and how sure the model was of it; shared by the strategies.

Boundary: reads tokens and text that are already there; calls a model only to write, or to have an answer stated.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

from playground import answers, marking, prompts
from playground.events import AnswerFound, Event, NodeClosed, NodeOpened, NodeScored, TokenAdded
from playground.models.base import Branch, Model, Prompts, TokenModel, forked
from playground.sampling import GREEDY, Sampling
from playground.strategies.base import Place, Question, Result

DELTA = "mean top-2 margin over the answer's tokens"
ANSWER_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Path:
    """A completed branch with its answer, if one was found, and its scores.

    Attributes:
        delta: Δ, mean of p(first) − p(second) over the answer's own tokens on raw logits (Wang & Zhou 2024,
            §2.2), in [0, 1]; None without an answer or without tokens.
        sequence_delta: the same mean over every token; what public code often computes by mistake.
        logprob: mean log-probability per token, nats; None without tokens.
        text: what was written, and the answer that was asked for after it where it was.
        tokens: of what was written; empty for a backend without tokens.
    """

    node: str
    answer: AnswerFound | None
    delta: float | None
    sequence_delta: float | None
    logprob: float | None
    text: str = ""
    tokens: tuple[TokenAdded, ...] = field(default=(), repr=False)

    @property
    def canonical(self) -> str | None:
        return self.answer.canonical if self.answer else None


def read_path(node: str, text: str, tokens: Sequence[TokenAdded], family: str | None = None) -> Path:
    """Locate the answer in `text` and measure the branch; `tokens` may be empty (text-only backends)."""
    answer = find_answer(node, text, tokens, family)
    span = tokens[answer.first_token : answer.last_token] if answer and tokens else ()
    return Path(
        node,
        answer,
        mean_margin(span) if span else None,
        mean_margin(tokens) if tokens else None,
        sum(t.logprob for t in tokens) / len(tokens) if tokens else None,
        text,
        tuple(tokens),
    )


def find_answer(node: str, text: str, tokens: Sequence[TokenAdded], family: str | None) -> AnswerFound | None:
    """The answer's exact place in the text and, where there are tokens, in the tokens; None if there is none."""
    first = last = None
    offsets: list[tuple[int, int]] = []
    if tokens:
        text, offsets = answers.offsets_from_pieces([t.data for t in tokens])
    span = answers.locate(text, kind=marking.kind(family))
    if span is None:
        return None
    if tokens:
        covered = answers.token_span(span, offsets)
        first, last = covered.start, covered.stop
    return AnswerFound(node, span.text, answers.normalise(span.text), span.start, span.end, first, last)


def mean_margin(tokens: Sequence[TokenAdded]) -> float:
    return sum(t.margin for t in tokens) / len(tokens)


def scored(path: Path) -> Generator[Event, None, None]:
    """The path's answer and scores as events."""
    if path.answer:
        yield path.answer
    if path.delta is not None:
        yield NodeScored(path.node, "delta", path.delta, DELTA)
    if path.sequence_delta is not None:
        yield NodeScored(
            path.node, "sequence delta", path.sequence_delta, "mean top-2 margin over every token"
        )
    if path.logprob is not None:
        yield NodeScored(path.node, "logprob", path.logprob, "mean log-probability per token, nats")


def conclude(path: Path) -> Generator[Event, None, Result]:
    """End a strategy that wrote one text: its answer, with Δ as the confidence where there are tokens."""
    yield from scored(path)
    if path.answer is None:
        yield NodeClosed(path.node, "kept", "no answer found in the text")
        return Result(None)
    yield NodeClosed(path.node, "chosen")
    return Result(path.answer.text, path.node, path.delta, DELTA if path.delta is not None else None)


def write(
    question: Question,
    model: Model,
    prompt: Prompts,
    nodes: Sequence[str],
    sampling: Sampling,
    place: Place,
    *,
    purpose: str,
    max_new_tokens: int,
    state_answer: bool,
) -> Generator[Event, None, list[Path]]:
    """Continue `prompt`, or the prompt of each node, once per node and read the answers.

    With `state_answer`, a reply that states none is led to it by "So the answer is" (the second prompt of Kojima et
    al. 2022, §3).
    """
    if isinstance(model, TokenModel) and model.capabilities.full_logits:
        branches = yield from forked(model, prompt, nodes, node=place.node, purpose=purpose)
        yield from model.decode(
            branches, sampling, node=place.node, max_new_tokens=max_new_tokens, seed=place.seed
        )
        if state_answer:
            yield from lead_to_answer(
                model, [b for b in branches if not answers.states_answer(b.text)], place
            )
        return [read_path(b.node, b.text, b.tokens, question.family) for b in branches]
    replies = yield from model.sample(
        prompt,
        nodes,
        sampling,
        node=place.node,
        purpose=purpose,
        max_new_tokens=max_new_tokens,
        seed=place.seed,
    )
    paths = []
    for reply in replies:
        path = read_path(reply.node, reply.text, reply.tokens, question.family)
        if state_answer and not answers.states_answer(reply.text):
            path = yield from ask_for_answer(question, model, path, reply.text, place)
        paths.append(path)
    return paths


def lead_to_answer(
    model: TokenModel, branches: Sequence[Branch], place: Place
) -> Generator[Event, None, None]:
    """Write "So the answer is" at the end of each branch and let it go on greedily."""
    able = [branch for branch in branches if branch.end != "context full"]
    for branch in able:
        branch.force(f" {prompts.answer_cue}")
    if able:
        yield from model.decode(able, GREEDY, node=place.node, max_new_tokens=ANSWER_TOKENS, seed=place.seed)


def ask_for_answer(
    question: Question, model: Model, path: Path, text: str, place: Place
) -> Generator[Event, None, Path]:
    """The same for a backend whose replies cannot be continued in place: a further call, in a node below."""
    node = f"{path.node}/answer"
    yield NodeOpened(node, path.node, "answer", prompts.answer_cue)
    [stated] = yield from model.sample(
        prompts.state_answer(question.text, text),
        [node],
        GREEDY,
        node=path.node,
        purpose="state the answer",
        max_new_tokens=ANSWER_TOKENS,
        seed=place.seed,
    )
    found = read_path(node, stated.text, stated.tokens, question.family)
    if found.answer is None:
        return path
    whole = f"{text.rstrip()} {prompts.answer_cue} {found.answer.text}."
    return replace(path, answer=found.answer, delta=found.delta, text=whole)
