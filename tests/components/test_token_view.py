"""What the token picture is given to draw: order, spans, shared beginnings, sums, bytes and hostile text."""

from __future__ import annotations

import math

import pytest

from components.palette import group_marker
from components.tokens import Fork, row_id
from components.tokens.rows import Origin, Row, TokenView
from components.tokens.view import branch_view, pieces, strip_view
from playground.events import (
    AnswerFound,
    NodeClosed,
    NodeOpened,
    NodeScored,
    RunFailed,
    RunFinished,
    TextEnded,
    TokenAdded,
)
from playground.trace import fold
from tests.components.token_traces import (
    answer,
    branch,
    forked,
    odd_texts,
    recorded,
    start,
    three_branches,
    token,
)


def names(view: TokenView) -> list[str]:
    return [row.node.removeprefix("q/") for row in view.rows]


def row(view: TokenView, name: str) -> Row:
    return next(r for r in view.rows if r.node == f"q/{name}")


def numbers(column: str) -> list[int | None]:
    return [int(part) if part else None for part in column.split(",")]


def test_branches_stand_best_first_and_the_chosen_one_is_marked() -> None:
    view = branch_view(fold(three_branches()))
    assert names(view) == ["a", "b", "c"]
    assert [r.number for r in view.rows] == [1, 2, 3]
    assert [r.chosen for r in view.rows] == [True, False, False]
    assert [r.delta for r in view.rows] == [0.9, 0.8, 0.2]
    assert row(view, "a").sequence_delta == 0.5
    assert (row(view, "a").span.first, row(view, "a").span.last) == (3, 4)


def test_while_running_branches_keep_their_order_of_opening() -> None:
    view = branch_view(fold(three_branches()[:-1]))
    assert view.running
    assert names(view) == ["c", "b", "a"]


def test_branches_that_are_out_stand_last_and_do_not_count() -> None:
    events = [*three_branches()[:-1], NodeClosed("q/b", "pruned", "wrong"), RunFinished()]
    view = branch_view(fold(events))
    assert names(view) == ["a", "c", "b"]
    assert [(g.answer, g.branches) for g in view.groups] == [("3", 1), ("7", 1)]
    assert row(view, "b").reason == "wrong"


def test_equal_answers_share_a_group_and_their_deltas_are_summed() -> None:
    view = branch_view(fold(three_branches()))
    assert view.summed == "delta"
    first, second = view.groups
    assert (first.marker, first.answer, first.branches, first.chosen) == ("A", "3", 2, True)
    assert (second.marker, second.answer, second.branches, second.chosen) == ("B", "7", 1, False)
    assert [g.total for g in view.groups] == pytest.approx([1.7, 0.2])
    assert [r.group for r in view.rows] == [0, 0, 1]
    assert view.groups[0].colour != view.groups[1].colour


def test_votes_are_counted_where_the_strategy_counted_votes() -> None:
    events = [e for e in three_branches() if not isinstance(e, RunFinished)]
    events += [NodeScored(f"q/{n}", "votes", v) for n, v in (("a", 2), ("b", 2), ("c", 1))]
    view = branch_view(fold([*events, RunFinished()]))
    assert view.summed == "votes"
    assert [g.total for g in view.groups] == [2, 1]
    assert names(view) == ["a", "b", "c"]


def test_without_any_score_branches_are_counted_and_ranked_by_log_probability() -> None:
    events = [
        *start(),
        *branch("low", [(1, "1", 0.2)]),
        *answer("low", "1", 0, 1),
        *branch("high", [(1, "1", 0.9)]),
        *answer("high", "1", 0, 1),
        RunFinished(),
    ]
    view = branch_view(fold(events))
    assert names(view) == ["high", "low"]
    assert row(view, "high").logprob == pytest.approx(math.log(0.9))
    assert [g.total for g in view.groups] == [2.0]


