"""The lab's charts: pure functions from numbers to plotly figures, each with the words that say the same.

Boundary: knows plotly and plain values; no Streamlit, no engine. Axes of probability always run from 0 to 1. Groups
differ by colour and by dash or mark. plotly reads labels as HTML, so token texts are escaped.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from components.lab.settings import HIGHEST, LOWEST
from components.lab.view import ReadToken
from components.palette import WARM, group_colour

TEMPERATURES = tuple(round(LOWEST * (HIGHEST / LOWEST) ** (i / 96), 5) for i in range(97))
"""Where the curves are computed: equal ratios, both ends included."""

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_INVISIBLE = re.compile("[\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff\ud800-\udfff]")
_MARKS = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}
_LONGEST_LABEL = 24


def visible(text: str) -> str:
    """A token's text on one line, with a mark for what cannot be seen."""
    marked = _INVISIBLE.sub(lambda found: _MARKS.get(found[0], f"U+{ord(found[0]):04X}"), text) or "(no text)"
    return marked if len(marked) <= _LONGEST_LABEL else marked[: _LONGEST_LABEL - 1] + "…"


def label(text: str) -> str:
    """A token's text as plotly shows it."""
    return html.escape(visible(text), quote=False)


def curves_figure(
    texts: Sequence[str], curves: Mapping[str, Sequence[Sequence[float]]], now: float | None
) -> go.Figure:
    """Probability of tokens against temperature: solid with the cuts, thin with nothing cut; `now` is a line."""
    figure = go.Figure()
    for i, text in enumerate(texts):
        colour, dash = group_colour(i), _DASHES[i % len(_DASHES)]
        said = "T %{x:.3g}: p %{y:.4f}"
        common = {"x": TEMPERATURES, "mode": "lines", "legendgroup": str(i), "name": label(text)}
        figure.add_scatter(
            **common,
            y=curves["before"][i],
            showlegend=False,
            opacity=0.55,
            hovertemplate=said + ", nothing cut",
            line={"color": colour, "width": 1, "dash": dash},
        )
        figure.add_scatter(
            **common,
            y=curves["after"][i],
            hovertemplate=said,
            line={"color": colour, "width": 2.5, "dash": dash},
        )
    if now is not None:
        figure.add_vline(x=now, line={"color": WARM, "width": 2, "dash": "dot"})
        # A label on a logarithmic axis stands at the logarithm, a line at the value itself.
        figure.add_annotation(x=math.log10(now), **_above(f"T = {now:g} now"))
    figure.update_xaxes(
        type="log",
        title="temperature T (log scale)",
        tickvals=_TICKS,
        ticktext=[f"{t:g}" for t in _TICKS],
        range=[math.log10(LOWEST), math.log10(HIGHEST)],
    )
    figure.update_yaxes(title="probability", range=[0, 1.02], dtick=0.25)
    return _framed(figure, 380)


def draws_figure(rows: Sequence[Mapping[str, Any]], n: int) -> go.Figure:
    """Shares of n draws beside the probabilities, whose whiskers hold 95 % of such shares. Rows have text, p, count,
    low and high."""
    places, texts = list(range(len(rows))), [label(row["text"]) for row in rows]
    figure = go.Figure()
    p = [row["p"] for row in rows]
    figure.add_scatter(
        x=p,
        y=places,
        mode="markers",
        name="probability, whiskers: 95 % of such samples",
        customdata=texts,
        marker={"symbol": "line-ns-open", "size": 13, "color": group_colour(0), "line": {"width": 2}},
        error_x={
            "array": [row["high"] - row["p"] for row in rows],
            "arrayminus": [row["p"] - row["low"] for row in rows],
            "color": group_colour(0),
            "thickness": 1.5,
            "width": 5,
        },
        hovertemplate="%{customdata}: p %{x:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[row["count"] / n for row in rows],
        y=places,
        mode="markers",
        name=f"share of {n:,} draws",
        customdata=texts,
        marker={"symbol": "diamond", "size": 9, "color": WARM},
        hovertemplate="%{customdata}: drawn %{x:.4f} of the time<extra></extra>",
    )
    figure.update_xaxes(title="probability and share of the draws", range=[-0.01, 1.01], dtick=0.25)
    figure.update_yaxes(tickvals=places, ticktext=texts, range=[len(rows) - 0.4, -0.6], zeroline=False)
    return _framed(figure, 120 + 24 * len(rows))


def reading_figure(tokens: Sequence[ReadToken], here: int | None) -> go.Figure:
    """Surprisal of each token as bars and the entropy it was drawn from as a line, in bits; `here` is a line."""
    places, texts = list(range(1, len(tokens) + 1)), [label(token.token.text) for token in tokens]
    figure = go.Figure()
    figure.add_bar(
        x=places,
        y=[surprisal(token) for token in tokens],
        name="surprisal −log₂ p",
        customdata=texts,
        marker={"color": group_colour(0)},
        hovertemplate="%{x}: %{customdata}: %{y:.2f} bits<extra>surprisal</extra>",
    )
    figure.add_scatter(
        x=places,
        y=[token.entropy for token in tokens],
        mode="lines",
        name="entropy before it",
        line={"color": WARM, "width": 2, "shape": "hvh"},
        customdata=texts,
        hovertemplate="%{x}: before %{customdata}: %{y:.2f} bits<extra>entropy</extra>",
    )
    if here is not None:
        figure.add_vline(x=here + 1, line={"dash": "dot", "width": 2, "color": group_colour(6)})
        figure.add_annotation(x=here + 1, **_above("open"))
    figure.update_xaxes(title="token")
    figure.update_yaxes(title="bits", rangemode="tozero")
    return _framed(figure, 280)


def surprisal(token: ReadToken) -> float:
    """−log₂ p, in bits."""
    return -token.logprob / math.log(2) + 0.0


def _above(text: str) -> dict[str, Any]:
    """The label of an upright line, over the chart."""
    return {"text": text, "yref": "paper", "y": 1.0, "yanchor": "bottom", "showarrow": False}


def _framed(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 56, "b": 10},
        hovermode="closest",
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "top", "yref": "container", "title": None},
    )
