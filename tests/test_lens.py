"""Looking into a model: distributions, curves, draws, luck and foreseen texts, against what can be computed by hand."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground import puzzles
from playground.engine import InThread, from_plain, to_plain
from playground.errors import BadInput, CapabilityError, ModelError
from playground.events import Alternative, Event, TokenAdded
from playground.lens import At, chance, look, prefix_at, reading
from playground.models import catalog
from playground.models.base import Capabilities, Completion
from playground.models.local import LocalModel
from playground.sampling import GREEDY, Sampling, stages, uniforms
from tests.models.tiny import KINDS, make_model, raw_logits

HOT = Sampling(True, 1.3, 40, 0.9, 0.01)
AT = At("The cat sat is 2 + 4")


@pytest.fixture(scope="module")
def tiny() -> LocalModel:
    return make_model("llama")


@pytest.fixture(scope="module")
def embedded() -> Any:
    return catalog.load("embedded")


class TestLook:
    def test_logits_come_sorted_with_the_texts_of_the_first(self, tiny: LocalModel) -> None:
        seen = look(tiny, AT, top=5)
        raw = prefix_at(tiny, AT).logits()
        assert seen["vocabulary"] == len(raw) == len(seen["logits"])
        assert (np.diff(seen["logits"]) <= 0).all()
        assert [raw[token["id"]] for token in seen["tokens"]] == seen["logits"][:5].tolist()
        assert seen["position"] == len(tiny.text.encode(AT.text))

    def test_a_path_of_ids_is_as_if_it_stood_there(self, tiny: LocalModel) -> None:
        ids = tiny.text.encode(" the cat")
        on = look(tiny, replace(AT, path=tuple(ids)))
        whole = look(tiny, At(AT.text + " the cat"))
        assert on["logits"] == pytest.approx(whole["logits"], abs=1e-4)
        assert [token["text"] for token in on["path"]] == [tiny.text.shown(id) for id in ids]

    def test_a_path_that_is_no_token_is_refused(self, tiny: LocalModel) -> None:
        with pytest.raises(BadInput, match="no token id"):
            look(tiny, replace(AT, path=(10**6,)))

    def test_nothing_to_read(self, tiny: LocalModel) -> None:
        with pytest.raises(BadInput, match="nothing to read"):
            look(tiny, At(""))

    def test_through_the_engine_and_back(self, tiny: LocalModel) -> None:
        engine = InThread(lambda name: tiny)
        direct = look(tiny, AT, top=3)
        passed = from_plain(to_plain(engine.call("look", model="tiny", at={"text": AT.text}, top=3)))
        assert (passed.pop("logits") == direct.pop("logits")).all()
        assert passed == direct

    @pytest.mark.parametrize("at", [{}, {"text": 3}, {"text": "x", "path": "ab"}, {"text": "x", "path": 3}])
    def test_what_names_no_place_is_refused(self, tiny: LocalModel, at: dict[str, Any]) -> None:
        with pytest.raises(BadInput, match="where to look"):
            InThread(lambda name: tiny).call("look", model="tiny", at=at)


class TopOnly:
    """A backend that sends the likeliest tokens of each position and no more."""

    name = "top-only"
    versions: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, alternatives: tuple[Alternative, ...], top: int = 5) -> None:
        self.alternatives, self.capabilities = alternatives, Capabilities(top_logprobs=top)

    def sample(self, *args: Any, node: str, **kwargs: Any) -> Generator[Event, None, list[Completion]]:
        yield from ()
        token = TokenAdded(node, 1, " a", -0.1, 0.0, 0.0, "greedy", self.alternatives)
        return [Completion(node, " a", (token,), "length")]


class TestBackendsThatGiveLess:
    known = (Alternative(2, " b", math.log(0.2)), Alternative(1, " a", math.log(0.5)))

    def test_the_rest_is_one_honest_bar(self) -> None:
        seen = look(TopOnly(self.known), AT)
        assert seen["exact"] is False
        assert [token["text"] for token in seen["tokens"]] == [" a", " b"]
        assert seen["rest"] == pytest.approx(0.3)
        assert "logits" not in seen

    def test_what_it_cannot_do(self) -> None:
        with pytest.raises(BadInput, match="takes text"):
            look(TopOnly(self.known), replace(AT, path=(1,)))
        with pytest.raises(ModelError, match="no log-probabilities"):
            look(TopOnly(()), AT)
        with pytest.raises(CapabilityError, match="looked into"):
            look(TopOnly(self.known, top=0), AT)
        with pytest.raises(CapabilityError, match="looked into"):
            chance.draws(TopOnly(self.known), AT, HOT, n=5, seed=0)


class TestCurves:
    def test_each_point_is_that_distribution(self, tiny: LocalModel) -> None:
        temperatures = np.geomspace(0.05, 5, 37).tolist()
        ids = [token["id"] for token in look(tiny, AT, top=6)["tokens"]]
        seen = chance.curves(tiny, AT, HOT, ids=ids, temperatures=temperatures)
        raw = prefix_at(tiny, AT).logits()
        for j, temperature in enumerate(temperatures):
            after = stages(raw, replace(HOT, temperature=temperature)).after
            free = stages(raw, Sampling(True, temperature)).after
            for i, id in enumerate(ids):
                assert seen["after"][i][j] == pytest.approx(after[id], abs=1e-5)
                assert seen["before"][i][j] == pytest.approx(free[id], abs=1e-5)

    def test_greedy_is_a_straight_line(self, tiny: LocalModel) -> None:
        best, second = (token["id"] for token in look(tiny, AT, top=2)["tokens"])
        seen = chance.curves(tiny, AT, GREEDY, ids=[best, second], temperatures=[0.1, 1, 5])
        assert seen["after"] == [[1, 1, 1], [0, 0, 0]]

    @pytest.mark.parametrize(("ids", "temperatures"), [([0], []), ([0], [0.0, 1]), ([10**7], [1])])
    def test_bad_input(self, tiny: LocalModel, ids: list[int], temperatures: list[float]) -> None:
        with pytest.raises(BadInput):
            chance.curves(tiny, AT, HOT, ids=ids, temperatures=temperatures)


class TestDraws:
    def test_frequencies_of_ten_thousand_draws_lie_in_their_whiskers(self, embedded: Any) -> None:
        """On 20 prompts, at least 93 % of the top 20's shares are inside; drawn again, they are the same."""
        inside = total = 0
        for seed in range(20):
            puzzle = puzzles.draw("arithmetic", seed=seed, difficulty=2, split="test")
            at = At(f"Q: {puzzle.question}\nA:")
            seen = chance.draws(embedded, at, Sampling(True, 1.5), n=10_000, seed=7)
            inside += sum(row["low"] <= row["count"] / 10_000 <= row["high"] for row in seen["rows"])
            total += len(seen["rows"])
            assert sum(row["count"] for row in seen["rows"]) + seen["rest"]["count"] == 10_000
        assert total == 400
        assert inside / total >= 0.93
        assert chance.draws(embedded, at, Sampling(True, 1.5), n=10_000, seed=7) == seen

    def test_what_is_cut_is_never_drawn(self, tiny: LocalModel) -> None:
        seen = chance.draws(tiny, AT, Sampling(True, 2.0, top_k=3), n=2000, seed=1, top=5)
        assert [row["count"] > 0 for row in seen["rows"]] == [True, True, True, False, False]
        assert (seen["rest"]["count"], seen["rest"]["high"]) == (0, 0)

    def test_greedy_draws_one_token(self, tiny: LocalModel) -> None:
        seen = chance.draws(tiny, AT, GREEDY, n=50, seed=1)
        assert seen["rows"][0]["count"] == 50

    @pytest.mark.parametrize("n", [0, 10**6])
    def test_bad_numbers(self, tiny: LocalModel, n: int) -> None:
        with pytest.raises(BadInput, match="cannot be made"):
            chance.draws(tiny, AT, HOT, n=n, seed=1)


