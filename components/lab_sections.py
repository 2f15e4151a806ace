"""Below the lab: probability against temperature, draws against theory, the same luck, and the text under the lens.

Boundary: asks the engine and draws; only the open section is computed. Each chart says in words what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from components import lab_address, lab_engine, lab_state
from components.lab.figures import (
    TEMPERATURES,
    curves_figure,
    draws_figure,
    reading_figure,
    surprisal,
    visible,
)
from components.lab.luck import Flip, Luck, luck_picture
from components.lab.view import Look, ReadToken
from components.lab_state import LabState
from components.tokens import strip_view, token_picture
from components.wording import count, plain
from playground.errors import PlaygroundError
from playground.events import Alternative, Event, NodeOpened, RunStarted, TokenAdded
from playground.trace import fold

TABS = ("p against T", "Draw N", "Same luck", "Text under the lens")
TABS_KEY, CURVES_KEY, N_KEY, STEPS_KEY, WRITE_KEY = (
    "logits.section",
    "logits.tokens",
    "logits.n",
    "logits.steps",
    "logits.write",
)
LENS_KEY = "logits.lens"
CURVES = 5
"""Tokens with a curve at first."""


def sections(state: LabState, look: Look) -> None:
    """Draw the four sections; the one that is open is computed."""
    drawers = (_curves, _draws, _luck, _lens)
    for tab, draw in zip(st.tabs(TABS, key=TABS_KEY, on_change="rerun"), drawers, strict=True):
        if tab.open:
            with tab:
                _or_say_why(draw, state, look)


def _or_say_why(draw: Callable[[LabState, Look], None], state: LabState, look: Look) -> None:
    try:
        draw(state, look)
    except PlaygroundError as error:
        st.error(f"{plain(error.message)} {plain(error.hint)}", icon=":material/error:")


def _curves(state: LabState, look: Look) -> None:
    known = {token.id: token for token in look.tokens}
    chosen = st.session_state.get(CURVES_KEY)
    if not chosen or any(id not in known for id in chosen):
        st.session_state[CURVES_KEY] = list(known)[:CURVES]
    ids: Sequence[int] = st.multiselect(
        "Tokens",
        list(known),
        key=CURVES_KEY,
        persist_state="session",
        format_func=lambda id: visible(known[id].text) if id in known else str(id),
    )
    if not ids:
        st.caption("Choose a token to see its curve.")
        return
    sampling = state.settings.sampling
    curves = lab_engine.curves(state.place, sampling, tuple(ids), TEMPERATURES)
    texts = [known[id].text for id in ids]
    now = None if sampling.greedy else sampling.temperature
    st.plotly_chart(
        curves_figure(texts, curves, now),
        key="logits.curves",
        config={"displayModeBar": False},
        alt="Probability of the chosen tokens against temperature; the same numbers are in the table below.",
    )
    with st.container(gap="xxsmall"):
        st.caption(
            "Thick: with the present top-k, top-p and min-p; thin: with nothing cut. Low T favours the likeliest "
            "token, high T makes all alike."
            if now is not None
            else "Sampling is off: the likeliest token has probability 1 at every temperature."
        )
    with st.expander("The numbers as a table"):
        places = range(0, len(TEMPERATURES), 16)
        st.table(
            [
                {"token": plain(visible(text))}
                | {f"T = {TEMPERATURES[i]:.2g}": f"{curve[i]:.4f}" for i in places}
                for text, curve in zip(texts, curves["after"], strict=True)
            ]
        )


def _draws(state: LabState, look: Look) -> None:
    st.session_state.setdefault(N_KEY, 100)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        n = st.segmented_control(
            "Draws",
            [10, 100, 1000, 10_000],
            key=N_KEY,
            persist_state="session",
            required=True,
            format_func=lambda n: f"{n:,}",
        )
        st.button(
            f"Draw again with seed {state.settings.seed + 1}",
            key="logits.again",
            icon=":material/casino:",
            on_click=_next_seed,
        )
    answer = lab_engine.draws(state.place, state.settings.sampling, int(n or 100), state.settings.seed)
    rest = answer["rest"]
    rows = [row for row in answer["rows"] if row["p"] > 0 or row["count"]]
    if rest["p"] > 0 or rest["count"]:
        rows.append({"text": f"rest: {rest['tokens']:,} tokens", **rest})
    within = sum(row["low"] <= row["count"] / answer["n"] <= row["high"] for row in rows)
    st.plotly_chart(
        draws_figure(rows, answer["n"]),
        key="logits.draws",
        config={"displayModeBar": False},
        alt="Share of the draws beside the probability of each token; the same numbers are in the table below.",
    )
    st.caption(
        f"{count(answer['n'], 'draw')} with seed {answer['seed']}: {within} of {count(len(rows), 'share')} lie within "
        "their whiskers. A whisker holds at least 95 % of such samples, so one in twenty may lie outside."
    )
    with st.expander("The numbers as a table"):
        st.table(
            [
                {
                    "token": plain(visible(row["text"])),
                    "p": f"{row['p']:.4f}",
                    "drawn": f"{row['count']:,}",
                    "share": f"{row['count'] / answer['n']:.4f}",
                    "95 % of shares": f"{row['low']:.4f} to {row['high']:.4f}",
                }
                for row in rows
            ]
        )


def _luck(state: LabState, look: Look) -> None:
    if state.settings.sampling.greedy:
        st.info(
            "Sampling is off: there is no luck to keep, every step takes the likeliest token. Turn sampling on above.",
            icon=":material/casino:",
        )
        return
    st.session_state.setdefault(STEPS_KEY, 16)
    steps = st.segmented_control(
        "Tokens to write", [8, 16, 24, 48], key=STEPS_KEY, persist_state="session", required=True
    )
    settings = state.settings
    luck = Luck.read(lab_engine.luck(state.place, settings.sampling, settings.seed, int(steps or 16)))
    written = "".join(step.token.text for step in luck.steps)
    st.markdown(
        f"With seed {settings.seed} and T = {luck.temperature:g} the model writes “{plain(written)}”. "
        f"{_flip_words(luck.flip_above(), luck, 'up')} {_flip_words(luck.flip_below(), luck, 'down')}"
    )
    luck_picture(luck, key="logits.luck")
    st.caption(
        "Every step keeps its random number u and draws the first token, from the likeliest down, at which the summed "
        "probability exceeds u. Along each row: the token which that u draws at each T, as long as the text before it "
        "is unchanged. Shaded blue with a line: the written token. ▾ marks the temperature it was written at."
    )


def _flip_words(flip: Flip | None, luck: Luck, way: str) -> str:
    if flip is None:
        return f"Moving T {way}, no token flips before T = {5 if way == 'up' else 0.05:g}."
    was = luck.steps[flip.step].token.text
    at = f"at T = {flip.temperature:.3g}" if way == "up" else f"just under T = {flip.temperature:.3g}"
    return (
        f"Moving T {way}, the first token to flip is token {flip.step + 1}, {at}: “{plain(visible(was))}” becomes "
        f"“{plain(visible(flip.instead.text))}”."
    )


def _lens(state: LabState, look: Look) -> None:
    read = lab_engine.read_text(state.whole)
    here = len(read) - len(state.path) + state.cursor
    _writing(state)
    # Named after the open position too, so that a token can be chosen again after another one.
    name = f"{hash(tuple(token.id for token in read)):x}.{state.cursor}"
    picture = strip_view(fold(_events(read)).with_role("step"), run=name)
    st.caption(
        "All text so far, token by token, as foreseen by the model from what stands before. Choose a token to open its "
        "position in the lab."
    )
    token_picture(picture, key=LENS_KEY, on_select=_open_token)
    st.plotly_chart(
        reading_figure(read, here if here < len(read) else None),
        key="logits.reading",
        config={"displayModeBar": False},
        alt="Surprisal and entropy of each token in bits; the same numbers are in the table below.",
    )
    known = [token for token in read if token.rank]
    if known:
        bits = [surprisal(token) for token in known]
        most = max(known, key=surprisal)
        st.caption(
            f"{count(len(known), 'token')}: surprisal {sum(bits) / len(bits):.2f} bits a token on average (perplexity "
            f"{2 ** (sum(bits) / len(bits)):.3g}); the most surprising is “{plain(visible(most.token.text))}” with "
            f"{surprisal(most):.1f} bits, rank {most.rank:,}. "
            f"{sum(token.rank == 1 for token in known)} of them were the likeliest."
        )
    with st.expander("The numbers as a table"):
        st.dataframe([_line(i, token) for i, token in enumerate(read)], hide_index=True)


def _line(i: int, token: ReadToken) -> dict[str, Any]:
    line: dict[str, Any] = {"#": i + 1, "token": visible(token.token.text)}
    if not token.rank:
        return line | {"probability": None, "surprisal (bits)": None, "rank": None, "entropy (bits)": None}
    return line | {
        "probability": round(math.exp(token.logprob), 5),
        "surprisal (bits)": round(surprisal(token), 3),
        "rank": token.rank,
        "entropy (bits)": round(token.entropy, 3),
    }


def _writing(state: LabState) -> None:
    st.session_state.setdefault(WRITE_KEY, 20)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input(
            "Tokens",
            min_value=1,
            max_value=200,
            step=1,
            key=WRITE_KEY,
            persist_state="session",
            width=120,
        )
        st.button(
            "Let the model write on",
            key="logits.write_on",
            icon=":material/edit_note:",
            on_click=_write_on,
            help="From the open position, with the present settings and seed.",
        )


def _events(read: Sequence[ReadToken]) -> list[Event]:
    """The text as a run of one step, for the token picture."""
    written = [
        TokenAdded(
            "text",
            token.id,
            token.text,
            token.logprob,
            token.entropy,
            token.margin,
            "greedy" if token.rank == 1 else "sampled",
            tuple(Alternative(id, text, logprob) for id, text, logprob in token.alternatives),
            hex=token.hex,
        )
        for token in read
    ]
    return [RunStarted("", "", "", {}, 0), NodeOpened("text", None, "step"), *written]


def _next_seed() -> None:
    state = lab_state.current()
    state.seed_next()
    lab_address.write(state)


def _write_on() -> None:
    state = lab_state.current()
    steps, settings = int(st.session_state.get(WRITE_KEY) or 20), state.settings
    state.problem = None
    try:
        tokens, _ = lab_engine.write(state.place, settings.sampling, settings.seed, steps)
    except PlaygroundError as error:
        state.problem = error
        return
    state.append(tokens)
    lab_address.write(state)


def _open_token() -> None:
    state = lab_state.current()
    reported: Mapping[str, Any] = st.session_state.get(LENS_KEY) or {}
    selected = reported.get("selected")
    if not isinstance(selected, Mapping) or not isinstance(selected.get("index"), int):
        return
    state.problem = None
    try:
        if 0 <= selected["index"] < len(lab_engine.read_text(state.whole)):
            state.open_token(selected["index"])
    except PlaygroundError as error:
        state.problem = error
        return
    lab_address.write(state)
