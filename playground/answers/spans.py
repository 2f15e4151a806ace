"""Spans: where in a text its final answer stands.

Knows the forms in which people and models announce an answer. Must not know what an answer is worth
(`equality`), nor tokens (`offsets`). Every search is linear in the text's length, since the texts come from
models and visitors.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from playground.answers import formulas
from playground.answers.numerals import NUMBER

AnswerKind = Literal["number", "option", "yes_no", "expression", "text"]
"""number: 90, 3/4, 50%. option: the letter of (B). yes_no: yes, no, true, false, heads, tails, even, odd.
expression: other mathematics. text: any other short answer."""

Wanted = AnswerKind | Literal["formula"]
"""What can be looked for; formula: an expression, and of an equation its left side, for questions that ask how a number
is made."""

MAX_SENTENCE = 300
"""Characters in a box, or after a cue, in which the answer is looked for."""
MAX_CUES = 50
"""Cues looked at, counted from the end."""
MAX_WORDS_AFTER_CUE = 10
MAX_WORDS_ALONE = 3
"""Words in a text answer: after a cue, and when the answer is the whole text."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a text; `text` is exactly those characters, `kind` what they express."""

    start: int
    end: int
    text: str
    kind: AnswerKind


def locate(text: str, *, kind: Wanted | None = None) -> Span | None:
    r"""Find the final answer in `text`; None when there is none.

    In order of preference: the last `\boxed{...}`; what follows the last cue ("the answer is", "Answer:",
    "####", "final answer", ...); the whole text where it is little more than an answer ("90 eggs.", "(B)
    because ...", "Yes.", "nk."); the last number or option letter (Wang & Zhou 2024, section 2); the last
    word such as heads or even.

    The span is the answer alone: the 90 of "90 eggs" and of "$90", the 7 of "3 + 4 = 7", the B of "(B)",
    never quotes, emphasis or the full stop. A sign and a percent mark are part of a number.

    `kind` limits the search to answers of one kind, and then allows weaker signs of it, such as a bare
    letter for options. "expression" and "formula" also accept numbers, "text" whatever the cue announces.
    """
    return _first(chain(_stated(text, kind), _last(text, kind)), kind)


def states_answer(text: str) -> bool:
    """Whether `text` itself says which is its answer: in a box, after a cue, by being little more than it.

    False where `locate` could only fall back on the last number, letter or word.
    """
    return _first(_stated(text, None), None) is not None


def announces_answer(text: str) -> bool:
    """Whether `text` announces an answer, in a box or after a cue."""
    return any(_first(_in_region(text, region, None), None) for region in _announced(text))


_Readings = Iterator[Span | None]
"""What a text can be read as, best first. Where a `kind` is wanted, its weaker signs are among them."""


def _first(readings: Iterable[Span | None], kind: Wanted | None) -> Span | None:
    accepted = {"number", "expression"} if kind in ("expression", "formula") else {kind}
    return next((span for span in readings if span and (kind is None or span.kind in accepted)), None)


def _stated(text: str, kind: Wanted | None) -> _Readings:
    for region in _announced(text):
        yield from _in_region(text, region, kind)
    yield from _alone(text, kind)


# --- Where an answer is announced -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Region:
    start: int
    end: int
    boxed: bool = False  # a box holds the answer and nothing else; a sentence may hold more


_BOX_PARTS = re.compile(r"\\{1,2}f?boxed\s?\{|\\.|[{}]", re.DOTALL)

_ASIDE = (
    r"\s(?:to|for|of|in|here|should|would|must|will|could|then|now|therefore|thus|also)\b[^.,:?\n]{0,60}?"
)
_HEDGE = (
    r"\s*(?:approximately|about|around|roughly|exactly|simply|just|now|then|therefore|thus|equal\sto)\b:?"
)
_MARKS = r"""["'*_]{0,3}"""
_CUE = re.compile(
    rf"""
    \#{{4}} | <answer>                                                     # GSM8K; a tag
  | \b(?P<final>final[\s_-]?)?(?<!\bto[ ])(?:answers?|correct\s(?:option|choice|letter))\b
    (?: {_MARKS}(?:\s?\([^()\n]{{0,40}}\))?{_MARKS}\s?[:=](?:\*\*|__)?        # Answer: and **Answer** (in km):
      | (?:{_ASIDE})?\s(?:is|are|was|equals|be)\b\s?:?(?:\*\*|__)?           # the answer to this question is
      | (?(final){_MARKS}:?\s{{0,3}}\n|(?!))                                 # a heading Final Answer
    )
    (?:{_HEDGE}(?=\s+\w)){{0,3}}                                             # not in "the answer is now."
    """,
    re.VERBOSE | re.IGNORECASE,
)

# A full stop ends a sentence before white space or the end, past closing marks; "!" after a digit is a factorial.
_SENTENCE_END = re.compile(r"""(?:[.?…。]|(?<!\d)!)(?=["'*_`)\]}»”’]{0,4}(?:\s|$))|\n|</""")


