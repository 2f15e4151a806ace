"""Colours that mean the same thing in every picture.

Boundary: plain constants. Hues stay apart for the common kinds of colour blindness (after Okabe and Ito), and
a colour never stands alone: groups also carry a letter, warmth also a height. Style sheets mix these with the
theme's text colour, so one list serves light and dark.
"""

from __future__ import annotations

WARM = "#e2570b"
"""Where a model was torn."""

GROUPS = ("#1f6fd1", "#b8458f", "#00916a", "#94780a", "#2a9bd6", "#7a5cc4", "#7d8590")
"""Equal answers; group 0 is the leading one."""


def group_colour(index: int) -> str:
    """The colour of a group, repeating after the last."""
    return GROUPS[index % len(GROUPS)]


def group_marker(index: int) -> str:
    """The letters of a group: A … Z, AA, AB, …"""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
