"""Answer frames that a person moved, and Δ over them.

Boundary: pure functions on views. The browser counts Δ while a frame is dragged and Python when it is let go;
both add margins in ten-millionths (float32 is no finer near 1), so both have the same number to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from components.tokens.order import arranged
from components.tokens.rows import Found, Row, Span, TokenView
from playground.events import TokenAdded

MARGIN_UNITS = 10_000_000

Spans = Mapping[str, tuple[int, int]]
"""Tokens [first, last) by row id."""


def moved(view: TokenView, spans: Spans) -> TokenView:
    """The view with these answers framed by hand: their Δ, the sums and the ranking counted anew.

    A row whose frame stands where the answer was found stays as it is. The strategy's choice stays too: it is
    what the run answered.
    """
    rows = tuple(_moved(row, spans.get(row.id)) for row in view.rows)
    return view if rows == view.rows else arranged(replace(view, rows=rows))


def mean_margin(tokens: Sequence[TokenAdded]) -> float | None:
    """Mean top-2 margin to 1e-7, in [0, 1]; None without tokens or with a margin that is not finite."""
    if not tokens or not all(math.isfinite(token.margin) for token in tokens):
        return None
    return sum(margin_units(token) for token in tokens) / len(tokens) / MARGIN_UNITS


def margin_units(token: TokenAdded) -> int:
    """The token's finite margin in ten-millionths."""
    return round(token.margin * MARGIN_UNITS)


def read_spans(value: Any, view: TokenView) -> dict[str, tuple[int, int]]:
    """What the browser sent, where it frames at least one token of a row that has a frame; the rest is dropped."""
    if not isinstance(value, Mapping):
        return {}
    framed = (row for row in view.rows if row.span.first is not None)
    read = {row.id: _span(value.get(row.id), len(row.tokens)) for row in framed}
    return {id: span for id, span in read.items() if span}


def _span(value: Any, length: int) -> tuple[int, int] | None:
    match value:
        case [int(first), int(last)] if 0 <= first < last <= length:
            return int(first), int(last)
    return None


def _moved(row: Row, span: tuple[int, int] | None) -> Row:
    if span is None or span == (row.span.first, row.span.last):
        return row
    found = Found(row.span, row.delta)
    return replace(row, span=Span(*span), found=found, delta=mean_margin(row.tokens[slice(*span)]))