class TestLuck:
    def test_next_tokens_and_luck_tell_one_story(self, tiny: LocalModel) -> None:
        seen = chance.luck(tiny, AT, HOT, seed=3, steps=6)
        written = chance.write(tiny, AT, HOT, seed=3, steps=6)["tokens"]
        path: tuple[int, ...] = ()
        for step, token in zip(seen["steps"], written, strict=True):
            drawn = chance.next_token(tiny, replace(AT, path=path), HOT, seed=3)
            assert drawn["id"] == step["id"] == token["id"]
            assert drawn["u"] == step["u"]
            path += (drawn["id"],)

    def test_rank_and_probability(self, tiny: LocalModel) -> None:
        drawn = chance.next_token(tiny, AT, HOT, seed=8)
        seen = stages(prefix_at(tiny, AT).logits(), HOT)
        assert drawn["p"] == pytest.approx(seen.after[drawn["id"]], rel=1e-4)
        assert drawn["rank"] == 1 + int((seen.raw > seen.raw[drawn["id"]]).sum())
        greedy = chance.next_token(tiny, AT, GREEDY, seed=8)
        assert (greedy["rank"], greedy["u"], greedy["p"]) == (1, None, pytest.approx(1))

    @pytest.mark.parametrize("sampling", [Sampling(True, 0.9), HOT, GREEDY])
    def test_choices_are_what_that_temperature_would_draw(self, tiny: LocalModel, sampling: Sampling) -> None:
        seen = chance.luck(tiny, AT, sampling, seed=5, steps=8)
        us = uniforms(5, "lens")
        path: tuple[int, ...] = ()
        for step in seen["steps"]:
            assert step["u"] == next(us)
            raw = prefix_at(tiny, replace(AT, path=path)).logits()
            starts = [start for start, _, _ in step["choices"]]

            def drawn(temperature: float, raw: Any = raw, u: float = step["u"]) -> int:
                return by_hand(raw, replace(sampling, do_sample=True, temperature=temperature), u)

            for i, (start, id, text) in enumerate(step["choices"]):
                assert drawn(start) == id
                if step["id"] == id:
                    assert drawn(math.sqrt(start * ([*starts, 5.0])[i + 1])) == id
                assert text == tiny.text.shown(id)
                if i and step["id"] in (id, step["choices"][i - 1][1]):
                    assert (drawn(start / 1.0002) == step["id"]) == (step["id"] != id)
            path += (step["id"],)

    def test_the_end_of_the_text_ends_it(self) -> None:
        model = make_model("llama")
        ids = [token["id"] for token in chance.write(model, AT, GREEDY, seed=0, steps=5)["tokens"]]
        ending = make_model("llama", ends=[ids[3]])
        seen = chance.write(ending, AT, GREEDY, seed=0, steps=5)
        assert [token["id"] for token in seen["tokens"]] == ids[:3]
        assert seen["ended"]
        assert len(chance.luck(ending, AT, GREEDY, seed=0, steps=5)["steps"]) == 4

    def test_bad_input(self, tiny: LocalModel) -> None:
        for params in ({"steps": 0}, {"steps": 10**4}, {"low": 2.0, "high": 1.0}, {"low": 0.0}):
            with pytest.raises(BadInput):
                chance.luck(tiny, AT, HOT, seed=0, **params)


