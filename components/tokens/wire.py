"""The token picture's values as compact JSON.

Boundary: the only writer of what rows.js reads. A run of 10 × 250 tokens is sent four times a second while it is
written, so columns are strings of integers, and texts and distributions are sent once each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from components.tokens.rows import Row, TokenView
from components.tokens.spans import MARGIN_UNITS
from playground.events import Alternative, TokenAdded
from playground.quadrants import QUADRANTS, Cutoffs

ALTERNATIVES = 10
SENT_WHILE_WRITING = 1_500
SENT_AT_THE_END = 10_000

NOT_ARGMAX, FORCED, SAMPLED = 1, 2, 4


def alternatives_sent(view: TokenView) -> int:
    """How many each token goes out with: ten; none while something long is still written; fewer in a huge view.

    Where none are sent, the browser keeps those it has.
    """
    count = sum(len(row.tokens) for row in view.rows)
    if view.running or any(row.writing for row in view.rows):
        return ALTERNATIVES if count <= SENT_WHILE_WRITING else 0
    return max(3, min(ALTERNATIVES, ALTERNATIVES * SENT_AT_THE_END // max(count, 1)))


def encode(view: TokenView) -> dict[str, Any]:
    """JSON values: a table of texts, and columns of integers as comma-separated strings.

    Columns of a row: `t` texts, `l` −ln p in 1e-4 nats, `h` entropy in 1e-3 bits, `m` margin in 1e-7,
    `k` distributions, `c` the written token's place in its distribution (-1: outside), `q` probability of
    the draw in 1e-5, `v` varentropy in 1e-3 bits²; `f` has a digit of flags per token, `r` the place of its
    quadrant in `QUADRANTS` ("-": not known). Distributions are "text,probability in 1e-5,…" and shared
    between tokens. A text that is an integer stands for a token, by id, that has no text of its own. A number
    that is not finite is left empty.
    """
    sent = alternatives_sent(view)
    table = _Table(sent)
    rows = [_row(row, table, view.cutoffs) for row in view.rows]
    groups = [
        [g.marker, g.colour, g.answer, round(g.total, 4), g.branches, int(g.chosen)] for g in view.groups
    ]
    return {
        "kind": view.kind,
        "run": view.run,
        "running": view.running,
        "summed": view.summed,
        "total": view.total_rows,
        "sent": sent,
        "rows": rows,
        "groups": groups,
        "texts": table.texts,
        "moments": table.moments,
    }


class _Table:
    """Texts and distributions met so far, each once."""

    def __init__(self, alternatives: int) -> None:
        self.alternatives = alternatives
        self.texts: list[str | int] = []
        self.moments: list[str] = []
        self._text_at: dict[str | int, int] = {}
        self._moment_at: dict[str, int] = {}

    def text(self, text: str | int) -> int:
        at = self._text_at.get(text)
        if at is None:
            at = self._text_at[text] = len(self.texts)
            self.texts.append(text)
        return at

    def moment(self, alternatives: Sequence[Alternative]) -> int:
        """Index of the distribution; -1 for none."""
        flat: list[int | None] = []
        for alternative in alternatives[: self.alternatives]:
            flat.append(self.text(alternative.text or alternative.id or ""))
            flat.append(_probability(alternative.logprob))
        if not flat:
            return -1
        column = _column(flat)
        at = self._moment_at.get(column)
        if at is None:
            at = self._moment_at[column] = len(self.moments)
            self.moments.append(column)
        return at


def _probability(logprob: float) -> int | None:
    """In 1e-5. ln 0 = −∞ is a probability of 0; NaN is none."""
    return None if math.isnan(logprob) else round(math.exp(min(logprob, 0.0)) * 1e5)


def _column(values: Iterable[int | None]) -> str:
    return ",".join("" if value is None else str(value) for value in values)


def _integer(value: float | None, scale: float) -> int | None:
    return round(value * scale) if value is not None and math.isfinite(value) else None


def _flags(token: TokenAdded) -> int:
    return (
        (NOT_ARGMAX if token.alternatives and _place(token, 1) else 0)
        + (FORCED if token.chosen == "forced" else 0)
        + (SAMPLED if token.chosen == "sampled" else 0)
    )


def _place(token: TokenAdded, sent: int) -> int:
    """The token's place among its alternatives that are sent, -1 when it is not among them."""
    sent_ones = token.alternatives[:sent]
    if token.id is None:  # a server that tells only texts
        same = (alternative.text == token.text for alternative in sent_ones)
    else:
        same = (alternative.id == token.id for alternative in sent_ones)
    return next((i for i, found in enumerate(same) if found), -1)


def _row(row: Row, table: _Table, cutoffs: Cutoffs) -> dict[str, Any]:
    out = {"id": row.id, "n": row.label, "title": row.title, "p": list(row.parts), "s": row.shared}
    out |= _columns(row, table) | _quadrants(row.tokens, cutoffs)
    if not row.tokens and row.text:
        start, end = row.span.start or 0, row.span.end or 0
        out["x"] = [row.text[:start], row.text[start:end], row.text[end:]]
    if row.origin:
        out["fork"] = [row.origin.label, row.origin.index]
    if row.span.first is not None and row.span.last is not None:
        out["span"] = [row.span.first, row.span.last]
    if row.found:
        out["found"] = [row.found.span.first, row.found.span.last, row.found.delta]
    optional = {
        "with": row.shared_with,
        "a": row.answer,
        "g": row.group,
        "d": row.delta,
        "sd": row.sequence_delta,
        "lp": row.logprob,
        "status": row.status,
        "reason": row.reason or None,
        "end": row.end,
        "chosen": int(row.chosen) or None,
        "w": int(row.writing) or None,
    }
    return out | {name: value for name, value in optional.items() if value is not None}


def _columns(row: Row, table: _Table) -> dict[str, Any]:
    tokens = row.tokens
    out: dict[str, Any] = {
        "t": _column(table.text(piece) for piece in row.pieces),
        "l": _column(_integer(-t.logprob, 1e4) for t in tokens),
        "h": _column(_integer(t.entropy, 1e3) for t in tokens),
        "m": _column(_integer(t.margin, MARGIN_UNITS) for t in tokens),
        "f": "".join(str(_flags(t)) for t in tokens),
        "k": _column(table.moment(t.alternatives) for t in tokens),
        "c": _column(_place(t, table.alternatives) for t in tokens),
    }
    if any(t.sampling_logprob is not None for t in tokens):
        out["q"] = _column(
            None if t.sampling_logprob is None else _probability(t.sampling_logprob) for t in tokens
        )
    if split := {str(i): t.hex for i, t in enumerate(tokens) if t.hex}:
        out["hex"] = split
    return out


def _quadrants(tokens: Sequence[TokenAdded], cutoffs: Cutoffs) -> dict[str, str]:
    """The columns of varentropy; none where no token has one."""
    varentropies = [_integer(t.varentropy, 1e3) for t in tokens]
    if all(value is None for value in varentropies):
        return {}
    return {"v": _column(varentropies), "r": "".join(_quadrant(t, cutoffs) for t in tokens)}


def _quadrant(token: TokenAdded, cutoffs: Cutoffs) -> str:
    entropy, varentropy = token.entropy, token.varentropy
    if entropy is None or varentropy is None or not math.isfinite(entropy + varentropy):
        return "-"
    return str(QUADRANTS.index(cutoffs.quadrant(entropy, varentropy)))
