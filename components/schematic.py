"""The little picture of a strategy: a tree written as text, drawn as SVG that reads on light and dark.

Boundary: text in, SVG and words out; knows no strategy by name and no Streamlit.

A node is a letter, with marks after it and its children in brackets: q question, s step, a answer, p proposals, r
rollout, v verdict, m many answers taken together. `*` was chosen, `!` was given up, `~` goes round again.
"q(s(a*) s!)" is a question with two first steps, of which one came to the chosen answer and one was given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

NAMES = {
    "q": "question",
    "s": "step",
    "a": "answer",
    "p": "list of proposals",
    "r": "rollout",
    "v": "verdict",
    "m": "all answers together",
}
_COLUMN, _ROW, _RADIUS, _MARGIN = 46.0, 22.0, 7.0, 12.0
_INK, _ACCENT, _FADED = "#7d8590", "#1f6fd1", "#b0b6bd"


@dataclass
class Drawn:
    """A node of the picture, placed by `_place`."""

    kind: str
    marks: str = ""
    children: list[Drawn] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    def all(self) -> Iterator[Drawn]:
        yield self
        for child in self.children:
            yield from child.all()

    @property
    def chosen(self) -> bool:
        """Whether it or something that came of it was chosen."""
        return any("*" in node.marks for node in self.all())


def read(text: str) -> Drawn:
    """The tree a text describes.

    Raises:
        ValueError: it is no tree in this notation.
    """
    root, end = _read(text.replace("\n", " ").strip(), 0)
    if end != len(text.strip()):
        raise ValueError(f"{text[end:]!r} is left over")
    return root


def _read(text: str, at: int) -> tuple[Drawn, int]:
    if at >= len(text) or text[at] not in NAMES:
        raise ValueError(f"no node at {at} of {text!r}")
    node, at = Drawn(text[at]), at + 1
    while at < len(text) and text[at] in "*!~":
        node.marks += text[at]
        at += 1
    if at < len(text) and text[at] == "(":
        at += 1
        while at < len(text) and text[at] != ")":
            if text[at] == " ":
                at += 1
                continue
            child, at = _read(text, at)
            node.children.append(child)
        if at >= len(text):
            raise ValueError(f"a bracket stays open in {text!r}")
        at += 1
    return node, at


def _place(node: Drawn, depth: int, next_row: float) -> float:
    """Put a node before its children and in the middle of them; returns the first free row."""
    node.x = _MARGIN + depth * _COLUMN
    if not node.children:
        node.y = _MARGIN + next_row * _ROW
        return next_row + 1
    for child in node.children:
        next_row = _place(child, depth + 1, next_row)
    node.y = (node.children[0].y + node.children[-1].y) / 2
    return next_row


def placed(text: str) -> Drawn:
    """The tree a text describes, every node in its place."""
    root = read(text)
    _place(root, 0, 0.0)
    return root


def svg(text: str) -> str:
    """The picture of a tree as SVG, its description for those who cannot see it included."""
    root = placed(text)
    width = max(node.x for node in root.all()) + 2 * _MARGIN
    height = max(node.y for node in root.all()) + _MARGIN
    shapes = [_edge(node, child) for node in root.all() for child in node.children]
    shapes += [_shape(node) for node in root.all()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img"><title>{escape(description(text))}</title>{"".join(shapes)}</svg>'
    )


def description(text: str) -> str:
    """What the picture shows, in words."""
    root = read(text)
    counts: dict[str, int] = {}
    for node in root.all():
        counts[node.kind] = counts.get(node.kind, 0) + 1
    parts = [f"{n} {NAMES[kind]}{'s' if n > 1 and kind != 'm' else ''}" for kind, n in counts.items()]
    given_up = sum("!" in node.marks for node in root.all())
    more = f"; {given_up} given up" if given_up else ""
    return f"A tree of {', '.join(parts)}{more}; the way to the chosen answer is drawn strong."


def _edge(node: Drawn, child: Drawn) -> str:
    strong = child.chosen
    colour, width = (_ACCENT, 2.2) if strong else (_FADED, 1.2)
    dash = ' stroke-dasharray="3 3"' if "!" in child.marks else ""
    middle = (node.x + child.x) / 2
    return (
        f'<path d="M{node.x:g} {node.y:g}C{middle:g} {node.y:g} {middle:g} {child.y:g} {child.x:g} {child.y:g}" '
        f'fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
    )


def _shape(node: Drawn) -> str:
    x, y, r = node.x, node.y, _RADIUS
    colour = _ACCENT if node.chosen else _INK
    fill = colour if node.kind in "qm" or "*" in node.marks else "#ffffff"
    style = f'fill="{fill}" stroke="{colour}" stroke-width="{2 if node.chosen else 1.3}"'
    if "!" in node.marks:
        style += ' stroke-dasharray="3 2"'
    match node.kind:
        case "a":
            shape = f'<rect x="{x - r:g}" y="{y - r * 0.75:g}" width="{2 * r:g}" height="{1.5 * r:g}" rx="3" {style}/>'
        case "v":
            shape = f'<path d="M{x:g} {y - r:g}L{x + r:g} {y:g}L{x:g} {y + r:g}L{x - r:g} {y:g}Z" {style}/>'
        case "p":
            lines = "".join(
                f'<path d="M{x - r * 0.7:g} {y + d:g}H{x + r * 0.7:g}" stroke="{colour}" stroke-width="1.3"/>'
                for d in (-3.0, 0.0, 3.0)
            )
            shape = f'<rect x="{x - r:g}" y="{y - r:g}" width="{2 * r:g}" height="{2 * r:g}" {style}/>{lines}'
        case "r":
            shape = f'<circle cx="{x:g}" cy="{y:g}" r="{r * 0.6:g}" {style}/>'
        case _:
            shape = f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" {style}/>'
    if "~" in node.marks:
        shape += (
            f'<path d="M{x - r:g} {y - r:g}a{r * 1.3:g} {r * 1.3:g} 0 1 1 {2 * r:g} 0" fill="none" '
            f'stroke="{colour}" stroke-width="1.3"/>'
        )
    if "!" in node.marks:
        d = r * 0.55
        shape += (
            f'<path d="M{x - d:g} {y - d:g}L{x + d:g} {y + d:g}M{x + d:g} {y - d:g}L{x - d:g} {y + d:g}" '
            f'stroke="{colour}" stroke-width="1.3"/>'
        )
    return shape
