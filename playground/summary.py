"""What a run came to, as one plain object: the command line's --json and every report print this.

Boundary: reads a Trace; knows no store and no screen. Field names are part of the public interface.
"""

from __future__ import annotations

from typing import Any

from playground.trace import Node, Trace


def summarise(trace: Trace) -> dict[str, Any]:
    """The result object: answer, confidence, settings, usage, and `paths` or `steps` where there are any.

    `cost_usd` is 0.0 for models that run on this machine and None where the price is not known; `price` says in
    dollars for a million tokens what it was computed from. Probabilities are natural logarithms, margins lie in
    [0, 1], entropies are in bits.
    """
    started, answered = trace.started, trace.answered
    out: dict[str, Any] = {
        "answer": answered.text if answered else None,
        "confidence": answered.confidence if answered else None,
        "confidence_kind": answered.confidence_kind if answered else None,
        "correct": trace.correct,
        "status": trace.status,
        "strategy": started.strategy if started else None,
        "model": started.model if started else None,
        "params": dict(started.params) if started else {},
        "seed": started.seed if started else None,
        "run_id": trace.run_id,
        "usage": usage(trace),
        "info": dict(answered.info) if answered else {},
        "warnings": [warning.message for warning in trace.warnings],
    }
    if trace.stopped:
        out["stopped"] = trace.stopped
    if trace.failure:
        out["error"] = {
            "type": trace.failure.error,
            "message": trace.failure.message,
            "hint": trace.failure.hint,
        }
    if branches := trace.with_role("branch"):
        out["paths"] = [path(node) for node in branches]
    if steps := trace.with_role("step"):
        out["steps"] = [step(node) for node in steps if node.status != "failed"]
    return out


def usage(trace: Trace) -> dict[str, Any]:
    """Everything the run spent, losing branches included."""
    return {
        "calls": trace.usage.calls,
        "prompt_tokens": trace.usage.prompt_tokens,
        "cached_tokens": trace.usage.cached_tokens,
        "completion_tokens": trace.usage.completion_tokens,
        "forward_passes": trace.forward_passes,
        "seconds": round(trace.seconds, 3),
        "cost_usd": trace.cost_usd,
        "price": dict(trace.started.price) if trace.started and trace.started.price else None,
    }


def path(node: Node) -> dict[str, Any]:
    delta = node.scores.get("delta")
    return {
        "node": node.id,
        "text": node.text,
        "answer": node.answer.text if node.answer else None,
        "delta": delta.value if delta else None,
        "status": node.status,
        "scores": {by: score.value for by, score in node.scores.items()},
        "tokens": [
            {
                "id": token.id,
                "text": token.text,
                "logprob": token.logprob,
                "margin": token.margin,
                "entropy": token.entropy,
            }
            for token in node.tokens
        ],
    }


def step(node: Node) -> dict[str, Any]:
    return {
        "title": node.title,
        "content": node.content,
        "seconds": round(node.seconds, 3),
        "tokens": node.usage.completion_tokens,
        "note": node.note,
    }
