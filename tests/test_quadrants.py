"""The rules of entropy decoding, by hand and against the general ones."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.errors import BadInput, CapabilityError
from playground.quadrants import QUADRANTS, Adaptive, Cutoffs, Quadrant
from playground.sampling import GREEDY, RowSettings, Sampling, choose, process, validate

ADAPTIVE = Adaptive(True, 1.0, 10, 0.9, 0.1)
measures = st.floats(0, 40, width=32)
ANY = Cutoffs()


def one(entropy: float, varentropy: float, adaptive: Adaptive = ADAPTIVE) -> dict[str, float]:
    """The settings of a single row."""
    found = adaptive.rows(torch.tensor([entropy]), torch.tensor([varentropy]))
    names = ("temperature", "top_k", "top_p", "min_p")
    return {name: getattr(found, name).item() for name in names}


def is_greedy(entropy: float, varentropy: float) -> bool:
    return bool(ADAPTIVE.rows(torch.tensor([entropy]), torch.tensor([varentropy])).greedy.item())


@pytest.mark.parametrize(
    ("entropy", "varentropy", "quadrant"),
    [
        (0.0, 0.0, "sure"),
        (0.0999, 0.0999, "sure"),
        (0.1, 0.0999, "between"),
        (0.0999, 0.1, "between"),
        (2.999, 0.05, "between"),
        (3.0, 0.0999, "torn"),
        (4.9, 0.0, "torn"),
        (17.0, 0.0, "torn"),
        (3.0, 0.1, "between"),
        (9.0, 4.999, "between"),
        (0.05, 5.0, "leaning"),
        (2.0, 30.0, "leaning"),
        (4.999, 5.0, "leaning"),
        (5.0, 5.0, "lost"),
        (5.0, 4.999, "between"),
        (11.0, 90.0, "lost"),
    ],
)
def test_borders(entropy: float, varentropy: float, quadrant: Quadrant) -> None:
    assert ANY.quadrant(entropy, varentropy) == quadrant
    [found] = ANY.quadrants(torch.tensor([entropy]).double(), torch.tensor([varentropy]).double()).tolist()
    assert QUADRANTS[found] == quadrant


@given(pairs=st.lists(st.tuples(measures, measures), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_batch_is_in_the_quadrants_its_rows_are_in(pairs: list[tuple[float, float]]) -> None:
    entropy, varentropy = torch.tensor(pairs, dtype=torch.float64).T
    together = [QUADRANTS[i] for i in ANY.quadrants(entropy, varentropy).tolist()]
    assert together == [ANY.quadrant(*pair) for pair in pairs]


@pytest.mark.parametrize(
    "values", [(3, 2, 5, 0.1, 5), (0.1, 3, 2, 0.1, 5), (0.1, 3, 5, 6, 5), (-1, 3, 5, 0, 1), (0, 0, 0, 0, 1)]
)
def test_thresholds_rise(values: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="thresholds"):
        Cutoffs(*values)


def test_thresholds_are_read_off_a_runs_settings() -> None:
    assert Cutoffs.of({"k": 3, "temperature": 0.5}) == Cutoffs()
    assert Cutoffs.of({"medium_entropy": 2, "high_varentropy": 4.5}) == Cutoffs(0.1, 2, 5, 0.1, 4.5)
    for odd in (
        {"medium_entropy": 9},
        {"low_entropy": "much"},
        {"low_entropy": None},
        {"low_entropy": math.nan},
    ):
        assert Cutoffs.of(odd) == Cutoffs()


class TestSettings:
    """From T = 1, top-k 10, top-p 0.9, min-p 0.1."""

    def test_sure_is_the_arg_max(self) -> None:
        assert is_greedy(0.05, 0.05)
        assert not any(is_greedy(*at) for at in [(0.2, 0.05), (0.05, 0.2), (4, 0.05), (1, 9), (9, 9)])

    def test_leaning_is_warmer_and_wider(self) -> None:
        assert one(2, 5) == pytest.approx({"temperature": 1.2, "top_k": 20, "top_p": 0.9, "min_p": 0.05})

    def test_lost_is_hotter_with_its_entropy_up_to_twice_and_narrower(self) -> None:
        assert one(5, 5) == pytest.approx({"temperature": 1.2, "top_k": 10, "top_p": 0.72, "min_p": 0.1})
        assert one(7.5, 9) == pytest.approx({"temperature": 1.8, "top_k": 10, "top_p": 0.72, "min_p": 0.1})
        assert one(12, 9)["temperature"] == 2

    def test_between_moves_with_both(self) -> None:
        half = {"temperature": 1.1, "top_k": 15, "top_p": 0.9 * 0.9, "min_p": 0.1 / 1.5}
        assert one(2.5, 2.5) == pytest.approx(half)

    def test_no_two_places_between_are_alike(self) -> None:
        rows = [one(h, v) for h, v in [(0.5, 0.5), (1, 0.5), (1, 2), (2.5, 2), (4, 4)]]
        assert len({tuple(row.values()) for row in rows}) == len(rows)

    def test_torn_and_not_to_ask_is_like_between(self) -> None:
        assert one(4, 0) == pytest.approx(
            {"temperature": 1.0, "top_k": 10, "top_p": 0.9 * 0.84, "min_p": 0.1}
        )

    @given(entropy=st.floats(0.2, 4.9))
    @settings(max_examples=30, deadline=None)
    def test_the_temperature_does_not_jump_where_the_varentropy_becomes_high(self, entropy: float) -> None:
        below, above = one(entropy, 4.999), one(entropy, 5.0)
        assert below["temperature"] == pytest.approx(above["temperature"], abs=1e-3)
        assert below["min_p"] == pytest.approx(above["min_p"], abs=1e-3)

    def test_what_keeps_everything_goes_on_doing_so(self) -> None:
        bare = Adaptive(True, 1.0)
        at = one(0.2, 2.5, bare)
        assert (at["top_k"], at["min_p"]) == (math.inf, 0)


class TestAsking:
    def test_only_where_it_is_torn_and_allowed(self) -> None:
        asking = Adaptive(True, ask=True)
        assert asking.asks(4, 0.05)
        assert not any(asking.asks(*at) for at in [(0, 0), (1, 9), (9, 9), (2, 0.05)])
        assert not Adaptive(True).asks(4, 0.05)

    def test_only_models_that_can_take_settings_that_move(self) -> None:
        validate(ADAPTIVE, moving=True)
        validate(GREEDY, moving=True)
        with pytest.raises(CapabilityError, match="same settings"):
            validate(ADAPTIVE)
        with pytest.raises(BadInput, match="temperature"):
            validate(Adaptive(True, -1.0), moving=True)


class TestRows:
    """One batch, each row with settings of its own."""

    @staticmethod
    def stacked(each: list[Sampling], greedy: list[bool]) -> RowSettings:
        column = [torch.tensor([getattr(s, name) for s in each], dtype=torch.float64) for name in NAMES]
        most = max(s.top_k for s in each)
        return RowSettings.of(*column, greedy=torch.tensor(greedy), most_k=most)

    @given(
        seed=st.integers(0, 2**32 - 1),
        each=st.lists(st.deferred(lambda: samplings), min_size=1, max_size=5),
        data=st.data(),
    )
    @settings(max_examples=120, deadline=None)
    def test_each_row_is_drawn_as_it_would_be_alone(
        self, seed: int, each: list[Sampling], data: st.DataObject
    ) -> None:
        logits = torch.randn(len(each), 200, generator=torch.Generator().manual_seed(seed)) * 3
        u = [data.draw(st.floats(0, 1, exclude_max=True)) for _ in each]
        greedy = [data.draw(st.booleans()) for _ in each]
        ids, logprobs = choose(logits, self.stacked(each, greedy), u)
        for i, sampling in enumerate(each):
            if greedy[i]:
                assert ids[i] == logits[i].argmax()
                assert logprobs[i].isnan()
                continue
            [alone], [logprob] = choose(logits[i : i + 1], sampling, [u[i]])
            assert ids[i] == alone
            assert logprobs[i].item() == pytest.approx(logprob.item(), abs=1e-6)

    def test_min_p_cuts_before_the_draw(self) -> None:
        """Elsewhere it is applied to what softmax gave, and cuts nothing."""
        logits = torch.tensor([[0.0, -1.0, -4.0]]).expand(2, -1)
        settings_ = self.stacked([Sampling(True, min_p=0.2), Sampling(True)], [False, False])
        ids, logprobs = choose(logits, settings_, [0.999, 0.999])
        assert ids.tolist() == [1, 2]
        kept = process(logits[:1], Sampling(True, min_p=0.2)).log_softmax(-1)
        assert logprobs[0].item() == pytest.approx(kept[0, 1].item(), abs=1e-6)


NAMES = ("temperature", "top_k", "top_p", "min_p")
samplings = st.builds(
    Sampling,
    do_sample=st.just(True),
    temperature=st.floats(0.1, 5),
    top_k=st.integers(0, 300),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 1)),
    min_p=st.one_of(st.just(0.0), st.floats(0.001, 1)),
)


def test_pictures_need_no_torch() -> None:
    code = (
        "import sys, playground.quadrants as q; q.Cutoffs().quadrant(1, 1); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
