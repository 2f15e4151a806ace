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


def outline(trace: Trace, here: str | None = None) -> str:
    """One line a node, children below their parent, in the order they were opened; that of node `here` is marked."""
    roots = [node for node in trace.nodes.values() if node.parent not in trace.nodes]
    return "\n".join(line for root in roots for line in _lines(trace, root, "", "", here))


def as_text(trace: Trace, here: str | None = None, *, key: str) -> None:
    """Draw the outline where a person opens it; closed, it is not even made."""
    words = st.expander("The tree as text", key=key, on_change="rerun", icon=":material/segment:")
    if not words.open or not trace.nodes:
        return
    with words:
        st.caption(
            f"{count(len(trace.nodes), 'node')}: role, what was found there, status, and how its text begins."
            + (" The link leads to the one marked ▶." if here else "")
        )
        st.code(outline(trace, here), language=None)


def _lines(trace: Trace, node: Node, lead: str, indent: str, here: str | None) -> Iterator[str]:
    yield lead + ("▶ " if node.id == here else "") + describe(node)
    children = list(trace.children(node))
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield from _lines(
            trace, child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "), here
        )


def describe(node: Node) -> str:
    """A node on one line."""
    parts = [node.role if not node.title else f"{node.role} “{shorten(node.title, 40)}”"]
    if node.answer:
        parts.append(f"answer {shorten(node.answer.text, 24)}")
    if node.status:
        parts.append(_STATUS[node.status] + (f" ({shorten(node.reason, 60)})" if node.reason else ""))
    if node.value is not None:
        parts.append(f"{count(node.visits, 'visit')}, mean value {node.value:.4g}")
    parts += [f"{by} {score.value:.4g}{_UNITS.get(by, '')}" for by, score in node.scores.items()]
    if node.tokens:
        parts.append(count(len(node.tokens), "token"))
    text = shorten(node.content or node.text, _TEXT)
    return " · ".join(parts) + (f"  {text}" if text else "")
