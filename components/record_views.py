"""What was sent and what came back, unvarnished: the prompts of a run and its raw events.

Boundary: draws records and calls as text; changes nothing and interprets nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from components.wording import count, plain
from playground.events import Record, to_json
from playground.trace import Trace

LINES = 200


def prompts_sent(trace: Trace) -> None:
    """Every prompt exactly as the model read it, in order."""
    if not trace.calls:
        st.caption("No prompt has been sent yet.")
        return
    st.caption(
        f"{count(len(trace.calls), 'prompt')} in the order sent, with the exact text that the model read."
    )
    for number, call in enumerate(trace.calls, 1):
        with st.expander(f"{number} · {plain(call.purpose)}", expanded=number == 1):
            st.code(call.prompt, language=None, wrap_lines=True)
            settings = ", ".join(f"{name} {value}" for name, value in call.settings.items())
            st.caption(plain(f"At node {call.node}" + (f", with {settings}" if settings else "")))


def raw_events(records: Sequence[Record], run_id: str, *, key: str) -> None:
    """The events as JSON lines, with a filter by kind and the whole log to download."""
    kinds = Counter(record.event.kind for record in records)
    chosen = st.pills(
        "Kinds of event",
        list(kinds),
        selection_mode="multi",
        key=f"{key}.kinds",
        persist_state="session",
        format_func=lambda kind: f"{kind} {kinds[kind]:,}" if kind in kinds else str(kind),
        label_visibility="collapsed",
    )
    kept = [record for record in records if not chosen or record.event.kind in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        many = count(len(kept), "event") + (f" of {count(len(records))}" if len(kept) < len(records) else "")
        cut = f"; the first {LINES} are shown" if len(kept) > LINES else ""
        st.caption(f"{many}{cut}. One JSON object a line.", width="stretch")
        st.download_button(
            "Download all",
            lambda: "".join(f"{json_line(record)}\n" for record in records),
            file_name=f"{run_id}.jsonl",
            mime="application/jsonl",
            icon=":material/download:",
            key=f"{key}.download",
            on_click="ignore",
        )
    if kept:
        st.code("\n".join(json_line(record) for record in kept[:LINES]), language=None, height=480)


def json_line(record: Record) -> str:
    """A record as one line of JSON."""
    stamped = {"seq": record.seq, "time": round(record.time, 6), **to_json(record.event)}
    return json.dumps(stamped, ensure_ascii=False)
