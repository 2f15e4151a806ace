"""A chain as titled steps, finished ones and the one that is being written.

Boundary: draws nodes of a trace. Reading a half-written step out of its text is a pure function; what a whole step
says is the strategy's business and arrives as an event.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import streamlit as st

from components import step_edit
from components.wording import count, duration, plain, well_formed
from playground.trace import Node, Trace

_STRING = r'"{}"\s*:\s*"((?:[^"\\]|\\.)*)(")?'
_TITLE = re.compile(_STRING.format("title"), re.DOTALL)
_CONTENT = re.compile(_STRING.format("content"), re.DOTALL)
_ESCAPED = re.compile(r"(?:[^\\]|\\[^u]|\\u[0-9a-fA-F]{4})*")
_PLAIN = re.compile(r"\s*(?P<title>[^\n:{]{1,120}):\s*(?P<content>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Draft:
    """What can be read of a step while it is written. Either may still be empty."""

    title: str
    content: str


def read_draft(text: str) -> Draft:
    """The title and content of a step whose text may stop anywhere: JSON, or "Title: content"."""
    stripped = text.lstrip()
    if stripped.startswith(("{", "`")) or '"title"' in stripped:
        return Draft(_unquote(_TITLE.search(stripped)), _unquote(_CONTENT.search(stripped)))
    match = _PLAIN.match(text)
    return Draft(match["title"].strip(" *#"), match["content"]) if match else Draft("", text)


def chain(trace: Trace, *, editable: bool = True) -> None:
    """Draw the steps of a run in order, its final answer last."""
    nodes = trace.with_role("step", "answer")
    if not nodes:
        st.caption("The first step has not begun yet." if trace.running else "The run wrote no step.")
    number = 0
    editable = editable and step_edit.possible(trace)
    for node in nodes:
        if node.role == "step" and node.status != "failed":
            number += 1
        step(trace, node, number, editable)


def step(trace: Trace, node: Node, number: int, editable: bool = False) -> None:
    """Draw one step: number, title, time and tokens, then its text."""
    draft = shown(node)
    writing = trace.running and node.status is None and node.end is None
    title = plain(draft.title or ("…" if writing else node.title))
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            if node.status == "failed":
                st.markdown(":orange-badge[:material/warning: Unreadable try]", width="stretch")
            elif node.role == "answer":
                st.markdown("**Final answer**", width="stretch")
            else:
                st.markdown(f":gray-badge[{number}] **{title}**", width="stretch")
            seconds = (trace.last_time if writing else node.ended) - node.opened
            spent = f"{duration(max(0.0, seconds))} · {count(written(node), 'token')}"
            st.caption(f":shimmer[writing] · {spent}" if writing else spent, width="content")
            if editable and node.role == "step" and node.content:
                step_edit.editor(trace, node, number)
        if draft.content:
            st.text(well_formed(draft.content))
        for remark in (node.note, node.reason if node.status == "failed" else ""):
            if remark:
                st.caption(f":material/info: {plain(remark)}")


def shown(node: Node) -> Draft:
    """A step as it was read, or as far as it can be read from its text."""
    if node.content:
        return Draft(node.title, node.content)
    if node.role == "answer" or node.status == "failed":
        return Draft(node.title, node.text)
    return read_draft(node.text)


def written(node: Node) -> int:
    """Tokens written at a node; from the usage where the backend gives no tokens."""
    return len(node.tokens) or node.usage.completion_tokens


def _unquote(match: re.Match[str] | None) -> str:
    """The value of a JSON string that may be cut off in the middle of an escape."""
    if match is None:
        return ""
    body = _ESCAPED.match(match[1])
    try:
        return str(json.loads(f'"{body.group() if body else ""}"', strict=False))
    except json.JSONDecodeError:
        return match[1]
