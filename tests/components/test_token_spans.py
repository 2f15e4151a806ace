"""Answer frames moved by hand: Δ, sums and ranking counted anew, with the digits that the browser shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.tokens.rows import Found, Span
from components.tokens.spans import MARGIN_UNITS, mean_margin, moved, read_spans
from components.tokens.view import Fork, branch_view, strip_view
from components.tokens.wire import encode
from playground.events import NodeScored, RunFinished, TokenAdded
from playground.trace import fold
from tests.components.token_traces import (
    answer,
    branch,
    forked,
    recorded,
    start,
    text_only,
    three_branches,
)

MARGINS = st.lists(st.floats(0, 1) | st.floats(0, 1, width=32), min_size=1, max_size=30)


def written(margins: list[float]) -> list[TokenAdded]:
    return [TokenAdded("q/a", i, f" {i}", -0.1, 0.5, margin, "greedy") for i, margin in enumerate(margins)]


def test_moving_a_frame_counts_delta_sums_and_ranking_anew() -> None:
    view = branch_view(recorded("main", three_branches()))
    shown = moved(view, {"main:q/a": (2, 4)})
    first, second, _ = shown.rows
    assert (first.node, first.number, first.delta) == ("q/b", 1, 0.8)
    assert (second.node, second.number, second.span) == ("q/a", 2, Span(2, 4))
    assert second.delta == pytest.approx((0.4 + 0.9985) / 2)
    assert second.found == Found(view.rows[0].span, 0.9)
    assert second.chosen
    assert second.sequence_delta == 0.5
    assert shown.groups[0].total == pytest.approx(0.8 + (0.4 + 0.9985) / 2)
    assert shown.groups[0].chosen
    assert (first.shared, second.shared, second.shared_with) == (0, 2, "1")


def test_a_moved_frame_can_change_which_answer_leads() -> None:
    events = [
        *start(),
        *branch("a", [(1, "x", 0.5), (2, "y", 0.99)]),
        *answer("a", "x", 0, 1, 0.25),
        *branch("b", [(3, "z", 0.8)]),
        *answer("b", "z", 0, 1, 0.7),
        RunFinished(),
    ]
    view = branch_view(recorded("r", events))
    assert [g.answer for g in view.groups] == ["z", "x"]
    shown = moved(view, {"r:q/a": (1, 2)})
    assert [(g.marker, g.answer) for g in shown.groups] == [("A", "x"), ("B", "z")]
    assert [r.group for r in shown.rows] == [0, 1]


def test_a_frame_where_it_was_found_changes_nothing() -> None:
    view = branch_view(fold(three_branches()))
    assert moved(view, {":q/a": (3, 4), ":gone": (0, 1)}) is view
    assert moved(view, {}) is view


def test_votes_stay_what_they_are() -> None:
    events = [e for e in three_branches() if not isinstance(e, RunFinished)]
    events += [NodeScored(f"q/{n}", "votes", v) for n, v in (("a", 2), ("b", 2), ("c", 1))]
    view = branch_view(fold([*events, RunFinished()]))
    shown = moved(view, {":q/a": (0, 1)})
    assert [r.node for r in shown.rows] == [r.node for r in view.rows]
    assert shown.groups == view.groups


def test_rows_keep_their_order_while_the_run_is_going() -> None:
    view = branch_view(fold(three_branches()[:-1]))
    assert [r.node for r in moved(view, {":q/b": (0, 1)}).rows] == [r.node for r in view.rows]


def test_a_moved_row_is_shown_even_when_it_falls_behind_the_limit() -> None:
    view = branch_view(fold(three_branches()), limit=2)
    shown = moved(view, {":q/b": (2, 3)})
    assert [r.node for r in shown.rows] == ["q/a", "q/b"]
    assert shown.rows[1].delta == pytest.approx(0.25)
    low = moved(branch_view(fold(three_branches()), limit=1), {":q/a": (0, 1)})
    assert [(r.node, r.number) for r in low.rows] == [("q/b", 1), ("q/a", 3)]
    assert (low.hidden[0].node, low.total_rows) == ("q/c", 3)
    assert sum(g.branches for g in low.groups) == 3


def test_a_moved_fork_counts_in_no_sum() -> None:
    trace = recorded("main", three_branches())
    run = forked("f", trace.nodes["q/a"], 2, 1)
    view = branch_view(trace, forks=[Fork(run, run.nodes["q/fork"], "main:q/a", 2)])
    shown = moved(view, {"f:q/fork": (0, 1)})
    assert shown.groups == view.groups
    assert shown.rows[-1].delta == pytest.approx(0.0)
    assert shown.rows[-1].found == Found(Span(6, 7, 0, 1), 0.55)


def test_a_strip_keeps_its_order() -> None:
    nodes = fold(three_branches()).with_role("branch")
    shown = moved(strip_view(nodes), {":q/a": (0, 2)})
    assert [r.node for r in shown.rows] == ["q/c", "q/b", "q/a"]
    assert shown.rows[2].delta == pytest.approx((0 + 0.985) / 2, abs=1e-6)


def test_what_the_browser_sends_is_read_with_care() -> None:
    view = branch_view(fold(three_branches()))
    assert read_spans({":q/a": [0, 5]}, view) == {":q/a": (0, 5)}
    bad: list[Any] = [
        None,
        [],
        "x",
        {":q/z": [0, 1]},
        {":q/a": None},
        {":q/a": [0]},
        {":q/a": [0, 6]},
        {":q/a": [2, 2]},
        {":q/a": [-1, 2]},
        {":q/a": [0.0, 1]},
        {":q/a": ["0", "1"]},
        {3: [0, 1]},
    ]
    assert [read_spans(value, view) for value in bad] == [{}] * len(bad)
    assert read_spans({":q/one": [0, 1]}, branch_view(fold(text_only()))) == {}


@given(MARGINS, st.data())
def test_browser_and_python_have_the_same_delta(margins: list[float], data: st.DataObject) -> None:
    """The browser adds the integers of the column `m`, as rows.js does; and the mean is right to 1e-7."""
    first = data.draw(st.integers(0, len(margins) - 1))
    last = data.draw(st.integers(first + 1, len(margins)))
    tokens = written(margins)
    events = [*start(), *branch("a", []), *tokens, *answer("a", "x", 0, 1)]
    sent = encode(branch_view(fold(events)))["rows"][0]["m"]
    total = 0.0
    for unit in sent.split(",")[first:last]:
        total += float(unit)
    in_python = mean_margin(tokens[first:last])
    assert total / (last - first) / MARGIN_UNITS == in_python
    assert in_python == pytest.approx(sum(margins[first:last]) / (last - first), abs=1e-7)


def test_a_margin_that_is_not_finite_gives_no_delta() -> None:
    assert mean_margin(written([0.5, float("nan")])) is None
    assert mean_margin([]) is None
