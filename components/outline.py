"""The tree of a run as an indented outline: roles, scores, status and the beginning of each text.

Boundary: one pure function from a trace to text, and the call that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from components.wording import count, shorten
from playground.trace import Node, Trace

_STATUS = {"chosen": "✓ chosen", "kept": "kept", "pruned": "✗ pruned", "failed": "✗ failed"}
_UNITS = {"logprob": " nats"}
_TEXT = 88


def outline(trace: Trace) -> str:
    """One line a node, children below their parent, in the order they were opened."""
    roots = [node for node in trace.nodes.values() if node.parent not in trace.nodes]
    return "\n".join(line for root in roots for line in _lines(trace, root, "", ""))


def tree(trace: Trace) -> None:
    """Draw the outline."""
    text = outline(trace)
    if not text:
        st.caption("The tree is still empty.")
        return
    st.caption(
        f"{count(len(trace.nodes), 'node')}: role, what was found there, status, and how its text begins."
    )
    st.code(text, language=None)


def _lines(trace: Trace, node: Node, lead: str, indent: str) -> Iterator[str]:
    yield lead + describe(node)
    children = list(trace.children(node))
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield from _lines(
            trace, child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")
        )


def describe(node: Node) -> str:
    """A node on one line."""
    parts = [node.role if not node.title else f"{node.role} “{shorten(node.title, 40)}”"]
    if node.answer:
        parts.append(f"answer {shorten(node.answer.text, 24)}")
    if node.status:
        parts.append(_STATUS[node.status] + (f" ({shorten(node.reason, 60)})" if node.reason else ""))
    parts += [f"{by} {score.value:.4g}{_UNITS.get(by, '')}" for by, score in node.scores.items()]
    if node.tokens:
        parts.append(count(len(node.tokens), "token"))
    text = shorten(node.content or node.text, _TEXT)
    return " · ".join(parts) + (f"  {text}" if text else "")
