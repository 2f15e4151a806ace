"""Formulas: which characters of a sentence are mathematics, and which number they end up at.

Knows numbers, letters, operators, brackets and LaTeX commands as pieces on a line, not what they mean. Must
not know cues, boxes or the other forms of an answer; `spans` does.
"""

import re
from dataclasses import dataclass
from typing import Literal

from playground.answers.numerals import ATTACHED_UNIT, DEGREES, NUMBER, is_unit

FormulaKind = Literal["number", "expression"]
Found = tuple[int, int, FormulaKind]
"""Characters [start, end) and what they hold."""

_PIECE = re.compile(
    rf"""
    (?P<space>\s++|\\[ ,;!])
  | (?P<stop>{DEGREES.pattern}|(?<=\d){ATTACHED_UNIT.pattern}|\\(?:text|textrm|mathrm|mbox|quad|qquad|f?boxed)\b)
  | (?P<currency>\\?[$€£¥₹]\s?(?=[\d.]))
  | (?P<equals>=|≈|\\approx\b)
  | (?P<operator>\\(?:times|cdot|div|pm|leq?|geq?|lt|gt|neq|cup|cap|in)\b
                  |\*\*|[-+*/^<>×÷·±−_∪∩≤≥|]|:(?=\d))
  | (?P<comma>,)
  | (?P<open>\\[{{]|[(\[{{])
  | (?P<close>\\[}}]|[)\]}}])
  | (?P<postfix>[!²³])
  | (?P<command>\\[A-Za-z]+)
  | (?P<atom>(?:sqrt|sin|cos|tan|log|ln|exp|pi)(?![A-Za-z])|(?<=\d)[a-z]{{1,3}}(?![A-Za-z])
            |[A-Za-zα-ωΑ-Ω∞√](?![A-Za-z]{{2}}))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MATHEMATICAL = re.compile(r"\d|\\[A-Za-z]|[√∞π²³]|[A-Za-z)]\s?[-+*/^=<>×÷±−≤≥]\s?[A-Za-z(]")
_SUM = re.compile(r"[\d)]\s{0,3}(?:[-+*/×÷−·]|\\times|\\cdot|\\div)")
_CURRENCY = re.compile(r"\\?[$€£¥₹]\s?")


def find(
    text: str, start: int, end: int, *, numbers_only: bool, alone: bool, left: bool = False
) -> Found | None:
    """The answer that the mathematics in [start, end) gives; None where there is none.

    Of an equation it is the number on its right, or else on its left. The formula is all of [start, end),
    else what that starts with, else what its first number starts. With `alone` the last of these does not
    count, and beside the formula there may be nothing but a unit. With `left` an equation's answer is its left side.
    """
    everything = _formula(text, start, end, commas=True)
    if everything.end == end and (found := _answer(text, everything, numbers_only, left)):
        return found
    formula = _formula(text, start, end, commas=False)
    found = _answer(text, formula, numbers_only, left)
    if alone:
        return found if is_unit(text[formula.end : end]) else None
    if found is None and (number := NUMBER.search(text, start, end)):
        formula = _formula(text, number.start(), end, commas=False)
        found = _answer(text, formula, numbers_only, left) or (number.start(), number.end(), "number")
    return found


@dataclass(frozen=True, slots=True)
class _Formula:
    start: int
    end: int
    equals: tuple[tuple[int, int], ...]  # where the equals signs outside all brackets stand


def _formula(text: str, start: int, end: int, *, commas: bool) -> _Formula:
    """The longest formula that starts at `start`; `commas` outside brackets are part of it or end it."""
    position = stop = start
    depth = 0
    equals: list[tuple[int, int]] = []
    spaced = False
    open_ended = True  # an operand may follow, even after white space
    while position < end:
        signed = text[position] in "+-−–"
        piece = NUMBER.match(text, position, end) if open_ended or not signed else None
        name = "atom" if piece else None
        if piece is None and (piece := _PIECE.match(text, position, end)):
            name = piece.lastgroup
        if piece is None or name in (None, "stop") or (name == "comma" and not (depth or commas)):
            break
        # "5 a day": white space without an operator ends a formula.
        if name in ("atom", "command", "open") and spaced and not open_ended:
            break
        position = piece.end()
        if name in ("space", "currency"):
            spaced = name == "space" or spaced
            continue
        if name == "equals" and depth == 0:
            equals.append(piece.span())
        elif name == "open":
            depth += 1
        elif name == "close":
            depth -= 1
        if depth < 0:
            break
        if depth == 0 and name in ("atom", "command", "close", "postfix"):
            stop = position
        spaced = False
        open_ended = name in ("equals", "operator", "comma", "open", "command")
    return _Formula(start, stop, tuple(sign for sign in equals if sign[1] <= stop))


def _answer(text: str, formula: _Formula, numbers_only: bool, left: bool) -> Found | None:
    """The number an equation ends with, else begins with; else the whole formula if it may be one."""
    if left and formula.equals:
        side = text[formula.start : formula.equals[0][0]]
        if _SUM.search(side):
            return formula.start, formula.start + len(side.rstrip()), "expression"
    starts = [formula.start, *(end for _, end in formula.equals)]
    ends = [*(start for start, _ in formula.equals), formula.end]
    for start, end in ((starts[-1], ends[-1]), (starts[0], ends[0])):
        if number := _only_number(text, start, end):
            return (*number, "number")
    if numbers_only or not _MATHEMATICAL.search(text, formula.start, formula.end):
        return None
    return formula.start, formula.end, "expression"


def _only_number(text: str, start: int, end: int) -> tuple[int, int] | None:
    side = text[start:end]
    end = start + len(side.rstrip())
    start += len(side) - len(side.lstrip())
    if currency := _CURRENCY.match(text, start, end):
        start = currency.end()
    number = NUMBER.match(text, start, end)
    return number.span() if number and number.end() == end else None
