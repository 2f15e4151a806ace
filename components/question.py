"""Where the question is written: the text, fresh puzzles and examples, and the button that runs or stops.

Boundary: draws these widgets and holds their callbacks. What a run looks like afterwards is other components'
business.
"""

from __future__ import annotations

import secrets
import time

import streamlit as st

from components import ask_state, engine, pickers, settings_form
from components.ask_state import Known
from components.wording import plain
from playground import puzzles
from playground.errors import PlaygroundError
from playground.execute import RunSpec
from playground.models.base import ModelInfo
from playground.strategies.base import Strategy

QUESTION_KEY = "ask.question"
FAMILY_KEY = "ask.family"
DIFFICULTY_KEY = "ask.difficulty"
EXAMPLE_KEY = "ask.example"
GO_KEY = "ask.go"
DOUBLE_CLICK = 0.4
"""Seconds after a start in which another click counts as the same one, not as Stop."""
ANY_FAMILY, ANY_DIFFICULTY = "any family", "any difficulty"
_EXAMPLE_SEED = "example"


def question_box(model: ModelInfo, strategy: Strategy) -> None:
    """Draw the question, the buttons under it and what is wrong with it."""
    state = ask_state.current()
    st.text_area(
        "Question",
        key=QUESTION_KEY,
        height="content",
        persist_state="session",
        label_visibility="collapsed",
        placeholder="Write a question, draw a puzzle, or choose an example",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # One button with one key, so that it changes in place and the two never stand side by side.
        if state.going:
            st.button(
                "Stop", key=GO_KEY, icon=":material/stop:", shortcut="Alt+S", on_click=stop, type="primary"
            )
        else:
            st.button(
                "Run",
                key=GO_KEY,
                icon=":material/play_arrow:",
                shortcut="Ctrl+Enter",
                on_click=run,
                type="primary",
                disabled=not pickers.fits(strategy, model),
            )
        puzzle_drawer()
    if state.problem is not None:
        st.error(f"{plain(state.problem.message)} {plain(state.problem.hint)}", icon=":material/edit:")
    with st.container(gap="xxsmall"):
        if model.note:
            st.caption(f"{plain(model.title)}: {plain(model.note)}")
        if state.known is not None and state.known.question == current_question():
            st.caption(
                ":material/check_circle: The right answer to this question is known, so the run will be marked."
            )


def puzzle_drawer() -> None:
    """Draw the dice, its family and difficulty, and the list of examples."""
    st.button(
        "Draw a puzzle",
        key="ask.draw",
        icon=":material/casino:",
        on_click=draw,
        help="A fresh question whose right answer is known.",
    )
    st.session_state.setdefault(FAMILY_KEY, ANY_FAMILY)
    st.selectbox(
        "Puzzle family",
        [ANY_FAMILY, *puzzles.FAMILIES],
        key=FAMILY_KEY,
        label_visibility="collapsed",
        width=190,
        persist_state="session",
        on_change=_any_difficulty,
        format_func=lambda name: puzzles.FAMILIES[name].title if name in puzzles.FAMILIES else "Any family",
    )
    family = puzzles.FAMILIES.get(st.session_state[FAMILY_KEY])
    st.session_state.setdefault(DIFFICULTY_KEY, ANY_DIFFICULTY)
    st.selectbox(
        "Difficulty",
        [ANY_DIFFICULTY, *(family.difficulties if family else ())],
        key=DIFFICULTY_KEY,
        label_visibility="collapsed",
        width=150,
        persist_state="session",
        disabled=family is None,
        format_func=lambda level: "Any difficulty" if level == ANY_DIFFICULTY else f"Difficulty {level}",
    )
    st.menu_button(
        "Examples",
        [known.question for known in examples()],
        key=EXAMPLE_KEY,
        icon=":material/list:",
        on_click=take_example,
        format_func=lambda question: plain(question, 90),
    )


@st.cache_data(max_entries=1, show_spinner=False)
def examples() -> list[Known]:
    """One rather easy question of each puzzle family, always the same ones."""
    drawn = (
        puzzles.draw(
            name, seed=_EXAMPLE_SEED, difficulty=min(family.min_difficulty + 1, family.max_difficulty)
        )
        for name, family in puzzles.FAMILIES.items()
    )
    return [Known(puzzle.question, puzzle.answer, puzzle.family) for puzzle in drawn]


def current_question() -> str:
    """The text in the box, as it would be asked."""
    return str(st.session_state.get(QUESTION_KEY) or "").strip()


def run() -> None:
    """Start a run of what is in the form; what is wrong with it is kept for the page to show."""
    state = ask_state.current()
    if state.going:
        return
    state.problem = None
    model, strategy, text = pickers.chosen_model(), pickers.chosen_strategy(), current_question()
    known = state.known if state.known is not None and state.known.question == text else None
    try:
        run_id = engine.runner().start(
            RunSpec(
                question=text,
                strategy=strategy.name,
                model=model.name,
                params=settings_form.current_values(strategy, model.capabilities),
                seed=pickers.chosen_seed(),
                gold=known.answer if known else None,
                family=known.family if known else None,
            )
        )
    except PlaygroundError as error:
        state.problem = error
        return
    ask_state.open_run(run_id)
    state.started = time.monotonic()
    state.pull_first_token()


def stop() -> None:
    """Ask the run on screen, and its forks, to end."""
    state = ask_state.current()
    if time.monotonic() - state.started <= DOUBLE_CLICK:
        return
    for live in state.going:
        try:
            engine.runner().cancel(live.run_id)
        except PlaygroundError as error:
            state.problem = error


def draw() -> None:
    """Put a fresh puzzle of the chosen family and difficulty into the box."""
    state = ask_state.current()
    name, level = st.session_state.get(FAMILY_KEY), st.session_state.get(DIFFICULTY_KEY)
    family = name if name in puzzles.FAMILIES else secrets.choice(list(puzzles.FAMILIES))
    difficulty = level if isinstance(level, int) and name in puzzles.FAMILIES else None
    try:
        puzzle = puzzles.draw(family, seed=secrets.randbelow(10**9), difficulty=difficulty)
    except PlaygroundError as error:
        state.problem = error
        return
    offer(Known(puzzle.question, puzzle.answer, puzzle.family))


def take_example() -> None:
    """Put the chosen example into the box."""
    chosen = st.session_state.get(EXAMPLE_KEY)
    for known in examples():
        if known.question == chosen:
            offer(known)


def use_again() -> None:
    """Fill the whole form with what the run on screen was started with."""
    trace = ask_state.current().trace
    started = trace.started or engine.requested(trace.run_id)
    if started is None:
        return
    pickers.choose(started.model, started.strategy, started.seed)
    strategy = pickers.chosen_strategy()
    if strategy.name == started.strategy:
        settings_form.fill(strategy, started.params)
    if started.gold is not None:
        offer(Known(started.question, started.gold, started.family))
    else:
        st.session_state[QUESTION_KEY] = started.question


def offer(known: Known) -> None:
    """Put a question whose answer is known into the box."""
    state = ask_state.current()
    state.known, state.problem = known, None
    st.session_state[QUESTION_KEY] = known.question


def _any_difficulty() -> None:
    st.session_state[DIFFICULTY_KEY] = ANY_DIFFICULTY