def _announced(text: str) -> Iterator[_Region]:
    if boxes := _boxes(text):
        yield max(boxes, key=lambda box: box.start)
    for cue in reversed(deque(_CUE.finditer(text), maxlen=MAX_CUES)):
        start = cue.end()
        while start < len(text) and text[start].isspace():
            start += 1
        limit = min(len(text), start + MAX_SENTENCE)
        end = _SENTENCE_END.search(text, start, limit)
        yield _Region(start, end.start() if end else limit)


def _boxes(text: str) -> list[_Region]:
    """Every box with balanced braces, found in one pass."""
    open_braces: list[int | None] = []  # for each open brace: where its box's content starts
    boxes: list[_Region] = []
    for part in _BOX_PARTS.finditer(text):
        if part.group() == "}":
            start = open_braces.pop() if open_braces else None
            if start is not None and part.start() - start <= MAX_SENTENCE:
                boxes.append(_Region(start, part.start(), boxed=True))
        elif part.group() == "{":
            open_braces.append(None)
        elif "boxed" in part.group():
            open_braces.append(part.end())
    return boxes


# --- What stands there ----------------------------------------------------------------------------------

_LEADING = re.compile(r"[\s*_:]*+")
_TRAILING = frozenset(" \t\r\n.,;:?*_\"'`”’»$…。")
_CLOSERS = {
    '"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»",
    "$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]", "**": "**",
}  # fmt: skip
_OPENER = re.compile("|".join(re.escape(opener) for opener in _CLOSERS))
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|rm)\s?\{([^{}]*)\}")

_OPTION_FIRST = re.compile(
    r"""
    (?:(?i:option|choice|letter)\s)?
    (?: [(\[]\s?(?P<bracketed>[A-Ea-e])\s?[)\]]
      | (?P<bare>[A-E])(?=\)|[.:](?:\s|$)|$|\s?[,;]|\s(?:[-–—(]|because\b|since\b|as\b|which\b))
    )
    """,
    re.VERBOSE,
)
_OPTION_MARK = re.compile(r"[(\[]([A-E])[)\]]|\b(?i:option|choice)\s[(\[]?([A-E])\b")
_ANY_OPTION = re.compile(
    r"[(\[]\s?([A-Ea-e])\s?[)\]]|(?<![\w'’])([B-E])(?![\w'’])|(?<![\w'’])(A)(?=[.,;:)*]|\s*$)"
)

_YES_NO = r"(?i:yes|no|true|false|heads|tails|even|odd)"
_YES_NO_FIRST = re.compile(rf"({_YES_NO})\b(?!['’-]|\s(?:though|if|when|one|idea|way|doubt)\b)")
_YES_NO_WORD = re.compile(
    r"(?<![\w'’-])((?i:yes|true|false|heads|tails|even|odd))\b(?!['’-]|\s(?:though|if|when)\b)"
)
_YES_NO_ANY = re.compile(rf"(?<![\w'’-])({_YES_NO})\b(?!['’-]|\s(?:though|if|when)\b)")
_REASON = re.compile(r",?\s(?:because|since|which\smeans|given\sthat)\b|\s[-–—]\s")


def _in_region(text: str, region: _Region, kind: Wanted | None) -> _Readings:
    start, end = _trimmed(text, region.start, region.end)
    if start >= end:
        return
    yield _group(text, _OPTION_FIRST.match(text, start, end), "option")
    if kind == "option":
        yield _group(text, _ANY_OPTION.search(text, start, end), "option")
    yield _group(text, _YES_NO_FIRST.match(text, start, end), "yes_no")
    if kind == "yes_no":
        yield _group(text, _last_match(_YES_NO_ANY, text, start, end), "yes_no")
    yield _mathematics(text, start, end, kind, alone=region.boxed)
    if not region.boxed:
        yield _group(text, _last_match(_YES_NO_WORD, text, start, end), "yes_no")
    yield _words(text, start, end, MAX_WORDS_AFTER_CUE)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """[start, end) without white space, emphasis, quotes, maths delimiters and closing punctuation around."""
    for _ in range(8):  # each round takes off one wrapping; real answers wear two or three
        before = (start, end)
        lead = _LEADING.match(text, start, end)
        lead_end = lead.end() if lead else start
        emphasis = text.find("**", start, lead_end)
        # Emphasis that closes further on is taken off below, together with its other half.
        closes = emphasis >= 0 and text.find("**", emphasis + 2, end) >= 0
        start = emphasis if closes else lead_end
        end = _without_trailing(text, start, end)
        if wrapped := _WRAPPED.fullmatch(text, start, end):
            start, end = wrapped.span(1)
        elif opener := _OPENER.match(text, start, end):
            close = text.find(_CLOSERS[opener.group()], opener.end(), before[1])
            currency = opener.group() == "$" and (close < 0 or text[close - 1].isspace())
            start = start if currency else opener.end()
            if close > start and not currency:
                end = close
        if (start, end) == before:
            break
    return start, max(start, end)


