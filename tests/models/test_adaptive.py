"""Entropy and varentropy as they are measured, and the decode loop with settings that move and that ask."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.errors import CapabilityError
from playground.events import Event, Spent, TextEnded, TokenAdded
from playground.models.base import PartingBranch
from playground.models.decoding import LocalBranch
from playground.models.local import LocalModel
from playground.models.measures import CHOSEN, ENTROPY, SAMPLING_LOGPROB, VARENTROPY, look
from playground.quadrants import Adaptive, Cutoffs, Quadrant
from playground.sampling import GREEDY, Sampling
from tests.models.tiny import KINDS, make_model, raw_logits, read, run, say, spent

PROMPT = say("The cat sat is 2 + 4?")
# Thresholds that put every distribution of a tiny model into one quadrant.
FORCED: dict[Quadrant, Cutoffs] = {
    "sure": Cutoffs(90, 91, 92, 900, 901),
    "torn": Cutoffs(0, 0, 90, 900, 901),
    "leaning": Cutoffs(90, 91, 92, 0, 1e-9),
    "lost": Cutoffs(0, 0, 1e-9, 0, 1e-9),
    "between": Cutoffs(0, 90, 91, 0, 900),
}
BASE = Sampling(True, 0.8, 20, 0.9, 0.02)


def adaptive(quadrant: Quadrant, ask: bool = False, base: Sampling = BASE) -> Adaptive:
    start = (base.do_sample, base.temperature, base.top_k, base.top_p, base.min_p)
    return Adaptive(*start, cutoffs=FORCED[quadrant], ask=ask)


def by_hand(logits: np.ndarray) -> tuple[float, float]:
    """Bits and bits², in float64."""
    wide = logits.astype(np.float64)
    logp = wide - wide.max() - np.log(np.exp(wide - wide.max()).sum())
    p, bits = np.exp(logp), np.where(np.isfinite(logp), logp, 0) / math.log(2)
    entropy = float(-(p * bits).sum())
    return entropy, float((p * (bits + entropy) ** 2).sum())


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return make_model("llama")


def grown(
    model: LocalModel, sampling: Sampling, nodes: Sequence[str] = ("q/a",), new: int = 8, seed: int = 0
) -> tuple[list[Event], list[LocalBranch]]:
    branches = read(model, PROMPT).fork(nodes)
    events, _ = run(model.decode(branches, sampling, node="q", max_new_tokens=new, seed=seed))
    return events, branches  # type: ignore[return-value]


class TestMeasures:
    @given(
        seed=st.integers(0, 2**32 - 1),
        vocabulary=st.sampled_from([2, 7, 300, 20_000]),
        spread=st.floats(0, 20),
        impossible=st.floats(0, 0.9),
        shift=st.floats(-300, 300),
    )
    @settings(max_examples=120, deadline=None)
    def test_against_float64(
        self, seed: int, vocabulary: int, spread: float, impossible: float, shift: float
    ) -> None:
        generator = np.random.default_rng(seed)
        logits = (generator.normal(size=(2, vocabulary)) * spread + shift).astype(np.float32)
        logits[:, 1:][generator.random((2, vocabulary - 1)) < impossible] = -np.inf
        for row, seen in zip(logits, look(torch.from_numpy(logits), 2, GREEDY, [], {}), strict=True):
            entropy, varentropy = by_hand(row)
            assert seen[ENTROPY] == pytest.approx(entropy, rel=1e-4, abs=1e-4)
            assert seen[VARENTROPY] == pytest.approx(varentropy, rel=1e-3, abs=1e-3)

    def test_by_hand(self) -> None:
        """p = ½, ¼, ¼: H = 1.5 bits; the surprises 1, 2, 2 stray by ½ from it. Equal ones do not stray."""
        logits = torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.25] * 4]).log()
        uneven, even = look(logits, 4, GREEDY, [], {})
        assert (uneven[ENTROPY], uneven[VARENTROPY]) == pytest.approx((1.5, 0.25))
        assert (even[ENTROPY], even[VARENTROPY]) == pytest.approx((2.0, 0.0))

    def test_every_token_of_a_model_has_one(self, model: LocalModel) -> None:
        _, [branch] = grown(model, GREEDY, new=6)
        ids = list(read(model, PROMPT).ids)
        for token in branch.tokens:
            entropy, varentropy = by_hand(raw_logits(model, ids).numpy())
            assert token.entropy == pytest.approx(entropy, abs=1e-3)
            assert token.varentropy == pytest.approx(varentropy, rel=1e-3, abs=1e-3)
            ids.append(token.id or 0)

    def test_no_distribution_has_none(self) -> None:
        [seen] = look(torch.full((1, 9), -math.inf), 2, GREEDY, [], {})
        assert math.isnan(seen[ENTROPY])
        assert math.isnan(seen[VARENTROPY])

    def test_rows_of_all_quadrants_choose_together(self) -> None:
        """Sure, torn, leaning, lost and between, in one batch and with the thresholds as they are."""
        sure, torn, between = (torch.full((4096,), -60.0) for _ in range(3))
        sure[7] = 0
        torn[:16] = 0
        between[:3] = torch.tensor([1.0, 0.5, 0.0])
        # One token has nine tenths, or half, of the probability; all others have the rest in equal parts.
        leaning, lost = torch.zeros(4096), torch.zeros(4096)
        leaning[0], lost[0] = math.log(9 * 4095), math.log(4095)
        rows = torch.stack([sure, torn, leaning, lost, between])
        rules = Adaptive(True, 1.0)
        seen = look(rows, 2, rules, [0.9] * 5, {})
        found = [rules.cutoffs.quadrant(row[ENTROPY], row[VARENTROPY]) for row in seen]
        assert found == ["sure", "torn", "leaning", "lost", "between"]
        assert [math.isnan(row[SAMPLING_LOGPROB]) for row in seen] == [True] + [False] * 4
        assert seen[0][CHOSEN] == 7
        alone = [look(row.unsqueeze(0), 2, rules, [0.9], {})[0] for row in rows]
        assert [row[CHOSEN] for row in alone] == [row[CHOSEN] for row in seen]


class TestSettingsThatMove:
    def test_sure_is_greedy_and_says_so(self, model: LocalModel) -> None:
        _, [greedy] = grown(model, GREEDY)
        _, [sure] = grown(model, adaptive("sure"))
        assert sure.tokens == greedy.tokens

    @pytest.mark.parametrize("quadrant", ["leaning", "lost", "between", "torn"])
    def test_the_others_are_drawn_with_the_rows_own_settings(
        self, model: LocalModel, quadrant: Quadrant
    ) -> None:
        rules = adaptive(quadrant)
        _, [branch] = grown(model, rules, seed=4)
        assert {token.chosen for token in branch.tokens} == {"sampled"}
        ids = list(read(model, PROMPT).ids)
        for token in branch.tokens:
            at = rules.rows(torch.tensor([token.entropy]), torch.tensor([token.varentropy]))
            k = at.top_k.item()
            own = Sampling(
                True,
                at.temperature.item(),
                0 if math.isinf(k) else int(k),
                min(1.0, at.top_p.item()),
                at.min_p.item(),
            )
            _, [alone] = self._next(model, ids, own, branch, seed=4)
            assert alone.tokens[0].id == token.id
            assert alone.tokens[0].sampling_logprob == pytest.approx(token.sampling_logprob, abs=1e-3)
            ids.append(token.id or 0)

    @staticmethod
    def _next(
        model: LocalModel, ids: Sequence[int], own: Sampling, branch: LocalBranch, seed: int
    ) -> tuple[list[Event], list[LocalBranch]]:
        begun = len(ids) - branch.prompt_length
        again = branch.twin(branch.node)
        again.tokens, again.context, again.reading = branch.tokens[:begun], list(ids), None
        again.end = None
        events, _ = run(model.decode([again], own, node="q", max_new_tokens=1, seed=seed))
        again.tokens = again.tokens[begun:]
        return events, [again]

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_batch_writes_what_its_rows_write_alone(self, kind: str) -> None:
        model = make_model(kind)
        # Thresholds in the middle of what a tiny model gives, so that rows differ.
        rules = Adaptive(True, 1.5, cutoffs=Cutoffs(1.0, 4.0, 5.0, 1.0, 2.5))
        nodes = [f"q/{i}" for i in range(4)]
        _, together = grown(model, rules, nodes, new=10, seed=2)
        for node, branch in zip(nodes, together, strict=True):
            _, [alone] = grown(model, rules, [node], new=10, seed=2)
            assert [t.id for t in alone.tokens] == [t.id for t in branch.tokens]
        quadrants = {
            rules.cutoffs.quadrant(t.entropy or 0, t.varentropy or 0) for b in together for t in b.tokens
        }
        assert len(quadrants) > 1

    def test_the_seed_decides(self, model: LocalModel) -> None:
        texts = [grown(model, adaptive("lost"), seed=seed)[1][0].text for seed in (1, 1, 2)]
        assert texts[0] == texts[1] != texts[2]

    def test_a_temperature_of_nought_is_greedy_everywhere(self, model: LocalModel) -> None:
        _, [branch] = grown(model, Adaptive(True, 0.0, cutoffs=FORCED["lost"]))
        assert {token.chosen for token in branch.tokens} == {"greedy"}


class TestAsking:
    def test_it_stops_before_the_token_and_says_what_could_come(self, model: LocalModel) -> None:
        events, [branch] = grown(model, adaptive("torn", ask=True))
        assert isinstance(branch, PartingBranch)
        assert (branch.end, branch.tokens) == (None, [])
        assert list(branch.options) == read(model, PROMPT).top(10)
        assert [type(event) for event in events] == [Spent]
        assert spent(events).calls == 1
        assert spent(events).completion_tokens == 0

    def test_going_on_reads_nothing_again(self) -> None:
        model = make_model("llama", cache_tokens=0)
        _, [branch] = grown(model, adaptive("torn", ask=True))
        branch.choose(branch.options[0].id or 0)
        events, _ = run(model.decode([branch], GREEDY, node="q", max_new_tokens=5, seed=0))
        assert spent(events).prompt_tokens == 0
        assert spent(events).forward_passes == 4
        assert spent(events).calls == 0
        _, [straight] = grown(model, GREEDY, new=5)
        assert [t.id for t in branch.tokens] == [t.id for t in straight.tokens]
        assert [t.chosen for t in branch.tokens] == ["forced"] + ["greedy"] * 4

    @pytest.mark.parametrize("kind", KINDS)
    def test_twins_go_on_from_what_was_read(self, kind: str) -> None:
        model = make_model(kind, cache_tokens=0)
        [branch] = read(model, PROMPT).fork(["q/a"])
        run(model.decode([branch], GREEDY, node="q", max_new_tokens=20, seed=0))
        begun = [token.id for token in branch.tokens]
        branch.end = None  # as if the limit had not been there
        run(model.decode([branch], adaptive("torn", ask=True), node="q", max_new_tokens=9, seed=0))
        twins = [branch.twin(f"q/{i}") for i in range(3)]
        for twin, option in zip(twins, branch.options, strict=False):
            assert {token.node for token in twin.tokens} == {twin.node}
            twin.choose(option.id or 0)
        events, _ = run(model.decode(twins, GREEDY, node="q", max_new_tokens=6, seed=0))
        assert spent(events).prompt_tokens == 0
        assert (spent(events).calls, spent(events).forward_passes) == (3, 5)
        for twin, option in zip(twins, branch.options, strict=False):
            fresh = model_of(kind)
            [alone] = read(fresh, PROMPT).fork(["q/x"])
            alone.queue.extend([*(id or 0 for id in begun), option.id or 0])
            run(fresh.decode([alone], GREEDY, node="q", max_new_tokens=26, seed=0))
            assert [t.id for t in twin.tokens] == [t.id for t in alone.tokens]

    def test_the_others_stop_too_and_go_on_as_if_they_had_not(self, model: LocalModel) -> None:
        """Thresholds between two rows' entropies at the first place where they differ enough."""
        nodes = ["q/a", "q/b"]
        prefix = read(model, PROMPT)
        first = [a.id or 0 for a in prefix.top(2)]
        straight = prefix.fork(nodes, first)
        run(model.decode(straight, GREEDY, node="q", max_new_tokens=12, seed=0))
        pairs = [(a.entropy or 0, b.entropy or 0) for a, b in zip(*(s.tokens for s in straight), strict=True)]
        high = max(e for pair in pairs[1:] for e in pair)
        at = next(i for i, pair in enumerate(pairs) if i and high in pair)
        cutoffs = Cutoffs(0, high, 90, 900, 901)
        branches = prefix.fork(nodes, first)
        asking = Adaptive(False, cutoffs=cutoffs, ask=True)
        events, _ = run(model.decode(branches, asking, node="q", max_new_tokens=12, seed=0))
        assert [len(b.tokens) for b in branches] == [at, at]
        assert sum(bool(b.options) for b in branches) == 1
        assert not any(isinstance(event, TextEnded) for event in events)
        more, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=12 - at, seed=0))
        assert [[t.id for t in b.tokens] for b in branches] == [[t.id for t in s.tokens] for s in straight]
        assert not any(b.options for b in branches)
        # The pass that led to the question is not taken again.
        assert spent(events).forward_passes + spent(more).forward_passes == 11
        assert spent([*events, *more]).completion_tokens == 24

    def test_a_forced_token_is_not_asked_about(self, model: LocalModel) -> None:
        [branch] = read(model, PROMPT).fork(["q/a"])
        branch.force(" the cat")
        run(model.decode([branch], adaptive("torn", ask=True), node="q", max_new_tokens=9, seed=0))
        assert branch.text == " the cat"
        assert branch.options

    def test_nothing_is_asked_while_a_stop_text_may_be_under_way(self, model: LocalModel) -> None:
        _, [straight] = grown(model, GREEDY, new=3)
        first = straight.tokens[0].text or "?"
        [branch] = read(model, PROMPT).fork(["q/a"])
        branch.force(first)
        rules = adaptive("torn", ask=True, base=GREEDY)
        run(model.decode([branch], rules, node="q", max_new_tokens=9, seed=0, stop=[f"{first}#"]))
        # The held token is let out by the next one, and only then is there a question.
        assert len(branch.tokens) == 2
        assert branch.options

    def test_an_end_clears_what_was_asked(self, model: LocalModel) -> None:
        _, [branch] = grown(model, adaptive("torn", ask=True))
        run(model.decode([branch], adaptive("torn"), node="q", max_new_tokens=2, seed=0))
        assert (branch.end, branch.options) == ("length", ())

    def test_a_draw_belongs_to_its_place_however_often_it_was_asked(self, model: LocalModel) -> None:
        _, [straight] = grown(model, adaptive("torn"), new=6, seed=3)
        branch = read(model, PROMPT).fork(["q/a"])[0]
        for n in range(6):
            rules = adaptive("torn", ask=True)
            run(model.decode([branch], rules, node="q", max_new_tokens=6 - n, seed=3))
            assert branch.options
            run(model.decode([branch], adaptive("torn"), node="q", max_new_tokens=1, seed=3))
            branch.end = None
        assert [t.id for t in branch.tokens] == [t.id for t in straight.tokens]


def model_of(kind: str) -> LocalModel:
    return make_model(kind)


def test_a_script_refuses_settings_that_move() -> None:
    from playground.models.script_tokens import ScriptedTokenModel

    decode = ScriptedTokenModel.decode(object(), [], adaptive("sure"), node="q", max_new_tokens=1, seed=0)  # type: ignore[arg-type]
    with pytest.raises(CapabilityError, match="same settings"):
        run(decode)


def test_tokens_are_told_with_their_varentropy(model: LocalModel) -> None:
    events, _ = grown(model, GREEDY, new=3)
    assert all(e.varentropy is not None for e in events if isinstance(e, TokenAdded))
