"""What is to be asked: the question's text, fresh puzzles and examples whose answers are known.

Boundary: draws these widgets and holds their callbacks, for any page that asks; starts nothing. Widgets keep their
values under `<page>.question`, `<page>.family` and so on; what is known of the answer goes to the page's own state.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Protocol

import streamlit as st

from components.wording import plain
from playground import puzzles
from playground.errors import PlaygroundError

ANY_FAMILY, ANY_DIFFICULTY = "any family", "any difficulty"
_EXAMPLE_SEED = "example"


@dataclass(frozen=True, slots=True)
class Known:
    """A question whose right answer is known."""

    question: str
    answer: str
    family: str | None = None


class Asking(Protocol):
    """A page's state, as far as it is about the question."""

    page: str
    """Begins the keys of its widgets."""
    known: Known | None
    """The last question offered whose answer is known; it counts only while the text is unchanged."""
    problem: PlaygroundError | None
    """What was wrong with the last thing asked for."""


def question_text(asking: Asking) -> None:
    """Draw the box that the question is written in."""
    st.text_area(
        "Question",
        key=f"{asking.page}.question",
        height="content",
        persist_state="session",
        label_visibility="collapsed",
        placeholder="Write a question, draw a puzzle, or choose an example",
    )


def puzzle_drawer(asking: Asking) -> None:
    """Draw the dice, its family and difficulty, and the list of examples."""
    page = asking.page
    st.button(
        "Draw a puzzle",
        key=f"{page}.draw",
        icon=":material/casino:",
        on_click=draw,
        args=(asking,),
        help="A fresh question whose right answer is known.",
    )
    st.session_state.setdefault(f"{page}.family", ANY_FAMILY)
    st.selectbox(
        "Puzzle family",
        [ANY_FAMILY, *puzzles.FAMILIES],
        key=f"{page}.family",
        label_visibility="collapsed",
        width=190,
        persist_state="session",
        on_change=_any_difficulty,
        args=(page,),
        format_func=lambda name: puzzles.FAMILIES[name].title if name in puzzles.FAMILIES else "Any family",
    )
    family = puzzles.FAMILIES.get(st.session_state[f"{page}.family"])
    st.session_state.setdefault(f"{page}.difficulty", ANY_DIFFICULTY)
    st.selectbox(
        "Difficulty",
        [ANY_DIFFICULTY, *(family.difficulties if family else ())],
        key=f"{page}.difficulty",
        label_visibility="collapsed",
        width=150,
        persist_state="session",
        disabled=family is None,
        format_func=lambda level: "Any difficulty" if level == ANY_DIFFICULTY else f"Difficulty {level}",
    )
    st.menu_button(
        "Examples",
        [known.question for known in examples()],
        key=f"{page}.example",
        icon=":material/list:",
        on_click=take_example,
        args=(asking,),
        format_func=lambda question: plain(question, 90),
    )


def problem_line(asking: Asking) -> None:
    """Say what was wrong with what was asked for, if anything."""
    if asking.problem is not None:
        st.error(f"{plain(asking.problem.message)} {plain(asking.problem.hint)}", icon=":material/edit:")


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


def current_question(page: str) -> str:
    """The text in the box, as it would be asked."""
    return str(st.session_state.get(f"{page}.question") or "").strip()


def known_now(asking: Asking) -> Known | None:
    """What is known of the question in the box."""
    known = asking.known
    return known if known is not None and known.question == current_question(asking.page) else None


def draw(asking: Asking) -> None:
    """Put a fresh puzzle of the chosen family and difficulty into the box."""
    name, level = (st.session_state.get(f"{asking.page}.{key}") for key in ("family", "difficulty"))
    family = name if name in puzzles.FAMILIES else secrets.choice(list(puzzles.FAMILIES))
    difficulty = level if isinstance(level, int) and name in puzzles.FAMILIES else None
    try:
        puzzle = puzzles.draw(family, seed=secrets.randbelow(10**9), difficulty=difficulty)
    except PlaygroundError as error:
        asking.problem = error
        return
    offer(asking, Known(puzzle.question, puzzle.answer, puzzle.family))


def take_example(asking: Asking) -> None:
    """Put the chosen example into the box."""
    chosen = st.session_state.get(f"{asking.page}.example")
    for known in examples():
        if known.question == chosen:
            offer(asking, known)


def offer(asking: Asking, known: Known) -> None:
    """Put a question whose answer is known into the box."""
    asking.known, asking.problem = known, None
    st.session_state[f"{asking.page}.question"] = known.question


def _any_difficulty(page: str) -> None:
    st.session_state[f"{page}.difficulty"] = ANY_DIFFICULTY
