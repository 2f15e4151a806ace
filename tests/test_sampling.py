"""The processors against transformers' warpers, the draw against its definition."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground import sampling as s
from playground.errors import BadInput, ModelError
from playground.sampling import GREEDY, PROCESSORS, Sampling, choose, process, stages, uniforms, validate


def random_logits(seed: int, rows: int = 3, vocabulary: int = 200, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * spread


def warpers(sampling: Sampling) -> LogitsProcessorList:
    """transformers' own, in its order."""
    chain = LogitsProcessorList([TemperatureLogitsWarper(float(sampling.temperature))])
    if sampling.top_k:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chain.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        chain.append(MinPLogitsWarper(sampling.min_p))
    return chain


samplings = st.builds(
    Sampling,
    do_sample=st.just(True),
    temperature=st.floats(0.05, 5),
    top_k=st.integers(0, 300),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 1)),
    min_p=st.one_of(st.just(0.0), st.floats(0.001, 1)),
)


@given(seed=st.integers(0, 2**32 - 1), sampling=samplings)
@settings(max_examples=150, deadline=None)
def test_process_agrees_with_transformers(seed: int, sampling: Sampling) -> None:
    logits = random_logits(seed)
    ours, theirs = process(logits, sampling), warpers(sampling)(None, logits)
    assert torch.equal(ours.isinf(), theirs.isinf())
    assert torch.allclose(ours, theirs, atol=1e-6, rtol=0)


@given(seed=st.integers(0, 2**32 - 1), sampling=samplings)
@settings(max_examples=50, deadline=None)
def test_stages_tell_which_processor_cut_what(seed: int, sampling: Sampling) -> None:
    [logits] = random_logits(seed, rows=1)
    seen = stages(logits, sampling)
    scores, kept = logits.unsqueeze(0), np.ones(len(logits), dtype=bool)
    for warper, name in zip(warpers(sampling), ["", *_names(sampling)], strict=True):
        scores = warper(None, scores)
        now = np.isfinite(scores[0].numpy())
        if name:
            assert set(np.flatnonzero(kept & ~now)) == set(np.flatnonzero(seen.cut == PROCESSORS.index(name)))
        kept = now
    assert (seen.kept == kept).all()
    assert seen.after == pytest.approx(scores[0].softmax(-1).numpy(), abs=1e-6)
    assert seen.before == pytest.approx(logits.softmax(-1).numpy(), abs=1e-6)
    assert seen.scaled == pytest.approx(logits.numpy() / sampling.temperature, rel=1e-6)
    assert seen.after[~seen.kept].sum() == 0


def _names(sampling: Sampling) -> list[str]:
    used = (sampling.top_k > 0, sampling.top_p < 1, sampling.min_p > 0)
    return list(itertools.compress(PROCESSORS[1:], used))


def test_stages_of_greedy_settings_are_one_token() -> None:
    seen = stages([1.0, 3.0, 3.0, 2.0], GREEDY)
    assert seen.after.tolist() == [0, 1, 0, 0]
    assert seen.kept.tolist() == [False, True, False, False]
    assert stages([1.0, 3.0], Sampling(True, temperature=0)).after.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        (Sampling(True, temperature=-0.1), "temperature"),
        (Sampling(True, temperature=math.nan), "temperature"),
        (Sampling(True, temperature=math.inf), "temperature"),
        (Sampling(True, top_k=-1), "top_k"),
        (Sampling(True, top_p=0), "top_p"),
        (Sampling(True, top_p=1.01), "top_p"),
        (Sampling(True, min_p=-0.01), "min_p"),
        (Sampling(True, min_p=1.01), "min_p"),
    ],
)
def test_settings_out_of_range_are_named_with_a_hint(setting: Sampling, named: str) -> None:
    with pytest.raises(BadInput, match=named) as caught:
        validate(setting)
    assert caught.value.hint


def test_settings_in_range_pass() -> None:
    for setting in (GREEDY, Sampling(True, 0, 0, 1, 0), Sampling(True, 5, 10**6, 1e-6, 1)):
        validate(setting)


def stretches(logits: torch.Tensor, sampling: Sampling) -> dict[int, tuple[float, float, float]]:
    """The definition, over the whole vocabulary in float64: from which u to which each token is drawn, and its
    log-probability."""
    order = sorted(range(len(logits)), key=lambda i: (-logits[i].item(), i))
    probabilities = process(logits, sampling).double().softmax(-1)
    found, cumulative = {}, 0.0
    for id in order:
        p = probabilities[id].item()
        if p > 0:
            found[id] = (cumulative, cumulative + p, math.log(p))
        cumulative += p
    return found


