"""Equality: one key per answer, whether two answers are equal, and votes added up over equal answers.

Knows how answers are spelled. Must not know where in a text they stood (`spans`) or how the checker's
process lives (`checker`). Almost every comparison ends here, on exact fractions; only mathematics beyond
numbers is asked of math-verify.
"""

import math
import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from playground.answers import numerals
from playground.answers.checker import Checker
from playground.answers.numerals import Numeral

How = Literal["exact", "numeric", "math-verify", "gave up"]

MAX_ANSWER_LENGTH = 2000
"""Characters. Of a longer answer only case and white space are normalised."""
MAX_EXPRESSION_LENGTH = 200
"""Characters. Expressions beyond this or one of the next are compared by their spelling alone."""
MAX_DEPTH = 12
"""Brackets open at once."""
MAX_POWER = 10_000
"""Product of all exponents."""

_checker = Checker()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether two answers are equal, and how that was found.

    how: "exact", by their keys; "numeric", by their exact values; "math-verify"; "gave up", when an
    expression was too large to try or struck the time limit. Answers given up on count as different.
    """

    equal: bool
    how: How


def normalise(answer: str) -> str:
    r"""The canonical key of an answer, under which equal spellings meet. Idempotent.

    Quotes, emphasis, boxes, maths delimiters and closing punctuation go. A number loses its unit, currency
    and grouping ("1,234.0 eggs" -> "1234", "$5" -> "5", "x = 5" -> "5") and keeps its percent sign ("50
    percent" -> "50%"); fractions become decimals where those end ("3/4" -> "0.75", r"\frac{2}{6}" ->
    "1/3"). Option letters A to E become capitals ("(b)" -> "B"). Expressions keep their case and lose free
    white space; other text is lower-cased.
    """
    for _ in range(10):  # a key may itself spell a simpler one: "0$0" gives "00"
        before, answer = answer, _key(answer)
        if answer == before:
            break
    return answer


def _key(answer: str) -> str:
    if len(answer) > MAX_ANSWER_LENGTH:
        return _folded(answer)
    bare = _unwrapped(answer)
    if numeral := _numeral(bare):
        return numeral.canonical()
    plain = unicodedata.normalize("NFKC", _flattened(bare))
    if plain != bare:
        return plain
    if option := _OPTION.fullmatch(plain):
        return (option[1] or option[2]).upper()
    if _is_mathematics(plain):
        return _expression_key(plain)
    return _folded(plain)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def compare(a: str, b: str, *, ask_checker: bool = True) -> Comparison:
    r"""Compare two answers: by key, by exact value, then through math-verify where both are mathematics.

    Numbers are compared exactly: 0.5 equals 1/2, 0.333 does not equal 1/3. A percentage equals both its
    face and its hundredth (50% equals 50 and 0.5; math-verify's convention too), which makes equality
    intransitive there. Only when exactly one side is a decimal and the other irrational is there a
    tolerance, math-verify's: agreement when rounded to 6 places (1.414214 equals \sqrt{2}, 1.41 does not).

    One comparison takes at most the checker's limit of 3 seconds, its start (about a second, on the first
    question and after a limit struck) not counted; `ask_checker=False` never asks it.

    Raises:
        CheckerUnavailable: math-verify is needed and its process cannot be started.
    """
    return _compare_keys(normalise(a), normalise(b), ask_checker)


def equal(a: str, b: str) -> bool:
    """Whether two answers are equal, as `compare` finds; False where it gave up."""
    return compare(a, b).equal


def _compare_keys(key_a: str, key_b: str, ask_checker: bool) -> Comparison:
    if key_a == key_b:
        return Comparison(True, "exact")
    number_a, number_b = numerals.read(key_a), numerals.read(key_b)
    if number_a and number_b:
        return Comparison(_same_number(number_a, number_b), "numeric")
    if not (_is_mathematics(key_a) and _is_mathematics(key_b)):
        return Comparison(False, "exact")
    if not ask_checker or _is_daunting(key_a) or _is_daunting(key_b):
        return Comparison(False, "gave up")
    verdict = _verdict(*sorted((_latex(key_a), _latex(key_b))))
    return Comparison(False, "gave up") if verdict is None else Comparison(verdict, "math-verify")


def pool(
    answers: Sequence[str | None], weights: Sequence[float], *, patience: float = 10.0
) -> list[tuple[str, float]]:
    """Group equal answers and add up their weights.

    Returns (canonical answer, total weight) by falling total, then by first appearance; the canonical
    answer is the `normalise` key of the group's first. None and blank answers are skipped. An answer joins
    a group only if it equals every spelling already in it, since equality is not transitive everywhere.
    After `patience` seconds the rest is grouped without the checker.

    Raises:
        ValueError: the lengths differ, or a weight is not finite.
    """
    deadline = time.monotonic() + patience
    groups: list[list[str]] = []
    totals: list[float] = []
    place: dict[str, int] = {}
    for answer, weight in zip(answers, weights, strict=True):
        if not math.isfinite(weight):
            raise ValueError(f"weights must be finite, got {weight}")
        key = normalise(answer) if answer is not None else ""
        if not key:
            continue
        if key not in place:
            place[key] = _group_of(key, groups, deadline)
            if place[key] == len(groups):
                groups.append([])
                totals.append(0.0)
            groups[place[key]].append(key)
        totals[place[key]] += weight
    pooled = [(keys[0], total) for keys, total in zip(groups, totals, strict=True)]
    return sorted(pooled, key=lambda pair: -pair[1])


def _group_of(key: str, groups: list[list[str]], deadline: float) -> int:
    for index, members in enumerate(groups):
        if all(_compare_keys(member, key, time.monotonic() < deadline).equal for member in members):
            return index
    return len(groups)


# --- Spelling -------------------------------------------------------------------------------------------

_OPTION = re.compile(
    r"(?:(?:option|choice|letter)\s+)?(?:[(\[]\s*([a-e])\s*[)\]]|([a-e])[).:]?)", re.IGNORECASE
)
_ASSIGNMENT = re.compile(r"[A-Za-z]\s*=\s*(.+)", re.DOTALL)
_COMMAND_WRAPPINGS = re.compile(r"\\(?:f?boxed|text|textbf|textit|mathrm|mathbf|mbox)\s*\{(.*)\}", re.DOTALL)
_WRAPPINGS = (
    ("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$"), ("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"),
    ('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("«", "»"),
)  # fmt: skip
_CLOSING = ".,;:?…。"
_EXCLAMATION = re.compile(r"(?<![\d)}\]!])!+$")  # after a number or bracket it is a factorial
_RAISED = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR = re.compile("[¼½¾⅐-⅞]")


def _unwrapped(answer: str) -> str:
    """Without wrappings and closing punctuation around it; as it was if nothing else would be left."""
    bare = answer.strip()
    for _ in range(16):
        before = bare
        bare = bare.rstrip(_CLOSING).strip()
        bare = _EXCLAMATION.sub("", bare).rstrip()
        command = _COMMAND_WRAPPINGS.fullmatch(bare)
        if command and _is_balanced(command[1]):
            bare = command[1].strip()
        for opener, closer in _WRAPPINGS:
            inner = bare[len(opener) : -len(closer)]
            if inner and closer not in inner and bare == opener + inner + closer:
                bare = inner.strip()
        if bare == before:
            break
    return bare or answer.strip()


def _is_balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _numeral(bare: str) -> Numeral | None:
    if numeral := numerals.read(bare):
        return numeral
    assignment = _ASSIGNMENT.fullmatch(bare)
    return numerals.read(assignment[1]) if assignment else None


def _flattened(text: str) -> str:
    """Spell raised digits as powers and ½ as a fraction; NFKC would turn 10³ into 103 and 2½x into 21/2x."""
    text = _VULGAR.sub(lambda c: " " + unicodedata.normalize("NFKC", c[0]).replace("⁄", "/"), text)
    return _RAISED.sub(lambda run: f"^{{{unicodedata.normalize('NFKC', run[0])}}}", text)


# --- Mathematics ----------------------------------------------------------------------------------------

_RESPELLED = (
    (re.compile(r"[−–﹣－]"), "-"),
    (re.compile(r"[×·∙]|\\(?:times|cdot)(?![A-Za-z])"), "*"),
    (re.compile(r"÷|\\div(?![A-Za-z])"), "/"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:left|right)(?![A-Za-z])|\\[,;:!]|\$"), ""),
    (re.compile(r"√"), r"\\sqrt "),
    (re.compile(r"π|(?<![A-Za-z\\])pi(?![A-Za-z])"), r"\\pi "),
    (re.compile(r"∞"), r"\\infty "),
    (re.compile(r"≤"), r"\\le "),
    (re.compile(r"≥"), r"\\ge "),
    (re.compile(r"\s+"), " "),
    (re.compile(r" ?([^\w\s\\]) ?"), r"\1"),
    (re.compile(r"\^(-?\d+)"), r"^{\1}"),
)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_FUNCTION = re.compile(r"(?<![A-Za-z])(?:sqrt|sin|cos|tan|log|ln|exp|pi)(?![A-Za-z])")
_MATHEMATICAL = re.compile(r"[\d\\^*/+=<>√π∞×÷±−≤≥∪∩{}]|(?<=\w)\s*-\s*(?=\w)")
_WORD = re.compile(r"[^\W\d_]{4}|(?:^|\s)[^\W\d_]{2,}(?=\s|$)|[^\W\d_α-ωΑ-Ωa-zA-Z]|[\x00-\x08]")


def _is_mathematics(text: str) -> bool:
    """Whether math-verify may know more than the spelling: signs of mathematics, no ordinary words."""
    without_names = _FUNCTION.sub("1", _COMMAND.sub(" 1 ", text))
    return bool(_MATHEMATICAL.search(text)) and not _WORD.search(without_names)


def _expression_key(text: str) -> str:
    for pattern, spelling in _RESPELLED:
        text = pattern.sub(spelling, text)
    return text.strip()


def _latex(key: str) -> str:
    """What differs between a key and what math-verify reads as LaTeX: the names of functions."""
    return _FUNCTION.sub(lambda name: name[0] if name[0] == "sqrt" else f"\\{name[0]}", key)


_EXPONENT = re.compile(r"\^[{(]*-?(\d+)")
_TOWER = re.compile(r"\^(?:\{[^{}]*\}|\w)\^|\^[{(][^{}]*[\^!]")
_HUGE_FACTORIAL = re.compile(r"\d{4}\)?!|!\)*!")
_LONG_NUMBER = re.compile(r"\d{60}")


def _is_daunting(key: str) -> bool:
    """Whether an expression is so long, deep or large that asking would only run into the time limit."""
    depth = deepest = 0
    for bracket in re.findall(r"[(\[{}\])]", key):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    return (
        len(key) > MAX_EXPRESSION_LENGTH
        or deepest > MAX_DEPTH
        or math.prod(int(exponent) or 1 for exponent in _EXPONENT.findall(key)) > MAX_POWER
        or any(pattern.search(key) for pattern in (_TOWER, _HUGE_FACTORIAL, _LONG_NUMBER))
    )


def _same_number(a: Numeral, b: Numeral) -> bool:
    return a.value == b.value or (a.percent != b.percent and a.face == b.face)


@lru_cache(maxsize=4096)
def _verdict(a: str, b: str) -> bool | None:
    # Given-up pairs are remembered as well, so that drawing a page again does not wait for them again.
    return _checker.agree(a, b)
