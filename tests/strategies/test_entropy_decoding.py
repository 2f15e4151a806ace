"""Entropy decoding from question to answer: on tiny models whose every token is torn, and on the embedded model."""

from __future__ import annotations

from typing import Any

import pytest

from playground.errors import BadInput, CapabilityError
from playground.events import Event, NodeOpened, Spent, TokenAdded, Usage
from playground.models.base import Capabilities
from playground.models.catalog import EMBEDDED
from playground.models.local import LocalModel
from playground.quadrants import Cutoffs
from playground.strategies import Question, get
from playground.trace import Trace, fold
from tests.models.tiny import make_model
from tests.scripted import Scripted, way

# Everything is torn, or nothing ever is.
TORN = {
    "low_entropy": 0,
    "medium_entropy": 0,
    "high_entropy": 30,
    "low_varentropy": 900,
    "high_varentropy": 900,
}
CALM = {
    "low_entropy": 0,
    "medium_entropy": 30,
    "high_entropy": 30,
    "low_varentropy": 0,
    "high_varentropy": 900,
}
# About where the embedded model is torn between a few tokens.
MIDDLE = {"medium_entropy": 0.5, "low_varentropy": 2.0}
EGGS = "Ray has 19 eggs. He buys 4 boxes of 6 eggs. How many eggs does Ray have?"


@pytest.fixture(scope="module")
def tiny() -> LocalModel:
    return make_model("llama")


@pytest.fixture(scope="module")
def embedded() -> LocalModel:
    return LocalModel.load(str(EMBEDDED), name="embedded")


def play(model: Any, question: str = "The cat sat?", seed: int = 3, **params: Any) -> list[Event]:
    strategy = get("entropy-decoding")
    asked = strategy.parse({"state_answer": False, **params})
    return list(strategy.run(Question(question), model, asked, seed=seed))


def told(events: list[Event]) -> dict[str, list[int | None]]:
    """Each node's tokens by id."""
    return {node.id: [t.id for t in node.tokens] for node in fold(events).with_role("branch")}


class TestBranching:
    def test_the_first_torn_token_gives_a_branch_for_each_way(self, tiny: LocalModel) -> None:
        events = play(tiny, ways=3, max_branches=3, max_new_tokens=6, do_sample=False, **TORN)
        tokens = told(events)
        assert list(tokens) == ["q/branch-1", "q/branch-2", "q/branch-3"]
        first = [t.id for t in fold(events).nodes["q/branch-1"].tokens[0].alternatives[:3]]
        likeliest = fold(events).nodes["q/branch-1"].tokens[0].alternatives[:3]
        assert [ids[0] for ids in tokens.values()] == first
        assert [fold(events).nodes[n].tokens[0].chosen for n in tokens] == ["forced"] * 3
        assert {len(ids) for ids in tokens.values()} == {6}
        opened = [e for e in events if isinstance(e, NodeOpened) and e.role == "branch"]
        assert [e.parent for e in opened] == ["q", "q/branch-1", "q/branch-1"]
        assert opened[1].title == f"parts at token 1 with {likeliest[1].text!r}"

    def test_two_ways_every_time_until_there_is_no_room(self, tiny: LocalModel) -> None:
        """1 → 2 → 4 → 7, the last parting with room for three only."""
        events = play(tiny, ways=2, max_branches=7, max_new_tokens=8, do_sample=False, **TORN)
        tokens = told(events)
        parents = [e.parent for e in events if isinstance(e, NodeOpened) and e.role == "branch"]
        assert parents == ["q", *(f"q/branch-{n}" for n in (1, 1, 2, 1, 2, 3))]
        begins = [tuple(ids[:3]) for ids in tokens.values()]
        assert len(set(begins)) == 7
        assert {len(ids) for ids in tokens.values()} == {8}

    def test_it_costs_what_was_computed(self, tiny: LocalModel) -> None:
        """Told beginnings are not written again: 6 tokens of the first branch, 5 of one that parts after one."""
        tiny.network.readings.clear()
        events = play(tiny, ways=2, max_branches=4, max_new_tokens=6, do_sample=False, **TORN)
        usage = sum((e.usage for e in events if isinstance(e, Spent)), Usage())
        assert usage.calls == 4
        # Two rows write the first token, four every other one.
        assert usage.completion_tokens == 2 + 4 * 5
        # The prompt once, and a pass for every token but the last, however often it was asked on the way.
        assert usage.forward_passes == 1 + 5
        assert usage.cached_tokens == 0
        again = [e for e in events if isinstance(e, TokenAdded)]
        assert len(again) == usage.completion_tokens + 2

    def test_nothing_is_read_twice_even_without_a_memory(self) -> None:
        model = make_model("gemma2", cache_tokens=0)
        events = play(model, ways=3, max_branches=8, max_new_tokens=20, do_sample=False, **TORN)
        usage = sum((e.usage for e in events if isinstance(e, Spent)), Usage())
        assert usage.forward_passes == 1 + 19
        assert (usage.calls, usage.cached_tokens) == (8, 0)
        roomy = play(make_model("gemma2"), ways=3, max_branches=8, max_new_tokens=20, do_sample=False, **TORN)
        assert told(roomy) == told(events)

    def test_each_branch_is_what_its_beginning_leads_to(self, tiny: LocalModel) -> None:
        """Every branch of a greedy run is greedy from where it parted."""
        events = play(tiny, ways=2, max_branches=2, max_new_tokens=10, do_sample=False, **TORN)
        [one, two] = told(events).values()
        greedy = play(tiny, max_new_tokens=10, do_sample=False, **CALM)
        assert told(greedy)["q/branch-1"] == one
        assert one[0] != two[0]

    def test_the_surest_answer_counts(self) -> None:
        """Tiny models say nothing that is an answer but by chance, so every branch is led to one."""
        tiny = make_model("llama")
        events = play(tiny, ways=3, max_branches=3, max_new_tokens=4, state_answer=True, **TORN)
        trace = fold(events)
        deltas = {n.id: n.scores["delta"].value for n in trace.with_role("branch") if "delta" in n.scores}
        assert trace.answered is not None
        if deltas:
            assert trace.answered.node == max(deltas, key=deltas.__getitem__)
            assert trace.answered.confidence == max(deltas.values())
        assert all(node.status in ("chosen", "kept", "pruned") for node in trace.with_role("branch"))


