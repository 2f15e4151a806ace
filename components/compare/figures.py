"""Cost against accuracy: a pure function from numbers to a plotly figure, and the words that say the same.

Boundary: knows plotly and plain values; no Streamlit, no run. The share axis always runs from 0 to 1 and the cost axis
from 0 to a round number. plotly reads labels as HTML, so names are escaped.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from components.palette import group_colour
from components.wording import shorten
from playground.intervals import wilson

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
COSTS: dict[str, str] = {
    "tokens": "tokens written per run",
    "passes": "forward passes per run",
    "calls": "calls per run",
    "seconds": "seconds per run",
}


@dataclass(frozen=True, slots=True)
class Point:
    """A lane: its number and name, what a run of it cost on average, and how many of its marked runs were right."""

    number: int
    name: str
    cost: float
    right: int
    marked: int

    @property
    def share(self) -> float:
        return self.right / self.marked


def cost_figure(points: Sequence[Point], cost: str) -> go.Figure:
    """A mark for each lane with marked runs; with several of them, whiskers are 95 % Wilson intervals."""
    figure = go.Figure()
    end = ceiling(max((p.cost for p in points), default=0))
    for point, under, label in _spread(points, end):
        low, high = wilson(point.right, point.marked) if point.marked > 1 else (point.share, point.share)
        colour = group_colour(point.number - 1)
        figure.add_scatter(
            x=[point.cost],
            y=[point.share],
            mode="markers+text",
            text=[label],
            textposition="middle right",
            textfont={"size": 14},
            name=html.escape(f"{point.number} · {shorten(point.name, 40)}", quote=False),
            marker={
                "size": 12 + 7 * under,
                "color": colour,
                "symbol": _SYMBOLS[(point.number - 1) % len(_SYMBOLS)] + ("-open" if under else ""),
                "line": {"width": 2 if under else 0, "color": colour},
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - point.share],
                "arrayminus": [point.share - low],
                "color": colour,
                "thickness": 1.5,
                "width": 6,
                "visible": point.marked > 1,
            },
            hovertemplate=f"{point.right} of {point.marked} right, %{{x:,.4g}} {COSTS[cost]}<extra></extra>",
        )
    figure.update_xaxes(title=f"{COSTS[cost]} (mean)", range=[0, end])
    figure.update_yaxes(title="share of right answers", range=[-0.08, 1.08], dtick=0.25)
    return figure.update_layout(
        height=360,
        margin={"l": 10, "r": 10, "t": 56, "b": 10},
        hovermode="closest",
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "top", "yref": "container", "title": None},
    )


def cost_words(points: Sequence[Point], cost: str) -> str:
    """The picture in words, a sentence a lane."""
    return " ".join(_sentence(point, cost) for point in points)


def ceiling(value: float) -> float:
    """The end of an axis from 0: 1, 2, 3, 5 or 7.5 times a power of ten, with room to the right of `value`."""
    wanted = value * 1.1
    if wanted <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7.5, 10) if step * power >= wanted)


def _spread(points: Sequence[Point], end: float) -> list[tuple[Point, int, str]]:
    """Each point, how many it stands around, and its label: lanes that came to the same share one label."""
    out = []
    for i, point in enumerate(points):
        near = [
            j
            for j, p in enumerate(points)
            if p.share == point.share and abs(p.cost - point.cost) < 0.02 * end
        ]
        label = ", ".join(str(points[j].number) for j in near) if near[-1] == i else ""
        out.append((point, near.index(i), label))
    return out


def _sentence(point: Point, cost: str) -> str:
    spread = ""
    if point.marked > 1:
        low, high = wilson(point.right, point.marked)
        spread = f", 95 % interval {low:.2f} to {high:.2f}"
    return (
        f"Lane {point.number} ({shorten(point.name, 60)}): {point.right} of {point.marked} right{spread}, "
        f"for {point.cost:,.4g} {COSTS[cost]}."
    )
