"""Words and numbers as the screens show them: text made safe for markdown, and quantities with their units.

Boundary: pure functions on plain values. Knows nothing of Streamlit's widgets, runs or models.
"""

from __future__ import annotations

import re

_JOINER = "\u2060"
# Streamlit turns these into icons, links or arrows after markdown has been parsed, so a backslash does not stop
# them; an invisible word joiner inside the pattern does.
_REPLACED_LATER = re.compile(r":(?=\S)|www(?=\.)|@|-(?=-)|(?<!\S)[<>~-]+(?=[<>=-])", re.IGNORECASE)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5}(?:v\d+)?)", re.IGNORECASE)


def well_formed(text: str) -> str:
    """`text` with halves of surrogate pairs replaced by U+FFFD; a model can write one, a screen cannot take it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain(text: str, limit: int | None = None) -> str:
    """`text` as one line of markdown that shows exactly its characters, whatever they are.

    White space runs become one space. With `limit`, longer texts are cut there and end in "…".
    """
    flat = shorten(text, limit)
    return _PUNCTUATION.sub(r"\\\1", _REPLACED_LATER.sub(lambda found: found.group() + _JOINER, flat))


def shorten(text: str, limit: int | None = None) -> str:
    """`text` on one line, cut at `limit` characters with "…" where it is longer."""
    flat = " ".join(well_formed(text).split())
    return flat if limit is None or len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def paper_link(paper: str) -> str:
    """Markdown for a paper reference, its arXiv number made a link."""
    found = _ARXIV.search(paper)
    if found is None:
        return plain(paper)
    before, number = paper[: found.start()], found.group(1)
    return f"{plain(before)} [arXiv {number}](https://arxiv.org/abs/{number}){plain(paper[found.end() :])}".strip()


def duration(seconds: float) -> str:
    """A length of time in the unit a person would use: "0.84 s", "12 s", "3 min 20 s", "1 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def rough_duration(seconds: float) -> str:
    """An estimated length of time, no finer than it deserves: "about 40 s", "about 24 min", "about 3.5 h"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def count(number: int, noun: str = "", plural: str = "") -> str:
    """A count with its noun: "1 token", "12,345 tokens"."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def setting_name(field: str) -> str:
    """A setting's name as its label: "top_p" is "Top-p", "max_new_tokens" is "Max new tokens", "k" stays."""
    if len(field) == 1:
        return field
    words = re.sub(r"_([pk])\b", r"-\1", field).replace("_", " ")
    return words[0].upper() + words[1:]


def setting_value(value: object) -> str:
    """A setting's value in a list of settings: "on", "0.7", "first words of a long text…"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"{len(value)} given"
    return shorten(str(value), 40)
