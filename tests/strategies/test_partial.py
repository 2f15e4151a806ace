"""A run that is stopped anywhere leaves a tree that can be read; and no strategy looks at its model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from playground.events import Event, RunCancelled
from playground.execute import RunSpec, execute
from playground.prompts import texts
from playground.strategies import Question
from playground.trace import Trace, fold
from tests.strategies.players import Chat, Rewards, Table, Tokens, events

NINE = "3 + 6 = 9. So the answer is 9."
TABLE: Table = [
    ((texts.REVIEW,), ["Fine. [[correct]]"]),
    ((texts.CRITIQUE,), ["3 + 6 = 9 is wrong."]),
    ((texts.DECOMPOSE,), ["What are the numbers?\nWhat is their sum?"]),
    ((), [NINE, "The answer is 7."]),
]
RUNS: dict[str, dict[str, Any]] = {
    "vote": {"n": 3},
    "filter-vote": {"n": 3},
    "best-of-n": {"n": 3, "regularise": 0.1},
    "coverage": {"n": 3},
    "self-refine": {"rounds": 2},
    "revisions": {"chains": 2, "length": 3},
    "least-to-most": {},
}


def run(name: str, model: type[Tokens | Chat]) -> Iterator[Event]:
    question = Question("How many?", gold="9")
    return events(name, model(TABLE), question, load=Rewards({NINE: 0.9}).load, **RUNS[name])


@pytest.mark.parametrize("model", [Tokens, Chat])
@pytest.mark.parametrize("name", RUNS)
class TestStoppedAnywhere:
    def test_the_tree_is_what_had_been_written(self, name: str, model: type[Tokens | Chat]) -> None:
        whole = fold(run(name, model))
        count = whole.count
        assert whole.answered is not None
        for cut in range(1, count):
            steps = run(name, model)
            part = fold(islice(steps, cut))
            steps.close()  # type: ignore[attr-defined]
            assert next(steps, None) is None
            assert part.count == cut
            assert part.answered is None
            assert list(part.nodes) == list(whole.nodes)[: len(part.nodes)]
            for id, node in part.nodes.items():
                assert node.parent in part.nodes or id == "q"
                assert whole.nodes[id].text.startswith(node.text)
                assert whole.nodes[id].role == node.role

    def test_every_node_has_a_place_and_every_text_is_paid_for(
        self, name: str, model: type[Tokens | Chat]
    ) -> None:
        whole = fold(run(name, model))
        written = [node for node in whole.nodes.values() if node.text]
        scored = sum("PRM" in node.scores for node in whole.nodes.values())
        assert whole.usage.calls == len(written) + scored
        assert all(node.status is not None for node in written if node.role != "answer")
        assert [node.status for node in whole.nodes.values()].count("chosen") == 1

    def test_the_same_again(self, name: str, model: type[Tokens | Chat]) -> None:
        assert list(run(name, model)) == list(run(name, model))


@pytest.mark.parametrize("name", RUNS)
def test_cancelling_ends_a_run_with_what_it_has(name: str) -> None:
    seen: list[Event] = []
    spec = RunSpec("How many?", name, "any", RUNS[name], gold="9")
    models = {"any": Tokens(TABLE), "reward:embedded": Rewards({NINE: 0.9})}
    for event in execute(spec, load_model=lambda name: models[name], cancelled=lambda: len(seen) >= 12):  # type: ignore[return-value]
        seen.append(event)
    assert isinstance(seen[-1], RunCancelled)
    trace: Trace = fold(seen)
    assert trace.status == "cancelled"
    assert any(node.text for node in trace.nodes.values())


def test_no_strategy_asks_which_model_it_runs_on() -> None:
    folder = Path(__file__).parents[2] / "playground" / "strategies"
    mine = [name.replace("-", "_") for name in RUNS] + ["samples"]
    for name in mine:
        code = (folder / f"{name}.py").read_text("utf-8")
        assert not re.search(r"model\.name|model\.versions|isinstance\(model|LocalModel", code), name