class TestPausing:
    def test_the_pause_is_written_by_the_models_own_tokenizer(self, tiny: LocalModel) -> None:
        events = play(tiny, when_torn="pause", pause=" so is", max_pauses=2, max_new_tokens=12, **TORN)
        [node] = fold(events).with_role("branch")
        assert node.text.startswith(" so is so is")
        assert [t.chosen for t in node.tokens] == ["forced"] * 4 + ["sampled"] * 8
        assert [t.id for t in node.tokens[:2]] == tiny.text.encode_after(" so is")
        answered = fold(events).answered
        assert answered is not None
        assert answered.info == {"branches": 1, "pauses": 2}

    def test_none_allowed_is_sampling(self, tiny: LocalModel) -> None:
        events = play(tiny, when_torn="pause", max_pauses=0, max_new_tokens=5, **TORN)
        [node] = fold(events).with_role("branch")
        assert {t.chosen for t in node.tokens} == {"sampled"}


class TestRuns:
    @pytest.mark.parametrize("how", [TORN, CALM, MIDDLE, {}])
    def test_the_seed_decides(self, tiny: LocalModel, how: dict[str, float]) -> None:
        def texts(seed: int) -> dict[str, list[int | None]]:
            return told(play(tiny, seed=seed, max_new_tokens=12, **how))

        assert texts(1) == texts(1)
        assert texts(1) != texts(2)

    def test_one_branch_is_all_there_may_be(self, tiny: LocalModel) -> None:
        assert list(told(play(tiny, max_branches=1, max_new_tokens=4, **TORN))) == ["q/branch-1"]

    def test_thresholds_that_do_not_rise_name_the_setting(self) -> None:
        with pytest.raises(BadInput, match=r"medium_entropy = 2.*at least low_entropy"):
            get("entropy-decoding").parse({"low_entropy": 3, "medium_entropy": 2})

    def test_a_script_says_that_it_cannot(self) -> None:
        model = Scripted(lambda prompt: [way(1.0, "It is", answer="7")])
        with pytest.raises(CapabilityError, match="cannot be asked how they go on"):
            play(model)

    def test_other_backends_are_refused_with_the_reason(self) -> None:
        with pytest.raises(CapabilityError, match="full next-token distribution"):
            get("entropy-decoding").require("server", Capabilities(branches=True, top_logprobs=20))


class TestEmbedded:
    def test_from_question_to_answer(self, embedded: LocalModel) -> None:
        trace: Trace = fold(play(embedded, EGGS, seed=1, max_new_tokens=96, state_answer=True, **MIDDLE))
        assert trace.answered is not None
        assert trace.answered.text
        assert trace.answered.confidence is not None
        branches = trace.with_role("branch")
        assert 1 < len(branches) <= 8
        deltas = {n.id: n.scores["delta"].value for n in branches if "delta" in n.scores}
        assert deltas[trace.answered.node or ""] == max(deltas.values())

    def test_every_torn_place_before_the_room_was_used_up_parts(self, embedded: LocalModel) -> None:
        events = play(embedded, EGGS, max_new_tokens=40, ways=2, max_branches=3, **MIDDLE)
        cutoffs = Cutoffs(**{**MIDDLE, "high_varentropy": 5.0})
        trace = fold(events)
        for node in trace.with_role("branch"):
            parted = [i for i, t in enumerate(node.tokens) if t.chosen == "forced"]
            assert all(
                cutoffs.quadrant(node.tokens[i].entropy or 0, node.tokens[i].varentropy or 0) == "torn"
                for i in parted
            )

    def test_a_pause_on_the_embedded_model(self, embedded: LocalModel) -> None:
        events = play(embedded, EGGS, when_torn="pause", max_new_tokens=60, state_answer=True, **MIDDLE)
        [node] = fold(events).with_role("branch")
        assert " Wait," in node.text
