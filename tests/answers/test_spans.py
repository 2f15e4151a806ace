"""Where the answer stands: a table of texts, each with its span marked ⟦so⟧, and properties of any text."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playground.answers import AnswerKind, Span, locate, states_answer

MARKED: dict[AnswerKind, list[str]] = {
    "number": [
        # announced
        "The answer is ⟦90⟧.",
        "The answer is ⟦90⟧",
        "So the answer is ⟦90⟧ eggs.",
        "Zoe starts with 19. 19 * 4 = 76. So the answer is ⟦76⟧.",
        "The answer is ⟦5⟧. Wait, no. The answer is ⟦6⟧.",
        "Therefore, the final answer is: $\\boxed{⟦12⟧}$. I hope it is correct.",
        "He sold 2 * 9 = 18.\n#### ⟦18⟧",
        "#### ⟦1,234⟧",
        "**Answer:** **⟦90⟧**",
        "**Answer**: ⟦90⟧",
        "Answer (in km): ⟦7⟧",
        "Answer = ⟦7⟧",
        "**The answer is ⟦90⟧.**",
        "Final Answer\n\n⟦90⟧",
        "### Final Answer:\n⟦90⟧",
        '{"title": "Sum", "final_answer": "⟦90⟧"}',
        "<answer> ⟦90⟧ </answer>",
        "The answer is\n⟦90⟧",
        "The answer is: ⟦90⟧\nExplanation: 45 + 46 = 91",
        "The answer should be ⟦12⟧.",
        "The answer to this question is ⟦5⟧.",
        "The answer is approximately ⟦3.5⟧ km/h.",
        "The answer is that she has ⟦5⟧ eggs left.",
        "The answer is ⟦90⟧, since 45 * 2 = 90.",
        "The answer is ⟦5⟧ (five).",
        "The answer is ⟦5⟧ a day.",
        "To answer this, note that 5 is prime. So we get ⟦7⟧",
        # equations
        "The answer is 3 + 4 = ⟦7⟧.",
        "The answer is ⟦90⟧ = 45 * 2.",
        "The answer is $5 + $3 = $⟦8⟧.",
        "The answer is x = ⟦5⟧.",
        "The answer is (1 + 2 + 3) * 4 = ⟦24⟧.",
        "3 + 4 = ⟦7⟧.",
        "x = ⟦5⟧",
        "So x = ⟦-5⟧",
        "10/3 ≈ ⟦3.33⟧",
        # how numbers are written
        "The answer is $⟦1,234.50⟧ per day.",
        "The answer is ⟦-5⟧.",
        "The answer is ⟦−5⟧ °C.",
        "The answer is ⟦-$5⟧.",
        "The answer is $⟦-5⟧.",
        "The answer is €⟦5⟧.",
        "The answer is ⟦50%⟧.",
        "The answer is $⟦50\\%⟧$.",
        "The answer is ⟦50 percent⟧.",
        "The answer is ⟦3/4⟧.",
        "The answer is ⟦1 1/2⟧ cups.",
        "The answer is ⟦½⟧.",
        "The answer is $⟦\\frac{3}{4}⟧$.",
        "The answer is \\(⟦-\\dfrac{3}{4}⟧\\).",
        "The answer is $⟦10^{3}⟧$.",
        "The answer is ⟦6.02 × 10^23⟧.",
        "The answer is ⟦6e23⟧.",
        "The answer is ⟦5 million⟧ dollars.",
        "The answer is ⟦1{,}234⟧.",
        "The answer is ⟦５０⟧.",
        "答案是⟦90⟧。",
        "The answer is ⟦30⟧^\\circ.",
        "The answer is ⟦12⟧ cm^2.",
        "The answer is ⟦5⟧km.",
        "\\boxed{⟦\\frac{1}{2}⟧}",
        "\\boxed{3}, or rather \\boxed{⟦4⟧}",
        "\\boxed{\\boxed{⟦5⟧}}",
        "\\boxed{⟦90⟧ \\text{ eggs}}",
        "\\boxed{x = ⟦5⟧}",
        "The answer is 3. \\boxed{⟦4⟧} The answer is 5.",
        # announced by nothing
        " ⟦90⟧.",
        "⟦90⟧ eggs.",
        "She earns $⟦5⟧",
        "Pi is ⟦3.14⟧.",
        "First 45, then 45 more, together ⟦90⟧.",
        "She had 3.14. Then ⟦2.5⟧.",
        "Therefore, the sum is ⟦12.0⟧.",
        "1. First 3 apples.\n2. Then 4 more, so ⟦7⟧.\n3. Done.",
        "That makes \\boxed{⟦42⟧",  # cut short
        "Is the answer 5? I think ⟦6⟧",
        "The version x2 of GPT4 scored ⟦71⟧",
        "Written 10-⟦3⟧ in the margin of the page",
    ],
    "option": [
        "The answer is (⟦B⟧).",
        "The answer is ⟦B⟧.",
        "The answer is **⟦B⟧**.",
        "The answer is: (⟦a⟧)",
        "Answer: ⟦B⟧",
        "Answer: (⟦B⟧) 12 apples",
        "Answer: ⟦B⟧) 12",
        "The answer is ⟦A⟧ because it is large.",
        "The correct option is ⟦C⟧.",
        "The correct answer is option ⟦C⟧.",
        "$\\boxed{\\text{(⟦B⟧)}}$",
        "\\boxed{⟦D⟧}",
        "(⟦B⟧)",
        " ⟦B⟧.",
        "⟦B⟧. The red one",
        "I would say option ⟦D⟧",
        "Of (A) and (B), we choose (⟦B⟧), which has 12 eggs.",
    ],
    "yes_no": [
        " ⟦Yes⟧.",
        "⟦No⟧, because 1985 is odd.",
        "So the answer is ⟦no⟧.",
        "So the answer is ⟦odd⟧.",
        "The answer is ⟦Yes⟧, it is still heads up.",
        "The answer is \\text{⟦Yes⟧}.",
        "The answer is that the coin is ⟦heads⟧ up.",
        "The coin starts heads up. Tom flips it. So it is ⟦tails⟧ up.",
        "\\boxed{\\text{⟦True⟧}}",
    ],
    "expression": [
        "The answer is ⟦x^2 + 1⟧.",
        "The answer is ⟦2x + 3⟧.",
        "The answer is ⟦2\\sqrt{3}⟧.",
        "The answer is $⟦2\\sqrt{3}⟧$ cm.",
        "The answer is ⟦(3, 4)⟧.",
        "The answer is ⟦[1, 2)⟧.",
        "The answer is ⟦1, 2, 3⟧.",
        "The answer is ⟦10:30⟧.",
        "The answer is ⟦5!⟧.",
        "The answer is ⟦2πr⟧.",
        "The answer is ⟦\\pi/2⟧.",
        "The answer is ⟦y = 2x + 1⟧.",
        "The answer is ⟦x ≤ 5⟧.",
        "So the answer is ⟦(8 - 4) * (7 - 1)⟧.",
        "\\boxed{⟦\\{1, 2\\}⟧}",
        "\\boxed{⟦x^2+1⟧}",
        "\\boxed{⟦1, 2, 3⟧}",
    ],
    "text": [
        "The answer is ⟦nk⟧.",
        'The answer is "⟦nk⟧."',
        "The answer is '⟦k⟧'.",
        "So the answer is ⟦now⟧.",
        "So the answer is ⟦is⟧.",
        "The answer is ⟦Paris⟧, because it is the capital.",
        "The answer is ⟦New York City⟧!",
        "The answer is ⟦a dog⟧.",
        "Answer: ⟦A dog⟧",
        '{"answer": "⟦nk⟧"}',
        " ⟦nk⟧.",
        "⟦New York⟧.\n",
    ],
}
CASES = [(kind, marked) for kind, texts in MARKED.items() for marked in texts]


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_table(kind: AnswerKind, marked: str) -> None:
    marks = marked.rfind("⟦"), marked.rfind("⟧")
    before = marked[: marks[0]].replace("⟦", "").replace("⟧", "")
    answer = marked[marks[0] + 1 : marks[1]]
    text = before + answer + marked[marks[1] + 1 :]
    assert locate(text) == Span(len(before), len(before) + len(answer), answer, kind)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", ".", "The answer is", "I wonder what to do about all of this", "\\boxed{}", "\\boxed{ }"],
)
def test_no_answer(text: str) -> None:
    assert locate(text) is None


@pytest.mark.parametrize(
    ("text", "kind", "answer"),
    [
        ("The answer is (B) 12.", "number", "12"),
        ("The answer is B12 and then C follows", "option", "C"),
        ("Perhaps B, perhaps 12", "option", "B"),
        ("Take (B), not 12", "option", "B"),
        ("No, she has 5 eggs, so it is even", "number", "5"),
        ("She has 6 eggs, so no", "yes_no", "no"),
        ("The answer is 90 eggs.", "text", "90 eggs"),
        ("The answer is nk. There are 2 words.", "text", "nk"),
        ("The answer is nk. There are 2 words.", "number", "2"),
        ("Solving gives $2\\sqrt{3}$ in 2 steps", "expression", "2\\sqrt{3}"),
        ("Solving gives 7", "expression", "7"),
        ("The answer is 2x + 3.", "number", "2"),
        ("The answer is 90.", "option", None),
        ("Nothing to be seen here at all", "text", None),
    ],
)
def test_wanted_kind(text: str, kind: AnswerKind, answer: str | None) -> None:
    span = locate(text, kind=kind)
    assert (span.text if span else None) == answer


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        (" 90.", True),
        ("nk", True),
        ("The answer is 90.", True),
        ("\\boxed{7}", True),
        ("She has 19 eggs and finds 71 more.", False),
        ("We take option D in the end", False),
        ("So the answer is", False),
        ("", False),
    ],
)
def test_states_answer(text: str, stated: bool) -> None:
    assert states_answer(text) is stated


FRAGMENTS = st.sampled_from(
    [
        *["The answer is ", "answer: ", "Final Answer\n", "#### ", " because ", "Step 2: ", "\n1. "],
        *["\\boxed{", "\\frac{", "\\text{", "\\(", "\\)", "$$", "**", "10^", "2^{10}", " = ", " + "],
        *["(B)", "option C", "90", "1,234", "3/4", "5%", "nk", "Yes", "no", "heads"],
        *"}{()[]$\"'-−.,!½x A\n\u00a0٣😀",
    ]
)
TEXTS = st.text() | st.lists(FRAGMENTS | st.text(max_size=3), max_size=12).map("".join)
KINDS = st.sampled_from([None, "number", "option", "yes_no", "expression", "text"])


@given(TEXTS, KINDS)
@settings(max_examples=500, deadline=None)
@example("The answer is **", None)
@example("The answer is $$$$", "expression")
def test_span_is_a_trimmed_piece_of_the_text(text: str, kind: AnswerKind | None) -> None:
    span = locate(text, kind=kind)
    if span is not None:
        assert 0 <= span.start < span.end <= len(text)
        assert span.text == text[span.start : span.end] == span.text.strip()
        assert not span.text.endswith(".")
        if kind is not None:
            assert span.kind == kind or (kind, span.kind) == ("expression", "number")


@given(st.integers(-(10**9), 10**9), st.sampled_from(["", " eggs", "%", ", I think", " km"]))
@settings(max_examples=100, deadline=None)
def test_announced_integers_are_found(number: int, after: str) -> None:
    span = locate(f"First 12, then 7. The answer is {number:,}{after}. That was 3 steps.")
    assert span is not None
    assert span.text.rstrip("%") == f"{number:,}"


HOSTILE = [
    *"1(){}$\"'-½\n ٣😀",
    *[
        "1,",
        "9.",
        "\\boxed{",
        "\\boxed{1",
        "}{",
        "$1",
        "**",
        "--1",
        "1/",
        "1/2/",
        "2^",
        "1e",
        "1 ",
        "\u00a01",
        "5!",
        "x=",
    ],
    *[
        "A ",
        "(A) ",
        "no",
        "1) a",
        "\n1. a",
        "step 1: a ",
        "answer is ",
        "answer:",
        "answer to ",
        "#### ",
        "\\frac{",
    ],
    *["final answer\n", "answer is (", "answer is \\text{", "the answer is not "],
]


@pytest.mark.parametrize("kind", [None, "option"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_long_texts_are_read_in_linear_time(piece: str, kind: AnswerKind | None) -> None:
    text = ("The answer is " + piece * (200_000 // len(piece)))[:200_000]
    start = time.process_time()
    locate(text, kind=kind)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("(10 - 4) * 4 = 24", "(10 - 4) * 4"),
        ("So the answer is (10 - 4) * 4 = 24.", "(10 - 4) * 4"),
        ("The answer is: **6 * 4 = 24**", "6 * 4"),
        ("6 * 2 + 12.", "6 * 2 + 12"),
        ("So the answer is 6 * 2 + 12.", "6 * 2 + 12"),
        (r"\boxed{(10-4)*4 = 24}", "(10-4)*4"),
        ("24", "24"),
        ("x = 5", "5"),
    ],
)
def test_a_formula_is_an_equations_left_side(text: str, formula: str) -> None:
    span = locate(text, kind="formula")
    assert span is not None
    assert span.text == formula
    assert text[span.start : span.end] == formula


def test_without_being_asked_for_an_equations_answer_stays_its_result() -> None:
    span = locate("So the answer is (10 - 4) * 4 = 24.")
    assert span is not None
    assert span.text == "24"
