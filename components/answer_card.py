"""The answer card: what a run came to, how sure it is of it and what it cost.

Boundary: draws a finished trace; the numbers it derives from it are pure functions.
"""

from __future__ import annotations

import math
from collections import Counter

import streamlit as st

from components.wording import count, duration, plain, rough_duration, well_formed
from playground.trace import Trace

MANY = 500
_LARGE = 60


def answer_card(trace: Trace) -> None:
    """Draw the card of a run that is over; one that did not come to its end says so first."""
    finished = trace.status == "finished"
    if not finished:
        outcome(trace)
    with st.container(border=True):
        if finished or trace.answered:
            answer(trace)
        cost(trace)
        if known := reused(trace):
            st.caption(known)
        if finished:
            st.caption(many(trace))
    for message, times in Counter(warning.message for warning in trace.warnings).items():
        st.warning(plain(message) + (f" ({times} times)" if times > 1 else ""), icon=":material/info:")


def answer(trace: Trace) -> None:
    """The answer itself, whether it is right, and the confidence with what it measures."""
    answered = trace.answered
    text = answered.text if answered else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if text is None:
            st.title("No answer", anchor=False, width="content")
        elif len(text) <= _LARGE and "\n" not in text.strip():
            st.title(plain(text), anchor=False, width="content")
        verdict(trace)
    if text is not None and (len(text) > _LARGE or "\n" in text.strip()):
        st.text(well_formed(text))
    if answered and answered.confidence is not None:
        what = f": {plain(answered.confidence_kind)}, from 0 to 1" if answered.confidence_kind else ""
        st.caption(f"Confidence **{answered.confidence:.3f}**{what}")
    elif answered and text is not None:
        st.caption("Confidence: not measured by this strategy on this model.")


def verdict(trace: Trace) -> None:
    """Right or wrong, in a word and an icon, where the right answer is known."""
    gold = trace.started.gold if trace.started else None
    if trace.correct is True:
        st.badge("Right", icon=":material/check:", color="green")
    elif trace.correct is False:
        right = f", the right answer is {plain(gold, _LARGE)}" if gold else ""
        st.badge(f"Wrong{right}", icon=":material/close:", color="red")
    elif gold is not None:
        st.badge(f"Not marked, the right answer is {plain(gold, _LARGE)}", color="gray")


def cost(trace: Trace) -> None:
    """Everything the run spent, losing branches included."""
    usage = trace.usage
    with st.grid(6, min_column_width=112, gap="small"):
        # Only short labels have room for a help mark in six columns.
        st.metric(
            "Calls", count(usage.calls), help="Sequences asked of the model: every branch, sample and step."
        )
        st.metric("Prompt tokens", count(usage.prompt_tokens))
        st.metric("Completion tokens", count(usage.completion_tokens))
        passes = trace.forward_passes
        st.metric("Forward passes", "unknown" if passes is None else count(passes))
        st.metric("Time", duration(trace.seconds), help="From the run's first event to its last.")
        st.metric(
            "Money",
            money(trace.cost_usd),
            help=price_note(trace),
        )


def reused(trace: Trace) -> str:
    """How much of what was read was known already; "" where nothing was."""
    usage = trace.usage
    if not usage.cached_tokens or not usage.prompt_tokens:
        return ""
    share = usage.cached_tokens / usage.prompt_tokens
    known = count(usage.cached_tokens)
    return f"{known} of the prompt tokens ({share:.0%}) were still in the KV cache and not read again."


def money(cost_usd: float | None) -> str:
    """US dollars, "free", or "unknown"."""
    if cost_usd is None:
        return "unknown"
    if cost_usd == 0:
        return "free"
    # Two digits that say something, whole cents from a dollar on.
    places = 2 if cost_usd >= 1 else max(4, 1 - math.floor(math.log10(cost_usd)))
    return f"${cost_usd:,.{places}f}"


def price_note(trace: Trace) -> str:
    """Where the amount of money comes from, in markdown."""
    started = trace.started
    if started is not None and started.local:
        return "Free: runs on this machine."
    price = started.price if started else None
    if price is None:
        return "The price of this model is not known."
    if trace.cost_usd is None:
        return "The server did not say how many tokens it read and wrote."
    cached = price.get("cached")
    of_those = "" if cached is None else f" ({cached:g} of those in its cache)"
    return plain(
        f"US dollars for a million tokens: {price['input']:g} read{of_those}, {price['output']:g} written; prices of "
        f"{price.get('date', 'an unknown date')} from {price.get('source', 'an unknown source')}."
    )


def many(trace: Trace) -> str:
    """What as many questions would take, in markdown; says that it is scaled up from this one run."""
    if not trace.usage.completion_tokens or not trace.seconds:
        return "The run wrote nothing, so nothing can be said about many such questions."
    spent = {
        None: "at an unknown price",
        0.0: "free on this machine" if trace.started and trace.started.local else "free",
    }.get(trace.cost_usd, f"for {money((trace.cost_usd or 0) * MANY)}".replace("$", "\\$"))
    return (
        f"{MANY} such questions, one after another, would take {rough_duration(trace.seconds * MANY)} and write "
        f"{count(trace.usage.completion_tokens * MANY)} tokens, {spent}. Scaled up from what this one run measured."
    )


def outcome(trace: Trace) -> None:
    """How a run ended that did not come to its end."""
    after, kept = duration(trace.seconds), "Everything written up to there is kept below."
    match trace.status:
        case "failed":
            why = f"{plain(trace.failure.message)} {plain(trace.failure.hint)}" if trace.failure else ""
            st.error(f"**Failed after {after}.** {why}", icon=":material/error:")
            st.caption(kept)
        case "cancelled":
            why = (
                f"Stopped after {after}: {plain(trace.stopped)}"
                if trace.stopped
                else f"Stopped by hand after {after}"
            )
            st.info(f"**{why}.** {kept}", icon=":material/stop_circle:")
        case "interrupted":
            st.warning(
                f"**Interrupted after {after}:** the program ended while the run was going. {kept}",
                icon=":material/power_off:",
            )
