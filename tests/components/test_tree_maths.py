"""The arithmetic of the tree picture in the browser's own language, against the trace's and a computation by hand."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from components.tree import tree_view
from components.tree.story import Story
from components.tree.wire import Sent, message
from playground.events import NodeClosed, NodeOpened, Searched
from playground.trace import fold
from tests.components.tree_traces import beam, hand_search, made, recorded, search, thought, wide

FOLDER = Path(__file__).parents[2] / "components" / "tree"
SCRIPT = "\n".join((FOLDER / f"{name}.js").read_text("utf-8") for name in ("maths", "model", "layout"))

Compute = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def compute() -> Compute:
    """Calls a function of the scripts in node, or in Chromium where there is no node."""
    node = shutil.which("node")
    chromium = os.environ.get("PLAYGROUND_CHROMIUM") or shutil.which("chromium")
    if not node and not chromium:
        reason = "neither node nor Chromium found"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)

    def run(function: str, given: Any) -> Any:
        if not node:
            return in_chromium(str(chromium), function, given)
        script = f"{SCRIPT}\nconst compute = {function};\n" + (
            "console.log(JSON.stringify(compute(JSON.parse(require('fs').readFileSync(0, 'utf8')))));"
        )
        done = subprocess.run(
            [node, "-e", script], input=json.dumps(given), capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    return run


def in_chromium(path: str, function: str, given: Any) -> Any:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        try:
            return browser.new_page().evaluate(
                f"(given) => {{ {SCRIPT}\nreturn ({function})(given); }}", given
            )
        finally:
            browser.close()


def told(events: list[Any], upto: int | None = None) -> dict[str, Any]:
    """What the browser is told of a run."""
    trace, records = made(events, upto)
    return message(tree_view(trace, Story().read(records)), Sent())


def test_uct_is_the_mean_and_what_trying_it_rarely_earns(compute: Compute) -> None:
    parts = compute(
        "(all) => all.map((one) => uct(...one))", [[2, 1.0, 3, 1.0], [1, 0.5, 3, 1.4], [4, 3, 9, 0]]
    )
    assert parts[0]["exploit"] == 0.5
    assert parts[0]["explore"] == pytest.approx(math.sqrt(math.log(3) / 2))
    assert parts[1]["sum"] == pytest.approx(0.5 + 1.4 * math.sqrt(math.log(3)))
    assert parts[2] == {"exploit": 0.75, "explore": 0, "sum": 0.75}


@pytest.mark.parametrize(
    ("visits", "totals", "c", "chosen"),
    [
        ([2, 0, 0], [2.0, 0.0, 0.0], 1.4, 2),  # unvisited ones first, in order
        ([2, 1, 3], [1.0, 0.5, 1.5], 0.0, 1),  # of equals the first
        ([2, 1, 3], [1.0, 0.5, 1.5], 0.1, 2),  # of equal means the one tried least
        ([9, 1, 9], [8.0, 0.0, 1.0], 0.5, 1),  # 0.89 + 0.29 against 0 + 0.86
        ([9, 1, 9], [8.0, 0.0, 1.0], 1.4, 2),  # 0.89 + 0.80 against 0 + 2.40
    ],
)
def test_which_child_is_taken(
    compute: Compute, visits: list[int], totals: list[float], c: float, chosen: int
) -> None:
    stats = {"visits": [sum(visits), *visits], "totals": [sum(totals), *totals]}
    given = [[1, 2, 3], stats, sum(visits), c]
    assert compute("([kids, stats, above, c]) => choose(kids, stats, above, c)", given) == chosen


def test_a_hand_computed_search(compute: Compute) -> None:
    data = told(hand_search())
    shown = compute(
        """(data) => {
            const model = new Model();
            model.read(data);
            const now = model.at(null), paths = {};
            for (const c of [0, 0.5, 1, 3]) {
                model.walkAt(now, c);
                paths[c] = now.path.map((i) => model.entries[i].id);
            }
            return { visits: [...now.stats.visits], totals: [...now.stats.totals], paths, taken: now.taken };
        }""",
        data,
    )
    assert [row[1][0] for row in data["rows"]] == ["q", "q/a", "q/b", "q/a/x", "q/a/y"]
    assert shown["visits"] == [3, 2, 1, 1, 0]
    assert shown["totals"] == [1.5, 1.0, 0.5, 0.0, 0.0]
    assert shown["paths"] == {
        "0": ["q", "q/a", "q/a/y"],
        "0.5": ["q", "q/b"],
        "1": ["q", "q/b"],
        "3": ["q", "q/b"],
    }
    assert shown["taken"] is None  # no fourth round came


def test_the_tree_at_every_moment_is_what_the_trace_said_then(compute: Compute) -> None:
    events = search(90)
    records = recorded(events)
    steps = Story().read(records).steps
    shown = compute(
        """(data) => {
            const model = new Model();
            model.read(data);
            return Array.from({ length: model.last + 1 }, (_, at) => {
                const moment = model.at(at);
                return [moment.opened, [...moment.stats.visits], [...moment.stats.totals]];
            });
        }""",
        told(events),
    )
    assert len(shown) == len(steps) + 1
    for at in (1, 2, 4, 5, 17, len(steps) // 2, len(steps) - 1):
        nodes = list(fold(records[: steps[at - 1].seq + 1]).nodes.values())
        opened, visits, totals = shown[at]
        assert opened == len(nodes)
        assert visits[:opened] == [node.visits for node in nodes]
        assert totals[:opened] == pytest.approx([node.total for node in nodes])


def test_at_the_runs_own_c_every_walk_is_the_one_that_was_taken(compute: Compute) -> None:
    shown = compute(
        """(data) => {
            const model = new Model();
            model.read(data);
            return Array.from({ length: model.last }, (_, at) => {
                const moment = model.at(at);
                model.walkAt(moment, model.c);
                return [moment.path, moment.taken];
            });
        }""",
        told(search(150, c=0.9, seed=4)),
    )
    assert len(shown) > 100
    assert all(path == taken for path, taken in shown)


def test_messages_build_on_each_other_and_a_lost_one_is_noticed(compute: Compute) -> None:
    events, sent = search(60, finished=False), Sent()
    trace, records = made(events, 0)
    story, messages = Story(trace.run_id), []
    for upto in (20, 90, len(events)):
        for record in records[trace.count : upto]:
            trace.apply(record)
        story.read(records[story.seq + 1 : upto])
        messages.append(message(tree_view(trace, story), sent))
    shown = compute(
        """(messages) => {
            const all = new Model(), gap = new Model();
            const took = messages.map((one) => all.read(one));
            const lost = [gap.read(messages[0]), gap.read(messages[2])];
            const again = all.read(messages[2]);
            return { took, lost, again, size: all.size, steps: all.steps, ids: all.entries.map((entry) => entry.id) };
        }""",
        messages,
    )
    assert shown["took"] == [True, True, True]
    assert shown["lost"] == [True, False]
    assert shown["again"] is True
    assert shown["ids"] == list(trace.nodes)
    assert shown["steps"] == told(events)["steps"]


def test_what_was_thrown_out_before_a_round_is_no_choice_in_it(compute: Compute) -> None:
    events = hand_search()
    at = events.index(Searched("q", 1, "expand"))
    twice = [*thought("q/c", "q", "first way"), NodeClosed("q/c", "pruned", "the same thought")]
    roll = [NodeOpened("q/roll", "q", "rollout", "rollout-1"), NodeClosed("q/roll", "kept")]
    data = told([*events[:at], *twice, *roll, *events[at:]])
    walks = """(data) => {
        const model = new Model();
        model.read(data);
        return [model.last, 7, 4].map((at) => {
            const moment = model.at(at);
            model.walkAt(moment, 1);
            return moment.path.map((i) => model.entries[i].id);
        });
    }"""
    assert compute(walks, data) == [["q", "q/b"], ["q", "q/a"], ["q", "q/b"]]


ARRANGE = """([data, top, keep, folding, asides]) => {
    const model = new Model();
    model.read(data);
    const moment = model.at(null);
    const { items, lines } = arrange({
        model, moment, top, keep: new Set(keep), unfolded: new Set(), asides: new Set(asides), folding,
    });
    return { lines, items: items.map(({ i, depth, y, more, size, aside }) => ({ i, depth, y, more, size, aside })) };
}"""


def test_small_subtrees_fold_and_nothing_gets_lost(compute: Compute) -> None:
    data = told(search(500))
    visits = compute(
        "(data) => { const m = new Model(); m.read(data); return [...m.at(null).stats.visits]; }", data
    )
    assert visits[0] >= 100
    folded = compute(ARRANGE, [data, 0, [], True, []])
    shown = [item for item in folded["items"] if not item.get("more")]
    assert all(visits[item["i"]] >= visits[0] / 100 for item in shown)
    assert len(shown) + sum(item["size"] for item in folded["items"] if item.get("more")) == data["count"]
    open_ = compute(ARRANGE, [data, 0, [], False, []])
    assert len(open_["items"]) == data["count"]
    small = next(i for i, n in enumerate(visits) if n == 0)
    kept = compute(ARRANGE, [data, 0, [small, *above(data, small)], True, []])
    assert small in [item["i"] for item in kept["items"] if not item.get("more")]


def above(data: dict[str, Any], i: int) -> list[int]:
    parent = data["rows"][i][1][1]
    return [parent, *above(data, parent)] if parent > 0 else [0]


def test_no_two_boxes_stand_in_one_place(compute: Compute) -> None:
    for folding in (True, False):
        items = compute(ARRANGE, [told(search(300)), 0, [], folding, []])["items"]
        places = [(item["depth"], round(item["y"], 3)) for item in items]
        assert len(set(places)) == len(places)
        for depth in {depth for depth, _ in places}:
            lines = sorted(y for d, y in places if d == depth)
            assert all(b - a >= 1 for a, b in pairwise(lines))


def test_votes_are_a_number_until_they_are_asked_for(compute: Compute) -> None:
    data = told(beam())
    folded = compute(ARRANGE, [data, 0, [], True, []])
    assert [item["aside"] for item in folded["items"]] == [0, 3, 3, 3, 3, 3, 0]
    assert len(compute(ARRANGE, [data, 0, [], True, [1]])["items"]) == len(folded["items"]) + 3


def test_a_wide_list_folds_and_keeps_what_matters(compute: Compute) -> None:
    folded = compute(ARRANGE, [told(wide()), 0, [81], True, []])
    assert folded["lines"] <= 42
    assert 81 in [item["i"] for item in folded["items"]]
    assert sum(item.get("size", 0) for item in folded["items"]) + folded["lines"] - 1 == 90