@given(
    seed=st.integers(0, 2**32 - 1),
    sampling=samplings,
    us=st.lists(st.floats(0, 1, exclude_max=True), min_size=3, max_size=3),
    vocabulary=st.sampled_from([40, 1500]),
)
@settings(max_examples=150, deadline=None)
def test_choose_inverts_the_distribution_function(
    seed: int, sampling: Sampling, us: list[float], vocabulary: int
) -> None:
    logits = random_logits(seed, vocabulary=vocabulary)
    ids, logprobs = choose(logits, sampling, us)
    for row, u, id, logprob in zip(logits, us, ids.tolist(), logprobs.tolist(), strict=True):
        # A draw within rounding of a step of the distribution function may fall to either side.
        low, high, expected = stretches(row, sampling)[id]
        assert low - 2e-5 <= u <= high + 2e-5
        assert logprob == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("spread", [0.0, 0.1, 4.0])
@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(True),
        Sampling(True, 2.0, top_p=0.999),
        Sampling(True, top_k=1500),
        Sampling(True, min_p=1e-4),
    ],
)
def test_the_shortcut_gives_what_the_full_sort_gives(
    sampling: Sampling, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = random_logits(5, rows=64, vocabulary=5000, spread=spread)
    us = [i / 64 for i in range(64)]
    quick = choose(logits, sampling, us)
    monkeypatch.setattr(s, "WIDTHS", ())
    full = choose(logits, sampling, us)
    assert torch.equal(quick[0], full[0])
    assert torch.allclose(quick[1], full[1], atol=1e-6)


def test_equal_logits_are_ordered_by_id() -> None:
    logits = torch.tensor([[0.0, 2.0, 2.0, 2.0]])
    for u, id in ((0.0, 1), (0.32, 2), (0.64, 3), (0.999, 0)):
        assert choose(logits, Sampling(True), [u])[0].item() == id
    assert choose(torch.zeros(1, 3000), Sampling(True), [0.50001])[0].item() == 1500
    assert choose(logits, GREEDY, [0.9])[0].item() == 1


def test_a_row_draws_the_same_in_any_company() -> None:
    logits = random_logits(3, rows=6, vocabulary=2000)
    us = [0.05, 0.99, 0.5, 0.999999, 0.0, 0.7]
    together = choose(logits, Sampling(True, 1.5), us)[0].tolist()
    alone = [
        choose(row.unsqueeze(0), Sampling(True, 1.5), [u])[0].item()
        for row, u in zip(logits, us, strict=True)
    ]
    assert together == alone


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    n = 4000
    us = [(i + 0.5) / n for i in range(n)]
    ids, _ = choose(logits.expand(n, -1), Sampling(True, 0.7), us)
    share = torch.bincount(ids, minlength=4) / n
    assert torch.allclose(share, (logits[0] / 0.7).softmax(-1), atol=1e-3)


def test_tiny_temperature_does_not_overflow() -> None:
    ids, logprobs = choose(torch.tensor([[300.0, 299.0, -50.0]]), Sampling(True, 1e-30), [0.9999])
    assert (ids.item(), logprobs.item()) == (0, 0.0)


def test_impossible_tokens_are_never_drawn() -> None:
    logits = torch.tensor([[-math.inf, 0.0, -math.inf, 1.0]])
    assert {choose(logits, Sampling(True), [u])[0].item() for u in (0.0, 0.5, 0.999999)} <= {1, 3}


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [-math.inf, -math.inf], [math.inf, 1.0]])
def test_what_is_no_distribution_is_an_error(bad: list[float]) -> None:
    for sampling in (Sampling(True), GREEDY):
        with pytest.raises(ModelError, match="not a distribution"):
            choose(torch.tensor([[0.0, 1.0], bad]), sampling, [0.5, 0.5])
    with pytest.raises(ModelError, match="not a distribution"):
        stages(bad, Sampling(True))


def test_uniforms_belong_to_seed_node_and_place() -> None:
    def first(n: int, *key: object) -> list[float]:
        return list(itertools.islice(uniforms(*key), n))  # type: ignore[arg-type]

    assert first(100, 1, "q/a") == first(100, 1, "q/a")
    assert first(100, 1, "q/a")[37:] == first(63, 1, "q/a", 37)
    assert first(5, 1, "q/a") != first(5, 1, "q/b")
    assert first(5, 1, "q/a") != first(5, 2, "q/a")
    # The same on every machine and in every version.
    assert first(2, 0, "q") == [0.5907265031992146, 0.18019232584716038]
    many = first(5000, 7, "q")
    assert 0 <= min(many) < 0.01 < 0.99 < max(many) < 1
    assert abs(sum(many) / 5000 - 0.5) < 0.02


def test_importing_the_module_does_not_import_torch() -> None:
    code = "import sys, playground.sampling; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
