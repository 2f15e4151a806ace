"""Keys, comparisons and pooled votes."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.answers import Comparison, compare, equal, normalise, pool

KEYS = {
    # numbers
    "1,234.0": "1234",
    "1{,}234": "1234",
    "90.": "90",
    "90 eggs": "90",
    "90 red eggs": "90",
    "12 km/h": "12",
    "30°": "30",
    "30^{\\circ}": "30",
    "5 m²": "5",
    "$5": "5",
    "\\$5.50": "5.5",
    "-$5": "-5",
    "−5": "-5",
    "+5": "5",
    "-0": "0",
    ".5": "0.5",
    "007": "7",
    "50%": "50%",
    "50 percent": "50%",
    "50\\%": "50%",
    "12.50 %": "12.5%",
    "3/4": "0.75",
    "1 1/2": "1.5",
    "1½": "1.5",
    "⅓": "1/3",
    "2/6": "1/3",
    "\\frac{2}{6}": "1/3",
    "-\\dfrac{3}{4}": "-0.75",
    "\\frac12": "0.5",
    "1\\frac{1}{2}": "1.5",
    "10^{3}": "1000",
    "10³": "1000",
    "-3^2": "-9",
    "2^-2": "0.25",
    "3e8": "300000000",
    "1.5 \\times 10^{-3}": "0.0015",
    "5 million dollars": "5000000",
    "2 dozen eggs": "24",
    "x = 5": "5",
    "٣٤": "34",
    "９０": "90",
    "$\\boxed{\\frac{1}{2}}$": "0.5",
    "**90**": "90",
    # what only looks like a number
    "1/0": "1/0",
    "0^0": "0^{0}",
    "3 and 4": "3 and 4",
    "5 apples, 3 pears": "5 apples, 3 pears",
    "12 345": "12 345",
    "1e999999999": "1e999999999",
    # options, words, text
    "(b)": "B",
    "B.": "B",
    "option c": "C",
    "Ｂ": "B",
    "YES": "yes",
    "Yes!!": "yes",
    ' "Nk." ': "nk",
    "\\text{nk}": "nk",
    "New   York": "new york",
    "STRASSE": "strasse",
    "Straße": "strasse",
    # expressions
    "x ^ 2 + 1": "x^{2}+1",
    "x**2 + 1": "x^{2}+1",
    "X + y": "X+y",
    "5!": "5!",
    "\\left( 1, 2 \\right)": "(1,2)",
    "\\dfrac{x}{2}": "\\frac{x}{2}",
    "": "",
    " ... ": "...",
}


@pytest.mark.parametrize(("answer", "key"), KEYS.items())
def test_keys(answer: str, key: str) -> None:
    assert normalise(answer) == key


PIECES = st.sampled_from([*KEYS, "**", "\\boxed{", "x = ", "\\text{", *"$\"'}().!=, ½³㎏ﬁİAe%^_−"])
ANSWERS = st.text(max_size=20) | st.lists(PIECES | st.text(max_size=2), max_size=5).map("".join)


@given(ANSWERS)
@settings(max_examples=1000, deadline=None)
def test_normalising_again_changes_nothing(answer: str) -> None:
    assert normalise(normalise(answer)) == normalise(answer)


@given(st.fractions(max_denominator=10**6))
@settings(max_examples=200, deadline=None)
def test_all_spellings_of_a_fraction_share_a_key(value: Fraction) -> None:
    top, bottom = value.numerator, value.denominator
    sign = "-" if top < 0 else ""
    key = normalise(f"{top}/{bottom}")
    assert normalise(f"{3 * top:,} / {3 * bottom:,}") == key
    assert normalise(f"${sign}\\frac{{{abs(top)}}}{{{bottom}}}$.") == key
    assert Fraction(key) == value


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_decimals_are_exact(digits: int, places: int) -> None:
    value = Fraction(digits, 10**places)
    sign = "-" if digits < 0 else ""
    whole, rest = divmod(abs(digits), 10**places)
    written = f"{sign}{whole:,}.{rest:0{places}d}0" if places else f"{sign}{whole:,}"
    assert Fraction(normalise(written)) == value
    assert normalise(f"{written} eggs") == normalise(written)


EXACT, NUMERIC, VERIFIED, GAVE_UP = "exact", "numeric", "math-verify", "gave up"


@pytest.mark.parametrize(
    ("a", "b", "same", "how"),
    [
        ("1/2", "0.5", True, EXACT),
        ("90 eggs", "90", True, EXACT),
        ("(B)", "b", True, EXACT),
        ("Yes.", "yes", True, EXACT),
        ("(1,2)", "(1, 2)", True, EXACT),
        ("nk", "kn", False, EXACT),
        ("Paris", "5", False, EXACT),
        ("x + 1", "Paris", False, EXACT),
        ("0.333", "1/3", False, NUMERIC),
        ("9.11", "9.9", False, NUMERIC),
        ("0.1", "0.10000000000000000001", False, NUMERIC),
        ("50%", "0.5", True, NUMERIC),
        ("50%", "50", True, NUMERIC),
        ("50%", "5", False, NUMERIC),
        ("\\frac{\\sqrt{2}}{2}", "1/\\sqrt{2}", True, VERIFIED),
        ("sqrt(2)", "\\sqrt{2}", True, VERIFIED),
        ("√2", "1.41421356", True, VERIFIED),
        ("√2", "1.41", False, VERIFIED),
        ("{1, 2}", "\\{2, 1\\}", True, VERIFIED),
        ("(1, 2)", "(2, 1)", False, VERIFIED),
        ("(x+1)^2", "x^2 + 2x + 1", True, VERIFIED),
        ("x^10", "x^5 * x^5", True, VERIFIED),
        ("y = 2x + 1", "2x + 1", True, VERIFIED),
        ("(8 - 4) * (7 - 1)", "24", True, VERIFIED),
        ("2x", "3x", False, VERIFIED),
        ("9^9^9", "1", False, GAVE_UP),
        ("10^10^10", "10^10^11", False, GAVE_UP),
    ],
)
def test_comparisons(a: str, b: str, same: bool, how: str) -> None:
    assert compare(a, b) == compare(b, a) == Comparison(same, how)  # type: ignore[arg-type]
    assert equal(a, b) is same


@given(ANSWERS, ANSWERS)
@settings(max_examples=300, deadline=None)
def test_equality_is_reflexive_and_symmetric(a: str, b: str) -> None:
    assert compare(a, a).equal
    assert compare(a, b, ask_checker=False) == compare(b, a, ask_checker=False)


@pytest.mark.parametrize(
    "hostile",
    [
        "9**9**9",
        "10^10^10",
        "10^{10^{10}}",
        "((2^{999})^{999})^{999}",
        "2^{99999999}+x",
        "(" * 50 + "x+1" + ")" * 50,
        "(" * 100_000 + "1",
        "x+" * 5_000 + "1",
        "9999999!",
        "5!!!!!",
        "1/" * 3_000 + "1",
        "\\frac{" * 5_000,
        "9" * 100_000,
        "1e999999999+x",
    ],
)
def test_hostile_expressions_are_not_tried(hostile: str) -> None:
    start = time.process_time()
    assert not compare(hostile, "1+x").equal
    assert time.process_time() - start < 1.0


def test_checker_is_not_asked_when_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.answers.equality._verdict", pytest.fail)
    assert compare("x+1+0", "1+x", ask_checker=False) == Comparison(False, "gave up")


def test_comparing_from_threads() -> None:
    with ThreadPoolExecutor(4) as threads:
        same = threads.map(lambda n: equal(f"{n}x + 1", f"1 + x * {n}"), range(2, 8))
        different = threads.map(lambda n: equal(f"{n}x + 2", f"1 + x * {n}"), range(2, 8))
        assert list(same) == [True] * 6
        assert list(different) == [False] * 6


def test_pool_adds_up_equal_answers() -> None:
    answers = ["7", "90 eggs", None, "90.0", " ", "1/2", "0.5", "seven"]
    weights = [0.5, 0.3, 9.0, 0.3, 9.0, 0.1, 0.1, 0.2]
    pooled = pool(answers, weights)
    assert [answer for answer, _ in pooled] == ["90", "7", "0.5", "seven"]
    assert [total for _, total in pooled] == pytest.approx([0.6, 0.5, 0.2, 0.2])


def test_pool_orders_ties_by_first_appearance() -> None:
    assert pool(["b", "a", "b", "a"], [1, 1, 1, 1]) == [("B", 2), ("A", 2)]


def test_pool_sees_mathematical_equality() -> None:
    assert pool(["2x+2", "3x", "2(x+1)"], [1, 1, 1]) == [("2x+2", 2), ("3x", 1)]


def test_pool_does_not_chain_through_percentages() -> None:
    assert pool(["50%", "50", "0.5"], [1, 1, 1]) == [("50%", 2), ("0.5", 1)]


def test_pool_without_patience_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.answers.equality._verdict", pytest.fail)
    assert pool(["2x+4", "2(x+2)"], [1, 1], patience=0) == [("2x+4", 1), ("2(x+2)", 1)]


def test_pool_of_nothing() -> None:
    assert pool([], []) == []


@pytest.mark.parametrize(
    ("answers", "weights"), [(["1"], []), (["1"], [float("nan")]), (["1"], [float("inf")])]
)
def test_pool_refuses_bad_weights(answers: list[str], weights: list[float]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        pool(answers, weights)


@given(st.lists(st.tuples(st.sampled_from(["1", "1.0", "2", "(b)", "B", "nk", None]), st.integers(0, 9))))
@settings(max_examples=100, deadline=None)
def test_pool_loses_no_weight(votes: list[tuple[str | None, int]]) -> None:
    pooled = pool([answer for answer, _ in votes], [weight for _, weight in votes])
    assert sum(total for _, total in pooled) == sum(weight for answer, weight in votes if answer is not None)
    assert [total for _, total in pooled] == sorted((total for _, total in pooled), reverse=True)
    assert {answer for answer, _ in pooled} == {
        normalise(answer) for answer, _ in votes if answer is not None
    }


def test_importing_is_cheap() -> None:
    heavy = "{'sympy', 'math_verify', 'torch', 'transformers', 'numpy', 'streamlit'}"
    code = f"import sys, playground.answers; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