def test_shared_beginnings_and_where_branches_part() -> None:
    view = branch_view(fold(three_branches()))
    assert [(r.shared, r.shared_with) for r in view.rows] == [(0, None), (2, "1"), (0, None)]
    assert row(view, "a").parts == (0, 2)
    assert row(view, "b").parts == (0, 2)
    assert row(view, "c").parts == (0,)


def test_a_row_still_growing_along_another_has_no_parting_point() -> None:
    events = [*start(), *branch("a", [(1, "a", 0.9), (2, "b", 0.9)]), *branch("b", [(1, "a", 0.9)])]
    view = branch_view(fold(events))
    assert (row(view, "b").shared, row(view, "b").shared_with) == (1, "1")
    assert row(view, "a").parts == ()


def test_only_so_many_rows_but_the_chosen_one_always_and_sums_over_all() -> None:
    events = start()
    for n in range(30):
        events += branch(f"b{n}", [(n, str(n), 0.9)])
        events += answer(f"b{n}", "yes" if n % 2 else "no", 0, 1, 0.9 if n % 2 else 0.1 * (n == 28))
    events += [NodeClosed("q/b28", "chosen"), RunFinished()]
    view = branch_view(fold(events), limit=5)
    assert len(view.rows) == 6
    assert view.rows[-1].node == "q/b28"
    assert view.rows[-1].number > 6
    assert view.total_rows == 30
    assert sum(g.branches for g in view.groups) == 30
    assert len(view.hidden) == 24


def test_an_answer_stated_in_a_node_below_has_no_span_in_the_branch() -> None:
    events = [
        *start(),
        *branch("a", [(1, "Well", 0.9)]),
        NodeOpened("q/a/answer", "q/a", "answer"),
        AnswerFound("q/a/answer", "5", "5", 0, 1, 0, 1),
        RunFinished(),
    ]
    only = branch_view(fold(events)).rows[0]
    assert only.answer == "5"
    assert only.span.first is None


# ----------------------------------------------------------------------------------------------- tokens


def test_bytes_of_a_split_character_show_at_the_token_that_completes_it() -> None:
    shown = row(branch_view(fold(odd_texts())), "odd").pieces
    assert shown[5:8] == ("", "", "€")
    assert "".join(shown) == fold(odd_texts()).nodes["q/odd"].text


@pytest.mark.parametrize(
    ("parts", "ended", "shown"),
    [
        (["e2", "82", "ac"], True, ("", "", "€")),
        (["e2", "82ac21"], True, ("", "€!")),
        (["e2", "82"], True, ("", "\ufffd")),
        (["e2", "82"], False, ("", "")),
        (["ff", "c3", "a9"], True, ("\ufffd", "", "é")),
        (["f09f", "9880"], True, ("", "😀")),
    ],
)
def test_joined_bytes(parts: list[str], ended: bool, shown: tuple[str, ...]) -> None:
    tokens = [TokenAdded("q", i, "", -0.1, 0.1, 0.9, "greedy", hex=part) for i, part in enumerate(parts)]
    assert pieces(tokens, ended) == shown


def test_a_text_token_after_an_unfinished_character_keeps_its_text() -> None:
    tokens = [
        TokenAdded("q", 0, "", -1, 0, 0, "greedy", hex="e2"),
        TokenAdded("q", 1, "ok", -1, 0, 0, "greedy"),
    ]
    assert pieces(tokens) == ("", "\ufffdok")


def test_a_strip_of_steps() -> None:
    nodes = [
        fold(
            [*start(), NodeOpened("q/s", "q", "step", "Add"), token("q/s", 1, "a"), TextEnded("q/s", "stop")]
        )
    ]
    view = strip_view([n for t in nodes for n in t.with_role("step")], run="r", running=True)
    assert (view.kind, view.run, view.rows[0].title, view.rows[0].writing) == ("strip", "r", "Add", False)