def by_hand(raw: Any, sampling: Sampling, u: float) -> int:
    """Inverse of the distribution function over tokens by descending logit."""
    p = stages(raw, sampling).after.astype(np.float64)
    order = np.argsort(-raw, kind="stable")
    place = np.searchsorted(p[order].cumsum(), u * p.sum(), side="right")
    return int(order[place])


class TestReading:
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_token_as_the_model_foresaw_it(self, kind: str) -> None:
        model = make_model(kind)
        text = "The cat sat is 2 + 4 answer. " * 9
        seen = reading.read_text(model, At(text))["tokens"]
        ids = model.text.encode(text)
        assert [token["id"] for token in seen] == ids
        assert len(ids) > 80, "more than one pass"
        assert seen[0]["logprob"] is seen[0]["rank"] is seen[0]["entropy"] is None
        for place in (1, 2, 63, 64, 65, len(ids) - 1):
            raw = raw_logits(model, ids[:place])
            logprobs = raw.log_softmax(-1)
            token = seen[place]
            assert token["logprob"] == pytest.approx(float(logprobs[ids[place]]), abs=1e-3)
            entropy = float(torch.special.entr(logprobs.exp()).sum() / math.log(2))
            assert token["entropy"] == pytest.approx(entropy, abs=1e-3)
            close = (raw - raw[ids[place]]).abs() < 1e-3
            lowest, highest = (
                int((raw > raw[ids[place]] + 1e-3).sum()) + 1,
                int((raw >= raw[ids[place]]).sum()),
            )
            assert lowest <= token["rank"] <= highest + int(close.sum())
            assert token["alternatives"][0][2] == pytest.approx(float(logprobs.max()), abs=1e-3)

    def test_it_is_one_pass_over_the_text(self) -> None:
        model = make_model("llama")
        passes = []
        forward = model.network._model.forward
        model.network._model.forward = lambda *a, **k: passes.append(k["input_ids"].shape) or forward(*a, **k)
        reading.read_text(model, At("The cat sat is 2 + 4. " * 3))
        assert sum(shape[1] for shape in passes) == len(model.text.encode("The cat sat is 2 + 4. " * 3))
        assert len(passes) == 1

    def test_bytes_of_a_split_character(self, tiny: LocalModel) -> None:
        seen = reading.read_text(tiny, At("The ☘ sat"))["tokens"]
        split = [token for token in seen if token["hex"]]
        assert bytes.fromhex("".join(token["hex"] for token in split)).decode() == "☘"
        assert all(token["text"] == "" for token in split)

    def test_a_path_is_read_too(self, tiny: LocalModel) -> None:
        ids = tuple(tiny.text.encode(" the cat"))
        seen = reading.read_text(tiny, replace(AT, path=ids))["tokens"]
        assert [token["id"] for token in seen[-2:]] == list(ids)

    def test_too_long_a_text(self, tiny: LocalModel) -> None:
        with pytest.raises(BadInput, match="holds 256"):
            reading.read_text(tiny, At("x" * 400))

    @settings(max_examples=30)
    @given(st.lists(st.floats(-5, 5), min_size=3, max_size=12), st.data())
    def test_rank_counts_from_one_with_the_lower_id_first(
        self, values: list[float], data: st.DataObject
    ) -> None:
        from playground.models.measures import foreseen

        id = data.draw(st.integers(0, len(values) - 1))
        [(token, rank)] = foreseen(torch.tensor([values]), [id], "q", 2, make_text())
        order = sorted(range(len(values)), key=lambda i: (-np.float32(values[i]), i))
        assert rank == order.index(id) + 1
        assert token.id == id


def make_text() -> Any:
    from playground.models.token_text import TokenText
    from tests.models.tiny import make_tokenizer

    return TokenText(make_tokenizer())
