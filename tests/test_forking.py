"""Forks: another token at one place of an earlier run, the rest decoded on, the old run left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground import strategies
from playground.errors import BadInput
from playground.events import CallStarted, NodeOpened, RunFinished, RunStarted, Spent, TokenAdded, Usage
from playground.execute import RunSpec, execute
from playground.forking import fork
from playground.models.local import LocalModel
from playground.prompts import Written
from playground.sampling import GREEDY
from playground.store import Store
from playground.trace import Trace, fold
from tests.models.tiny import TEMPLATE, make_model, run, say

SPEC = RunSpec("The cat sat?", "cot-decoding", "tiny", {"k": 3, "max_new_tokens": 12, "state_answer": False})


def trace_of(spec: RunSpec, model: LocalModel, run_id: str = "old") -> Trace:
    trace = fold(execute(spec, load_model=lambda name: model))
    assert trace.status == "finished", trace.failure
    trace.run_id = run_id
    return trace


@pytest.fixture(params=["llama", "gemma2", "gpt2"])
def model(request: pytest.FixtureRequest) -> LocalModel:
    return make_model(request.param)


def test_a_fork_is_what_decoding_from_there_gives(model: LocalModel) -> None:
    old = trace_of(SPEC, model)
    source = old.nodes["q/branch-2"]
    other = source.tokens[5].alternatives[3]
    new = trace_of(fork(old, source.id, 5, other.id), model, "new")
    tokens = new.nodes["q/fork"].tokens
    assert [(t.id, t.logprob, t.alternatives) for t in tokens[:5]] == [
        (t.id, t.logprob, t.alternatives) for t in source.tokens[:5]
    ]
    assert (tokens[5].id, tokens[5].chosen) == (other.id, "forced")
    assert tokens[5].logprob == pytest.approx(other.logprob, abs=1e-4)
    assert len(tokens) == 5 + 12
    # The same from nothing: a model without memory reads prompt and beginning afresh and is greedy from there.
    fresh = make_model(model.name.removeprefix("tiny-"), cache_tokens=0)
    _, prefix = run(fresh.prefill(Written(old.calls[0].prompt), node="q", purpose="test"))
    then = [*(t.id for t in source.tokens[:5]), other.id]
    _, prefix = run(fresh.prefill(Written(old.calls[0].prompt), node="q", purpose="test", then=then))
    [branch] = prefix.fork(["q/x"])
    run(fresh.decode([branch], GREEDY, node="q", max_new_tokens=11, seed=0))
    assert [t.id for t in tokens[6:]] == [t.id for t in branch.tokens]


def test_what_it_shares_with_the_old_branch_is_not_computed_again() -> None:
    model = make_model()
    old = trace_of(SPEC, model)
    source = old.nodes["q/branch-1"]
    new = trace_of(fork(old, source.id, 6, source.tokens[6].alternatives[1].id), model, "new")
    prompt = len(run(model.prefill(Written(old.calls[0].prompt), node="q", purpose="test"))[1].ids)
    assert new.usage.prompt_tokens == prompt + 6
    assert new.usage.cached_tokens >= prompt + 5
    assert new.usage.completion_tokens == 12


def test_the_old_run_and_its_cost_stay() -> None:
    model = make_model()
    old = trace_of(SPEC, model)
    before = (old.usage, old.answered, list(old.nodes))
    trace_of(fork(old, "q/branch-1", 0, 7), model, "new")
    assert (old.usage, old.answered, list(old.nodes)) == before


def test_a_fork_can_be_forked() -> None:
    model = make_model()
    old = trace_of(SPEC, model)
    first = trace_of(fork(old, "q/branch-1", 4, 9), model, "first")
    spec = fork(first, "q/fork", 6, 11, root="old")
    assert spec.parent == {"run": "old", "of": "first", "node": "q/fork", "index": 6}
    second = trace_of(spec, model, "second")
    ids = [t.id for t in second.nodes["q/fork"].tokens]
    assert ids[:6] == [t.id for t in first.nodes["q/fork"].tokens[:6]]
    assert ids[4] == 9
    assert ids[6] == 11


def test_a_question_that_spells_a_control_token_is_read_again_as_it_was() -> None:
    model = make_model(template=TEMPLATE)
    spec = RunSpec("a <|end|> b", "direct", "tiny", {"max_new_tokens": 6})
    old = trace_of(spec, model)
    assert old.calls[0].ids, "the text alone would make a control token of the question's words"
    new = trace_of(fork(old, "q/reply", 2, 5), model, "new")
    assert new.calls[0].ids == old.calls[0].ids
    _, asked = run(model.prefill(say("a <|end|> b"), node="q", purpose="test"))
    assert list(asked.ids) == list(new.calls[0].ids)


def test_settings_are_those_of_the_old_run() -> None:
    model = make_model()
    params = {"n": 2, "temperature": 1.3, "top_p": 0.9, "max_new_tokens": 8}
    old = trace_of(RunSpec("The cat?", "self-consistency", "tiny", params, seed=5), model)
    spec = fork(old, next(n.id for n in old.with_role("branch")), 1, 3)
    assert (spec.params["temperature"], spec.params["top_p"], spec.params["do_sample"]) == (1.3, 0.9, True)
    assert spec.seed == 5


def test_nothing_to_fork() -> None:
    model = make_model()
    old = trace_of(SPEC, model)
    for node, index in (("q/branch-1", 99), ("q/nowhere", 0), ("q/branch-1", -1)):
        with pytest.raises(BadInput, match="no token"):
            fork(old, node, index, 3)
    with pytest.raises(BadInput, match="which prompt"):
        fork(
            fold([RunStarted("x", "direct", "m", {}, 0), NodeOpened("q", None, "branch"), token("q")]),
            "q",
            0,
            1,
        )


def token(node: str) -> TokenAdded:
    return TokenAdded(node, 3, "x", -0.1, 0.5, 0.5, "greedy")


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        ([{"kind": "token", "node": "q"}], "cannot be read"),
        ([{"kind": "run_cancelled"}], "where a token should"),
    ],
)
def test_a_damaged_beginning_is_named(begin: list[dict[str, object]], message: str) -> None:
    params = {"prompt": "x", "begin": begin, "token": 3}
    trace = fold(execute(RunSpec("q?", "fork", "tiny", params), load_model=lambda name: make_model()))
    assert trace.failure is not None
    assert message in trace.failure.message


def test_lists_do_not_offer_it() -> None:
    assert "fork" in strategies.load_all()
    assert "fork" not in strategies.offered()


def test_a_text_belongs_to_the_last_call_at_or_above_it() -> None:
    trace = fold(
        [
            NodeOpened("q", None, "question"),
            CallStarted("q", "classify", "one"),
            CallStarted("q", "branch", "two"),
            NodeOpened("q/a", "q", "branch"),
            NodeOpened("q/b", "q", "branch"),
            token("q/a"),
            CallStarted("q/b", "step", "three"),
            Spent("q", Usage()),
            token("q/b"),
            token("q/a"),
        ]
    )
    assert [trace.nodes[node].call for node in ("q", "q/a", "q/b")] == [None, 1, 2]


def test_nodes_under_each_other_end_the_search() -> None:
    trace = fold(
        [NodeOpened("a", None, "branch"), NodeOpened("b", "a", "branch"), NodeOpened("a", "b", "branch")]
    )
    trace.apply(token("a"))
    assert trace.nodes["a"].call is None


def test_the_store_knows_a_runs_forks(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.db")
    for run_id, strategy, parent in (
        ("a", "direct", None),
        ("b", "fork", {"run": "a", "of": "a"}),
        ("c", "fork", {"run": "a", "of": "b"}),
        ("d", "titled-chain", {"run": "a"}),
        ("e", "fork", {"run": "d"}),
    ):
        store.create_run(run_id, RunStarted("q?", strategy, "m", {}, 0, parent=parent))
    store.flush()
    assert [run.id for run in store.forks("a")] == ["b", "c"]
    assert store.forks("b") == []
    store.close()


def test_a_fork_is_marked_like_any_run() -> None:
    model = make_model()
    old = trace_of(RunSpec("The cat?", "direct", "tiny", {"max_new_tokens": 6}, gold="4"), model)
    events = list(execute(fork(old, "q/reply", 1, 5), load_model=lambda name: model))
    assert isinstance(events[-1], RunFinished)
    assert events[-1].correct is not None
