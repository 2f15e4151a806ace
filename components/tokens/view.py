"""What the token picture draws: branches, forks and texts of traces, as rows.

Boundary: pure functions on nodes and traces. Knows nothing of Streamlit, the browser or JSON (see `wire`). Text
from models passes through untouched, as data.
"""

from __future__ import annotations

import math
from codecs import getincrementaldecoder
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from components.tokens.order import arranged
from components.tokens.rows import ROWS, Origin, Row, Span, Summed, TokenView
from playground.events import AnswerFound, TokenAdded
from playground.quadrants import Cutoffs
from playground.trace import Node, Trace


@dataclass(frozen=True, slots=True)
class Fork:
    """A run of its own with one branch, `node`, whose first `index` tokens are those of the row with id `source`."""

    trace: Trace
    node: Node
    source: str
    index: int


def branch_view(
    trace: Trace, nodes: Sequence[Node] | None = None, *, limit: int = ROWS, forks: Sequence[Fork] = ()
) -> TokenView:
    """All branches of a run (or `nodes`), best first once they can be ranked, at most `limit` of them; below them
    the forks a person made, in the order given."""
    nodes = trace.with_role("branch") if nodes is None else nodes
    chosen = _chosen(trace, nodes)
    rows = [_branch_row(trace, node, i + 1, chosen) for i, node in enumerate(nodes)]
    rows += [_fork_row(fork, i + 1) for i, fork in enumerate(forks)]
    view = TokenView("branches", tuple(rows), (), trace.run_id, trace.running, _summed(nodes), limit=limit)
    return arranged(replace(view, cutoffs=Cutoffs.of(trace.started.params if trace.started else {})))


def strip_view(nodes: Iterable[Node], *, run: str = "", running: bool = False) -> TokenView:
    """Texts one below the other, without rows of cells: a single reply, or the steps of a chain."""
    rows = tuple(_text_row(run, node, i + 1, running, node.answer) for i, node in enumerate(nodes))
    return TokenView("strip", rows, run=run, running=running)


def pieces(tokens: Sequence[TokenAdded], ended: bool = True) -> tuple[str, ...]:
    """What each token shows. A character that several tokens spell, byte by byte, appears at the last one.

    Bytes that are no UTF-8 become U+FFFD; with `ended`, so does a character still unfinished at the end.
    """
    decoder = getincrementaldecoder("utf-8")("replace")
    out: list[str] = []
    pending = False
    for token in tokens:
        if not token.hex and not pending:
            out.append(token.text)
            continue
        out.append(decoder.decode(token.data))
        pending = bool(decoder.getstate()[0])
    if ended and pending:
        out[-1] += decoder.decode(b"", True)
    return tuple(out)


def _branch_row(trace: Trace, node: Node, number: int, chosen: str | None) -> Row:
    row = _text_row(trace.run_id, node, number, trace.running, _answer(trace, node))
    return replace(row, chosen=node.id == chosen)


def _fork_row(fork: Fork, number: int) -> Row:
    trace, node = fork.trace, fork.node
    row = _text_row(trace.run_id, node, number, trace.running, _answer(trace, node))
    if trace.failure and row.status is None:
        row = replace(row, status="failed", reason=trace.failure.message)
    return replace(row, origin=Origin(fork.source, fork.index))


def _text_row(run: str, node: Node, number: int, running: bool, answer: AnswerFound | None) -> Row:
    writing = running and node.end is None and node.status is None
    tokens = tuple(node.tokens)
    span = Span()
    if answer is not None and answer.node == node.id:
        span = Span(answer.first_token, answer.last_token, answer.start, answer.end)
    return Row(
        run,
        node.id,
        number,
        node.title,
        tokens=tokens,
        pieces=pieces(tokens, not writing),
        text="" if tokens else "".join(node.pieces),
        answer=None if answer is None else answer.canonical or answer.text,
        span=span,
        delta=_score(node, "delta"),
        sequence_delta=_score(node, "sequence delta"),
        votes=_score(node, "votes"),
        logprob=_mean_logprob(node),
        status=node.status,
        reason=node.reason,
        end=node.end,
        writing=writing,
    )


def _answer(trace: Trace, node: Node) -> AnswerFound | None:
    """The node's answer, or the one stated in an answer node below it."""
    below = (child.answer for child in trace.children(node) if child.role == "answer")
    return node.answer or next((answer for answer in below if answer), None)


def _chosen(trace: Trace, nodes: Sequence[Node]) -> str | None:
    named = trace.answered.node if trace.answered else None
    return next((n.id for n in nodes if n.id == named), None) or next(
        (n.id for n in nodes if n.status == "chosen"), None
    )


def _score(node: Node, by: str) -> float | None:
    score = node.scores.get(by)
    return score.value if score and math.isfinite(score.value) else None


def _mean_logprob(node: Node) -> float | None:
    if (scored := _score(node, "logprob")) is not None or not node.tokens:
        return scored
    mean = sum(token.logprob for token in node.tokens) / len(node.tokens)
    return mean if math.isfinite(mean) else None


def _summed(nodes: Sequence[Node]) -> Summed:
    """What decides between answers: votes where branches were counted, else Δ where there is any."""
    voted = any("votes" in node.scores for node in nodes)
    return "delta" if not voted and any("delta" in node.scores for node in nodes) else "votes"