def test_markers() -> None:
    assert [group_marker(i) for i in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


# ------------------------------------------------------------------------------------------------ forks


def with_forks(*places: tuple[str, int, int], more: int = 5) -> TokenView:
    """Three branches and forks of them: (branch, token, alternative)."""
    trace = recorded("main", three_branches())
    forks = []
    for n, (name, index, alternative) in enumerate(places):
        run = forked(f"f{n}", trace.nodes[f"q/{name}"], index, alternative, more)
        forks.append(Fork(run, run.nodes["q/fork"], row_id("main", f"q/{name}"), index))
    return branch_view(trace, forks=forks)


def test_forks_stand_below_the_branches_in_the_order_given() -> None:
    view = with_forks(("c", 1, 1), ("a", 2, 2))
    assert [r.label for r in view.rows] == ["1", "2", "3", "F1", "F2"]
    assert [r.id for r in view.rows[3:]] == ["f0:q/fork", "f1:q/fork"]
    assert [(r.origin.label, r.origin.index) for r in view.rows[3:] if r.origin] == [("3", 1), ("1", 2)]
    assert not any(r.chosen for r in view.rows[3:])


def test_a_fork_shares_the_group_of_its_answer_but_counts_in_no_sum() -> None:
    view = with_forks(("a", 2, 1))
    assert view.rows[-1].group == 0
    assert view.groups == branch_view(recorded("main", three_branches())).groups
    assert view.total_rows == 3


def test_a_fork_with_an_answer_of_its_own_has_no_group() -> None:
    trace = recorded("main", three_branches()[:-1])
    alone = recorded(
        "f", [*start(), *branch("x", [(1, "So", 0.3), (6, "9", 0.9)]), *answer("x", "9", 1, 2, 0.4)]
    )
    view = branch_view(trace, forks=[Fork(alone, alone.nodes["q/x"], "main:q/a", 1)])
    assert view.rows[-1].group is None
    assert [g.answer for g in view.groups] == ["7", "3"]


def test_a_fork_draws_what_it_shares_once_and_the_row_it_left_knows_the_place() -> None:
    view = with_forks(("a", 3, 1))
    fork = view.rows[-1]
    assert (fork.shared, fork.shared_with) == (3, "1")
    assert row(view, "a").parts == (0, 2, 3)


def test_a_fork_of_a_fork_names_it() -> None:
    trace = recorded("main", three_branches())
    one = forked("one", trace.nodes["q/a"], 2, 1)
    two = forked("two", one.nodes["q/fork"], 4, 2)
    forks = [Fork(one, one.nodes["q/fork"], "main:q/a", 2), Fork(two, two.nodes["q/fork"], "one:q/fork", 4)]
    last = branch_view(trace, forks=forks).rows[-1]
    assert last.origin
    assert (last.label, last.origin.label, last.shared, last.shared_with) == ("F2", "F1", 4, "F1")


def test_a_fork_can_be_writing_when_the_run_is_over() -> None:
    view = with_forks(("a", 2, 1), more=2)
    assert not view.running
    assert [r.writing for r in view.rows] == [False, False, False, True]


def test_a_fork_that_failed_says_why() -> None:
    run = recorded("f", [*start(), *branch("x", [(1, "So", 0.3)]), RunFailed("Broken", "The model is gone.")])
    view = branch_view(recorded("main", three_branches()), forks=[Fork(run, run.nodes["q/x"], "main:q/a", 1)])
    assert (view.rows[-1].status, view.rows[-1].reason) == ("failed", "The model is gone.")


def test_a_row_left_out_of_sight_gives_its_fork_no_label() -> None:
    trace = recorded("main", three_branches())
    run = forked("f", trace.nodes["q/c"], 1, 1)
    view = branch_view(trace, limit=1, forks=[Fork(run, run.nodes["q/fork"], "main:q/c", 1)])
    assert [r.label for r in view.rows] == ["1", "F1"]
    assert view.rows[-1].origin == Origin("main:q/c", 1, None)
