"""What the tree picture is made of, and what the browser is told of it."""

from __future__ import annotations

import json

from components.tree import read_node, tree_view
from components.tree.story import Closing, Story
from components.tree.view import BEGINNING
from components.tree.wire import Sent, message
from playground.events import Answered, NodeClosed, NodeOpened, RunStarted, TextAdded
from playground.trace import fold
from tests.components.token_traces import HOSTILE, token
from tests.components.tree_traces import beam, hand_search, hostile, made, recorded, search


def test_a_story_has_the_phases_in_order_and_when_nodes_were_closed() -> None:
    story = Story().read(recorded(hand_search()))
    assert [(step.round, step.phase, step.node, step.opened) for step in story.steps[:4]] == [
        (1, "select", "q", 1),
        (1, "expand", "q", 3),
        (1, "simulate", "q/a", 3),
        (1, "back up", "q/a", 3),
    ]
    assert [step.value for step in story.steps if step.phase == "back up"] == [1.0, 0.5, 0.0]
    assert story.closings["q/a/x"] == Closing(opened=5, steps=11)


def test_a_view_has_every_node_after_its_parent() -> None:
    trace, records = made(hand_search())
    view = tree_view(trace, Story().read(records))
    assert [(entry.id, entry.parent) for entry in view.entries] == [
        ("q", -1),
        ("q/a", 0),
        ("q/b", 0),
        ("q/a/x", 1),
        ("q/a/y", 1),
    ]
    assert view.best == 2
    assert view.exploration == 1.0
    assert view.names == {"PRM": "probability that the step is right"}
    pruned = view.entries[3]
    assert (pruned.status, pruned.reason, pruned.scores, pruned.closed) == (
        "pruned",
        "24 can no longer be reached",
        (("PRM", 0.25),),
        11,
    )
    assert view.entries[2].answer == "24"


def test_a_view_of_a_moment_knows_only_what_came_before() -> None:
    events = hand_search()
    trace, records = made(events, 10)
    view = tree_view(trace, Story().read(records))
    assert [step.phase for step in view.steps] == ["select", "expand"]
    assert [entry.id for entry in view.entries] == ["q", "q/a", "q/b"]
    assert view.best == -1


def test_without_a_story_there_are_no_phases() -> None:
    view = tree_view(made(hand_search())[0])
    assert view.steps == ()
    assert {entry.closed for entry in view.entries} == {-1}


def test_without_a_search_closing_is_counted_in_nodes() -> None:
    trace, records = made(beam())
    view = tree_view(trace, Story().read(records))
    assert view.exploration is None
    assert {entry.closed for entry in view.entries if entry.status == "pruned"} == {21}


def test_a_damaged_log_still_makes_a_tree() -> None:
    trace = fold(
        [
            NodeOpened("a", "b", "thought"),
            NodeOpened("b", "a", "thought"),
            NodeOpened("c", "nowhere", "thought"),
            NodeOpened("d", "c", "thought"),
            Answered("1", "gone"),
        ]
    )
    view = tree_view(trace)
    assert [entry.parent for entry in view.entries] == [-1, 0, 0, 2]
    assert view.best == -1


def test_a_setting_that_is_no_number_is_no_c() -> None:
    for value in ("1", True, None):
        assert tree_view(fold([RunStarted("?", "s", "m", {"exploration": value}, 0)])).exploration is None


def test_long_texts_are_cut_and_the_view_says_so() -> None:
    trace = fold(
        [
            NodeOpened("q", None, "question"),
            *[token("q", i, f" word{i}") for i in range(500)],
            NodeOpened("b", "q", "branch"),
            TextAdded("b", "short"),
        ]
    )
    long, short = tree_view(trace).entries
    assert long.cut
    assert len(long.text) == BEGINNING
    assert trace.nodes["q"].text.startswith(long.text)
    assert (short.text, short.cut) == ("short", False)


def test_only_what_is_new_is_sent() -> None:
    events, sent = search(120, finished=False), Sent()
    trace, records = made(events, 200)
    story = Story().read(records)
    first = message(tree_view(trace, story), sent)
    assert (first["number"], first["on"], first["known"]) == (1, 0, 0)
    assert len(first["rows"]) == first["count"] == len(trace.nodes)
    assert message(tree_view(trace, story), sent) is first
    for record in records[200:230]:
        trace.apply(record)
    second = message(tree_view(trace, story), sent)
    assert (second["number"], second["on"], second["known"]) == (2, 1, len(first["steps"]))
    assert len(second["rows"]) < 15
    assert [i for i, _ in second["rows"]] == sorted(i for i, _ in second["rows"])
    assert len(json.dumps(second)) < len(json.dumps(first)) / 4


def test_back_in_time_the_tree_gets_smaller_again() -> None:
    events, sent = hand_search(), Sent()
    whole, records = made(events)
    story = Story().read(records)
    message(tree_view(whole, story), sent)
    earlier = message(tree_view(made(events, 12)[0], story), sent)
    assert earlier["count"] == 3
    assert earlier["steps"] == []
    assert earlier["known"] == 4
    assert earlier["best"] == -1
    assert earlier["on"] == 1


def test_another_run_is_sent_whole() -> None:
    sent = Sent()
    message(tree_view(made(hand_search())[0]), sent)
    other = fold(recorded(beam(), run="other"))
    assert message(tree_view(other), sent)["on"] == 0


def test_odd_texts_and_numbers_can_be_sent() -> None:
    data = message(tree_view(made(hostile())[0]), Sent())
    said = json.dumps(data, allow_nan=False)
    said.encode()
    assert HOSTILE.replace('"', '\\"') in said
    assert data["rows"][1][1][10] == [[HOSTILE, 0.5]]  # NaN is left out


def test_a_node_named_by_the_browser_is_checked() -> None:
    trace = made(hand_search())[0]
    assert read_node({"run": "search", "place": 3}, trace) == "q/a/x"
    for wrong in (
        None,
        3,
        {"run": "other", "place": 0},
        {"run": "search", "place": 99},
        {"run": "search", "place": -1},
        {"run": "search", "place": True},
        {"run": "search"},
    ):
        assert read_node(wrong, trace) is None


def test_statuses_come_with_the_rows() -> None:
    sent = Sent()
    trace = fold([NodeOpened("q", None, "question"), NodeOpened("a", "q", "thought")])
    message(tree_view(trace), sent)
    trace.apply(NodeClosed("a", "failed", "why"))
    [[place, row]] = message(tree_view(trace), sent)["rows"]
    assert (place, row[7], row[8]) == (1, "failed", "why")
