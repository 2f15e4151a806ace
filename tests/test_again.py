"""Running a saved run again: the same tokens, or the first that differs and what changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playground.again import Difference, compare, spec_of
from playground.errors import BadInput
from playground.events import NodeOpened, RunStarted, TextAdded
from playground.execute import RunSpec, execute
from playground.forking import fork
from playground.models.local import LocalModel
from playground.trace import Trace, fold
from tests.models.tiny import make_model

SPECS = [
    RunSpec("The cat sat?", "cot-decoding", "tiny", {"k": 3, "max_new_tokens": 8}),
    RunSpec(
        "The cat?", "self-consistency", "tiny", {"n": 3, "temperature": 1.5, "max_new_tokens": 8}, seed=9
    ),
    RunSpec(
        "The cat?", "direct", "tiny", {"do_sample": True, "temperature": 2.0, "max_new_tokens": 8}, seed=3
    ),
]


def trace_of(spec: RunSpec, model: LocalModel) -> Trace:
    trace = fold(execute(spec, load_model=lambda name: model))
    trace.run_id = "old"
    return trace


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.strategy)
def test_the_same_again_with_a_model_that_remembers_and_one_that_does_not(spec: RunSpec) -> None:
    old = trace_of(spec, make_model())
    again = spec_of(old)
    new = trace_of(again, make_model(cache_tokens=0))
    result = compare(old, new)
    assert result.same, result.first
    assert result.tokens == sum(len(node.tokens) for node in old.nodes.values()) > 0
    assert result.changed == {}


def test_a_fork_again() -> None:
    model = make_model()
    old = trace_of(SPECS[0], model)
    forked = trace_of(fork(old, "q/branch-1", 3, 7), model)
    assert "begin" not in forked.started.params, "the log's own tokens say it"  # type: ignore[union-attr]
    assert compare(forked, trace_of(spec_of(forked), model)).same


def test_the_first_token_that_differs_and_what_changed() -> None:
    model = make_model()
    old = trace_of(SPECS[0], model)
    new = trace_of(SPECS[0], model)
    new.started = replace(new.started, versions={**new.started.versions, "device": "cuda"})  # type: ignore[type-var, union-attr]
    token = new.nodes["q/branch-2"].tokens[4]
    new.nodes["q/branch-2"].tokens[4] = replace(token, id=token.id + 1, text="other")
    del new.nodes["q/branch-1"].tokens[6:]
    result = compare(old, new)
    assert result.first == Difference("q/branch-2", 4, token.text or token.hex, "other")
    assert result.changed == {"device": ("cpu", "cuda")}


def test_a_text_that_ends_sooner_and_a_node_more() -> None:
    start = [
        RunStarted("q?", "x", "m", {}, 0),
        NodeOpened("q", None, "question"),
        NodeOpened("q/a", "q", "branch"),
    ]
    old, new = fold([*start, TextAdded("q/a", "abc")]), fold(start)
    assert compare(old, new).first == Difference("q/a", 0, "abc", None)
    assert compare(new, old).first == Difference("q/a", 0, None, "abc")
    assert compare(new, fold(start)).same


def test_a_log_without_a_beginning() -> None:
    with pytest.raises(BadInput, match="how this run was started"):
        spec_of(fold([NodeOpened("q", None, "question")]))
