"""Numerals: what counts as one written number, and which exact value it has.

Knows the spelling of numbers (plain, grouped, fractions, powers, scientific, percentages, LaTeX) and of the
units that may follow one. Must not know where in a text an answer stands; `spans` does. Every pattern here
runs in time linear in the text: repeats are bounded or possessive.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

MAX_NUMERAL_LENGTH = 400
"""Characters. A longer numeral is compared as text: converting it would cost quadratic time."""
MAX_DIGITS = 400
"""Decimal digits. A power that would need more is never expanded."""

_SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_MINUS = "-−–‐‑﹣－"
_PLAIN_MINUS = str.maketrans(dict.fromkeys(_MINUS, "-"))
_SIGNS = "+" + re.escape(_MINUS)

_CURRENCY = r"\\?[$€£¥₹]"
_GROUP_MARK = r"(?:,|\{,\}|\\,|[\u00a0\u2009\u202f])"
_GROUPED = rf"(?!0)\d{{1,3}}(?:{_GROUP_MARK}\d{{3}}){{1,12}}(?!\d)"
_DECIMAL = rf"(?:(?:{_GROUPED}|\d++)(?:\.\d++)?|\.\d++)"
_SIGNED = rf"[{re.escape(_MINUS)}]?{_DECIMAL}"
_RAISED = "[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]"
_EXPONENT = rf"[{_SIGNS}]?\d{{1,9}}(?!\d|\.\d)"
_POWER = (
    rf"(?:\s?(?:\^|\*\*)\s?(?:\{{\s?{_EXPONENT}\s?\}}|\(\s?{_EXPONENT}\s?\)|{_EXPONENT})"
    rf"|{_RAISED}{{1,9}}(?<=[⁰¹²³⁴⁵⁶⁷⁸⁹]))"
)

NUMBER = re.compile(
    rf"""
    (?<![A-Za-z\d_])(?<!\d\.)                                 # not inside a name (x2), nor the tail of 3.1.4
    (?:(?P<sign>(?<![\w)\]}}])[{_SIGNS}])(?:{_CURRENCY}\s?)?)?   # the 5 - 3 of a difference has no sign
    (?:
        (?:(?P<frac_whole>\d{{1,9}})\s?)?\\[dtc]?frac\s?         # 1\frac{{1}}{{2}}
        (?: \{{\s?(?P<frac_top>{_SIGNED})\s?\}}\s?\{{\s?(?P<frac_bottom>{_SIGNED})\s?\}}
          | \s?(?P<short_top>\d)(?P<short_bottom>\d)          # \frac12
        )
      | (?P<mixed_whole>\d{{1,9}})\s(?P<mixed_top>\d{{1,9}})[/⁄](?P<mixed_bottom>\d{{1,9}})(?![\d/^])   # 2 3/4
      | (?:(?P<vulgar_whole>\d{{1,9}})\s?)?(?P<vulgar>[¼½¾⅐-⅞])                  # 2¾
      | (?<!\d/)(?P<top>{_DECIMAL})\s?[/⁄∕]\s?(?P<bottom>{_DECIMAL})             # 3/4
        (?!\s?[/^]|\s?\*\*|[\dA-Za-z])
      | (?P<decimal>{_DECIMAL})
        (?: [eE](?P<e>[{_SIGNS}]?\d{{1,9}})(?![A-Za-z\d_])                      # 6e23
          | \s(?P<scale>(?i:{"|".join(_SCALES)}))\b                           # 5 million
          | (?P<ten>\s?(?:\\times|\\cdot|[×x*·])\s?10(?=\s?\^|\s?\*\*|{_RAISED}))?
            (?P<power>{_POWER})(?!\s?(?:\^|\*\*))                             # 10^3, 6 × 10^23
        )?
    )
    (?P<percent>\s?\\?[%％](?!\s?\d)|\s(?i:per\s?cent)\b)?
    """,
    re.VERBOSE,
)
"""One numeral with its sign and percent mark, without a currency sign before, a unit or a full stop after."""

ATTACHED_UNIT = re.compile(
    r"(?:km/h|kmh|kph|mph|km|cm|mm|kg|mg|lbs?|oz|ft|ml|cl|kwh|kw|hrs?|mins?|secs?|am|pm|st|nd|rd|th|gb|mb|kb)\b",
    re.IGNORECASE,
)
"""A unit written without a space after its number, where it could be mistaken for a product of letters."""

DEGREES = re.compile(r"\s?(?:°|\^\s?\{?\s?\\circ\s?\}?)\s?(?:[CF]\b)?")

_UNIT_WORD = r"[^\W\d_]{1,30}+(?:[./·-][^\W\d_]{1,30}+){0,3}(?:[²³]|\^\{?[23]\}?)?"
_UNIT = re.compile(
    rf"""
    {DEGREES.pattern}
  | \s?{_CURRENCY}
  | (?:\s|~|\\[ ,;!])*+\\(?:text|mathrm|textrm|mbox|rm)\s?\{{[^{{}}]*\}}(?:\^\{{?\d\}}?)?
  | {ATTACHED_UNIT.pattern}
  | [^\W\d_\x00-\x7f]{{1,4}}                       # 90个
  | \s(?P<words>{_UNIT_WORD}(?:\s{_UNIT_WORD}){{0,4}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Words that continue the arithmetic or join another answer, so that what follows the number is not its unit.
_NOT_UNIT = re.compile(
    r"(?:and|or|to|plus|minus|times|over|by|divided|multiplied|squared|cubed|factorial|mod|modulo|choose"
    r"|pi|sin|cos|tan|log|ln|sqrt|exp|e|i)",
    re.IGNORECASE,
)
_ONE_LETTER_UNITS = frozenset("mgshlLKCFWVJN")


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it was written; `value` is exact and counts a percentage as its hundredth (50 % is 1/2)."""

    value: Fraction
    percent: bool

    @property
    def face(self) -> Fraction:
        """The number without its percent mark (50 % gives 50)."""
        return self.value * 100 if self.percent else self.value

    def canonical(self) -> str:
        """One spelling per value: `7`, `-0.5`, `50%`; `1/3`, reduced, where the decimals do not end."""
        return _spelled(self.face) + ("%" if self.percent else "")


def read(text: str) -> Numeral | None:
    """The exact number that `text` spells, with an optional currency sign before and unit after it.

    None when the text is anything else, is over-long, or needs more than `MAX_DIGITS` digits.
    """
    if len(text) > MAX_NUMERAL_LENGTH:
        return None
    text = text.strip()
    match = NUMBER.match(text, _currency_end(text))
    if not match or not (match.end() == len(text) or is_unit(text[match.end() :])):
        return None
    value = _value(match)
    if value is None:
        return None
    return Numeral(value / 100, percent=True) if match["percent"] else Numeral(value, percent=False)


def is_unit(text: str) -> bool:
    """Whether `text`, standing right after a number, only names its unit (" eggs", "°C", r"\\text{ cm}")."""
    match = _UNIT.fullmatch(text)
    if not match:
        return False
    words = (match["words"] or "").split()
    if any(map(_NOT_UNIT.fullmatch, words)):
        return False
    return not words or len(words[0]) > 1 or words[0] in _ONE_LETTER_UNITS or not words[0].isascii()


def _currency_end(text: str) -> int:
    match = re.match(rf"{_CURRENCY}\s?", text)
    return match.end() if match else 0


def _value(match: re.Match[str]) -> Fraction | None:
    part = {name: text for name, text in match.groupdict().items() if text is not None}
    sign = -1 if part.get("sign", "+") in _MINUS else 1
    size: Fraction | None
    if "vulgar" in part:
        size = Fraction(unicodedata.numeric(part["vulgar"])).limit_denominator(10)
        size += int(part.get("vulgar_whole", 0))
    elif "decimal" in part:
        size = _powered(_decimal(part["decimal"]), part)
    else:
        top = part.get("frac_top") or part.get("short_top") or part.get("mixed_top") or part["top"]
        bottom = part.get("frac_bottom") or part.get("short_bottom") or part.get("mixed_bottom")
        whole = part.get("frac_whole") or part.get("mixed_whole") or "0"
        divisor = _decimal(bottom or part["bottom"])
        size = int(whole) + _decimal(top) / divisor if divisor else None
    return None if size is None else sign * size


def _decimal(text: str) -> Fraction:
    digits = "".join(c if c.isdecimal() or c == "." else "" for c in text)
    sign = -1 if text[0] in _MINUS else 1
    # Fraction() reads ASCII digits only by promise, so other scripts' digits are spelled out first.
    return sign * Fraction("".join(c if c == "." else str(unicodedata.decimal(c)) for c in digits))


def _powered(base: Fraction, part: dict[str, str]) -> Fraction | None:
    if "scale" in part:
        return base * _SCALES[part["scale"].lower()]
    if "e" in part:
        return _times_power_of_ten(base, _integer(part["e"]))
    if "power" not in part:
        return base
    exponent = _integer(part["power"])
    if "ten" in part:
        return _times_power_of_ten(base, exponent)
    widest = max(len(str(abs(base.numerator))), len(str(base.denominator)))
    if abs(exponent) * widest > MAX_DIGITS or (base == 0 and exponent <= 0):
        return None
    return base**exponent


def _times_power_of_ten(base: Fraction, exponent: int) -> Fraction | None:
    return base * Fraction(10) ** exponent if abs(exponent) <= MAX_DIGITS else None


def _integer(text: str) -> int:
    plain = text.translate(_SUPERSCRIPTS).translate(_PLAIN_MINUS)
    return int("".join(c for c in plain if c.isdecimal() or c == "-"))


def _spelled(number: Fraction) -> str:
    """Exact: a decimal when the denominator has only the factors 2 and 5, else `n/d`."""
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{number.numerator}/{number.denominator}"
    places = max(twos, fives)
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :]
    return ("-" if number < 0 else "") + whole + (f".{decimals}" if decimals else "")