def _without_trailing(text: str, start: int, end: int) -> int:
    while end > start:
        last = text[end - 1]
        factorial = last == "!" and text[end - 2 : end - 1].isdecimal()
        unopened = last in ")]}" and text[end - 2 : end - 1] != "\\" and _closes_more(text[start:end])
        if not (last in _TRAILING or last.isspace() or (last == "!" and not factorial) or unopened):
            break
        end -= 1
    return end


def _mathematics(text: str, start: int, end: int, kind: Wanted | None, *, alone: bool) -> Span | None:
    numbers_only = kind == "number"
    found = formulas.find(
        text, start, end, numbers_only=numbers_only, alone=alone and not numbers_only, left=kind == "formula"
    )
    return Span(found[0], found[1], text[found[0] : found[1]], found[2]) if found else None


def _closes_more(text: str) -> bool:
    """Whether more brackets close than open; kinds are not told apart, since [1, 2) is an interval."""
    return sum(map(text.count, ")]}")) > sum(map(text.count, "([{"))


def _words(text: str, start: int, end: int, most: int) -> Span | None:
    """The text itself as the answer, up to where it begins to give reasons."""
    if reason := _REASON.search(text, start, end):
        start, end = _trimmed(text, start, reason.start())
    words = len(text[start:end].split())
    return Span(start, end, text[start:end], "text") if 0 < words <= most else None


def _group(text: str, match: re.Match[str] | None, kind: AnswerKind) -> Span | None:
    """The span of the match's one group that took part."""
    if match is None:
        return None
    start, end = match.span(match.lastindex or 0)
    return Span(start, end, text[start:end], kind)


def _last_match(pattern: re.Pattern[str], text: str, start: int, end: int) -> re.Match[str] | None:
    last = None
    for match in pattern.finditer(text, start, end):
        last = match
    return last


# --- Texts that announce nothing ------------------------------------------------------------------------

_OPTION_ALONE = re.compile(r"[(\[]([A-Ea-e])[)\]]|([A-E])(?:[.)](?=\s|$)|$)")
_YES_NO_ALONE = re.compile(rf"({_YES_NO})(?=[.,!;:\n]|\s[-–—]|\s*$)")
_SUM_ALONE = re.compile(r"[\d(][\d\s.()=+*/×÷−-]+[\d)]")
_INLINE_MATHS = re.compile(r"\$([^$\n]{1,200})\$|\\\(([^\n]{1,200}?)\\\)")
_ENUMERATOR = re.compile(
    r"^[^\S\n]{0,8}[*#>-]{0,4}[^\S\n]?(?:step\s)?(\d{1,3})[.):][*]{0,2}\s(?=\s{0,4}[^\W\d])", re.M | re.I
)


def _alone(text: str, kind: Wanted | None) -> _Readings:
    """Of a text that is little more than its answer."""
    short = len(text) <= MAX_SENTENCE
    start, end = _trimmed(text, 0, len(text)) if short else (len(text) - len(text.lstrip()), len(text))
    option = _OPTION_ALONE.match(text, start, end)
    if option and not _OPTION_MARK.search(text, option.end()):
        yield _group(text, option, "option")
    yield _group(text, _YES_NO_ALONE.match(text, start, end), "yes_no")
    words = text[start:end].split() if short else []
    few = 0 < len(words) <= MAX_WORDS_ALONE
    if not (few or (short and _SUM_ALONE.fullmatch(text, start, end))) or "\n" in text[start:end]:
        return
    yield _mathematics(text, start, end, kind, alone=True)
    if not few:
        return
    says_more = any(pattern.search(text) for pattern in (NUMBER, _OPTION_MARK, _CUE)) or _boxes(text)
    if kind == "text" or not says_more:
        yield _words(text, start, end, MAX_WORDS_ALONE)


def _last(text: str, kind: Wanted | None) -> _Readings:
    """The last number, option letter or word of its kind anywhere in the text."""
    option = _last_match(_OPTION_MARK, text, 0, len(text))
    number = _last_number(text)
    # "(B), which has 12 eggs": a number in the option's own sentence describes it.
    if option and (
        kind == "option"
        or number is None
        or number.start() < option.end()
        or not _SENTENCE_END.search(text, option.end(), number.start())
    ):
        yield _group(text, option, "option")
    if kind == "option":
        yield _group(text, _last_match(_ANY_OPTION, text, 0, len(text)), "option")
    if kind == "yes_no":
        yield _group(text, _last_match(_YES_NO_ANY, text, 0, len(text)), "yes_no")
    if kind == "expression" and (maths := _last_match(_INLINE_MATHS, text, 0, len(text))):
        yield from _in_region(text, _Region(*maths.span(maths.lastindex or 0), boxed=True), kind)
    if number:
        yield Span(number.start(), number.end(), number.group(), "number")
    yield _group(text, _last_match(_YES_NO_WORD, text, 0, len(text)), "yes_no")


def _last_number(text: str) -> re.Match[str] | None:
    """The last number that does not merely number a step or a line of a list; failing that, the last one."""
    enumerators = {match.start(1) for match in _ENUMERATOR.finditer(text)}
    last = counting = None
    for number in NUMBER.finditer(text):
        if number.start() in enumerators:
            counting = number
        else:
            last = number
    return last or counting
