"""Sessions as a report to read: Markdown in which nothing that a model or a person wrote is markup.

Boundary: from the store to text; nothing reads it back. Long texts stand in fences longer than any they hold, short
ones have every mark of punctuation escaped (CommonMark 0.31, §2.4 and §4.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from playground.store import SavedRun, Session, Store
from playground.summary import summarise
from playground.trace import Node, Trace

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_HEADINGS = {"branch": "Branch", "step": "Step", "answer": "Answer"}


def to_markdown(store: Store, session_ids: Sequence[str]) -> str:
    """Each session under its name, each run with its question, settings, answer, cost and what was written.

    Raises:
        BadInput: there is no such session.
        StoreError: the store cannot be read, or a run in it is damaged.
    """
    lines: list[str] = []
    for id in dict.fromkeys(session_ids):
        lines += _session(store.sessions.get(id))
        for run in store.runs_in(id):
            lines += _run(run, store.trace(run.id))
    return "\n".join(lines).encode(errors="replace").decode()


def inline(text: str, limit: int = 2000) -> str:
    """Text on one line, shown by any reader of Markdown as it is."""
    flat = " ".join(text.split())
    flat = flat if len(flat) <= limit else flat[: limit - 1] + "…"
    return _PUNCTUATION.sub(r"\\\1", flat)


def block(text: str) -> list[str]:
    """Text as it is, lines and spaces kept."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence, ""]


def _session(session: Session) -> Iterator[str]:
    yield f"# {inline(session.name) or 'A session without a name'}"
    yield ""
    facts = [f"Session {inline(session.id)}, {_when(session.created)}"]
    if session.tags:
        facts.append(f"tags: {', '.join(map(inline, session.tags))}")
    yield "; ".join(facts) + "."
    yield ""
    if session.note:
        yield from block(session.note)


def _run(run: SavedRun, trace: Trace) -> Iterator[str]:
    result = summarise(trace)
    fork = " (a fork)" if run.strategy == "fork" else ""
    yield f"## Run {inline(run.id)}: {inline(run.strategy)} on {inline(run.model)}{fork}"
    yield ""
    yield from block(run.question)
    yield from (f"- {fact}" for fact in _facts(run, trace, result))
    yield ""
    counts: dict[str, int] = {}
    for node in trace.nodes.values():
        counts[node.role] = counts.get(node.role, 0) + 1
        if node.text or node.content:
            yield from _node(node, counts[node.role])


def _facts(run: SavedRun, trace: Trace, result: dict[str, Any]) -> Iterator[str]:
    yield f"Answer: {_answer(run, result)}"
    if run.confidence is not None:
        yield f"Confidence: {run.confidence:.3f} ({inline(result['confidence_kind'] or 'of its own kind')})"
    used = result["usage"]
    passes = "unknown" if used["forward_passes"] is None else f"{used['forward_passes']:,}"
    cost = "price not known" if used["cost_usd"] is None else f"{used['cost_usd']:.4g} USD"
    yield (
        f"Cost: {used['calls']:,} calls, {used['prompt_tokens']:,} prompt tokens, {used['completion_tokens']:,} "
        f"completion tokens, {passes} forward passes, {used['seconds']:.2f} s, {cost}"
    )
    settings = ", ".join(f"{inline(name)} {inline(_value(value), 80)}" for name, value in run.params.items())
    yield f"Settings: {settings or 'none'}; seed {run.seed}; begun {_when(run.created)}"
    yield from (f"Note: {inline(warning)}" for warning in result["warnings"])
    if trace.failure:
        yield f"Failed: {inline(f'{trace.failure.message} {trace.failure.hint}')}"
    elif trace.status != "finished":
        yield f"The run was {trace.status} before its end." if not trace.running else "The run still goes on."


def _answer(run: SavedRun, result: dict[str, Any]) -> str:
    answer = result["answer"]
    said = "none" if answer is None else f"**{inline(answer)}**"
    if run.correct is None:
        return said if run.gold is None else f"{said} (the right answer is {inline(run.gold)})"
    return f"{said}, {'right' if run.correct else f'wrong: the right answer is {inline(run.gold or str())}'}"


def _node(node: Node, number: int) -> Iterator[str]:
    title = f": {inline(node.title)}" if node.title else ""
    yield f"### {_HEADINGS.get(node.role, node.role.capitalize())} {number}{title}"
    yield ""
    facts = [f"answer {inline(node.answer.text)}"] if node.answer else []
    facts += [f"{inline(by)} {score.value:.4g}" for by, score in node.scores.items()]
    if node.status:
        facts.append(node.status + (f" ({inline(node.reason)})" if node.reason else ""))
    facts += [f"{len(node.tokens)} tokens"] if node.tokens else []
    if facts:
        yield ", ".join(facts)
        yield ""
    yield from block(node.content or node.text)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{len(value)} given" if isinstance(value, list | tuple) else str(value)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
