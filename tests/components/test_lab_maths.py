"""The lab's maths in the browser's own language, against the engine's and transformers'."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground.sampling import GREEDY, Sampling, stages

MATHS = (Path(__file__).parents[2] / "components" / "lab" / "maths.js").read_text("utf-8")
# Takes [logits as base64, settings]; gives what the page would show, the probabilities again as base64 of float64.
COMPUTE = """
(cases) => cases.map(([encoded, settings]) => {
  const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const logits = new Float32Array(bytes.buffer);
  const result = distribution(logits, settings, makeRoom(logits.length));
  const p = Float64Array.from(logits, (_, i) => probability(result, i));
  let text = "";
  for (const byte of new Uint8Array(p.buffer)) text += String.fromCharCode(byte);
  return {
    p: btoa(text), kept: result.kept, cuts: Array.from(logits.slice(0, 50), (_, i) => cutBy(result, i)),
    scaled: Array.from(logits.slice(0, 50), (_, i) => String(scaledLogit(result, i))),
    rest: massFrom(result, Math.min(20, logits.length)), entropy: entropy(result),
    top: climbed(result, Math.min(9, logits.length - 1)),
  };
})
"""

Logits = npt.NDArray[np.float32]
Compute = Callable[[list[tuple[Logits, Sampling]]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def compute() -> Compute:
    """Runs the maths in node, or in Chromium where there is no node."""
    node = shutil.which("node")
    chromium = os.environ.get("PLAYGROUND_CHROMIUM") or shutil.which("chromium")
    if not node and not chromium:
        reason = "neither node nor Chromium found"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)

    def run(cases: list[tuple[Logits, Sampling]]) -> list[dict[str, Any]]:
        plain = [
            [base64.b64encode(logits.astype("<f4").tobytes()).decode(), asdict(s)] for logits, s in cases
        ]
        if node:
            script = f"{MATHS}\nconst compute = {COMPUTE};\n" + (
                "console.log(JSON.stringify(compute(JSON.parse(require('fs').readFileSync(0, 'utf8')))));"
            )
            done = subprocess.run(
                [node, "-e", script], input=json.dumps(plain), capture_output=True, text=True, check=True
            )
            answers = json.loads(done.stdout)
        else:
            answers = in_chromium(str(chromium), plain)
        for answer in answers:
            answer["p"] = np.frombuffer(base64.b64decode(answer["p"]), dtype="<f8")
        return list(answers)

    return run


def in_chromium(path: str, plain: list[Any]) -> Any:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        try:
            page = browser.new_page()
            return page.evaluate(f"(cases) => {{ {MATHS}\nreturn ({COMPUTE.strip()})(cases); }}", plain)
        finally:
            browser.close()


def descending(values: npt.ArrayLike) -> Logits:
    return np.sort(np.asarray(values, dtype=np.float32))[::-1].copy()


def some(random: np.random.Generator, size: int, spread: float) -> Logits:
    return descending(random.normal(0, spread, size))


def rounded(random: np.random.Generator, size: int) -> Logits:
    """Few different values, so that many tokens are equal."""
    return descending(random.integers(-4, 4, size) / 2)


def partly_impossible(random: np.random.Generator, size: int) -> Logits:
    logits = random.normal(0, 3, size)
    logits[random.random(size) < 0.3] = -np.inf
    logits[0] = 1.0
    return descending(logits)


def settings(random: np.random.Generator, size: int) -> Sampling:
    pick: Callable[[list[Any]], Any] = lambda values: values[int(random.integers(len(values)))]  # noqa: E731
    return Sampling(
        do_sample=True,
        temperature=float(pick([0.05, 0.3, 0.7, 1.0, 1.3, 2.0, 5.0])),
        top_k=int(pick([0, 0, 1, 2, 5, 40, size, 2 * size])),
        top_p=float(pick([1.0, 1.0, 0.999, 0.95, 0.9, 0.5, 0.1, 0.01])),
        min_p=float(pick([0.0, 0.0, 0.01, 0.05, 0.3, 1.0])),
    )


def every_kind() -> list[tuple[Logits, Sampling]]:
    random = np.random.default_rng(11)
    cases = [
        (make, settings(random, size))
        for size in (2, 3, 7, 20, 21, 474, 5000)
        for make in (
            some(random, size, 0.5),
            some(random, size, 3.0),
            some(random, size, 12.0),
            rounded(random, size),
            partly_impossible(random, size),
            descending(np.zeros(size)),
        )
        for _ in range(6)
    ]
    wide = some(random, 150_000, 3.0)
    sharp = wide + np.linspace(20, 0, 150_000, dtype=np.float32)
    cases += [(logits, settings(random, 150_000)) for logits in (wide, sharp) for _ in range(4)]
    return [
        *cases,
        (wide, GREEDY),
        (wide, Sampling(do_sample=True)),
        (rounded(random, 9), Sampling(True, 0.0)),
    ]


def transformers_p(logits: Logits, sampling: Sampling) -> npt.NDArray[np.float64]:
    warpers = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    scores = warpers(torch.zeros((1, 1), dtype=torch.long), torch.tensor(logits).unsqueeze(0))
    return np.asarray(scores.double().softmax(-1)[0].numpy())


def largest_first(p: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Which of several equal tokens falls to a cut is nobody's to say, so only their number is compared."""
    return np.sort(p)[::-1]


def test_every_probability_agrees_with_the_engine_and_with_transformers(compute: Compute) -> None:
    cases = every_kind()
    for (logits, sampling), shown in zip(cases, compute(cases), strict=True):
        seen = stages(logits.copy(), sampling)
        name = f"{len(logits)} logits, {sampling}"
        np.testing.assert_allclose(shown["p"], largest_first(seen.after), atol=1e-5, rtol=0, err_msg=name)
        if not sampling.greedy:
            wanted = largest_first(transformers_p(logits, sampling))
            np.testing.assert_allclose(shown["p"], wanted, atol=1e-5, rtol=0, err_msg=name)
        if len(logits) <= 5000:
            assert shown["kept"] == seen.kept.sum(), name
        assert shown["rest"] == pytest.approx(largest_first(seen.after)[20:].sum(dtype=float), abs=1e-5), name


def test_scaled_logits_and_what_cut_a_token_agree_with_the_engine(compute: Compute) -> None:
    random = np.random.default_rng(5)
    # No two equal, so that the order is the same on both sides.
    cases = [
        (some(random, size, 3.0), settings(random, size)) for size in (2, 50, 474, 150_000) for _ in range(12)
    ]
    for (logits, sampling), shown in zip(cases, compute(cases), strict=True):
        seen = stages(logits.copy(), sampling)
        assert [float(z) for z in shown["scaled"]] == seen.scaled[:50].tolist()
        assert shown["cuts"] == seen.cut[:50].tolist()


def test_entropy_is_that_of_the_final_distribution(compute: Compute) -> None:
    uniform, point = descending(np.zeros(8)), descending([100.0, 0.0, -100.0])
    random = np.random.default_rng(3)
    any_one = some(random, 300, 2.0)
    sampling = Sampling(True, 0.8, 50, 0.9, 0.01)
    one, two, three = compute([(uniform, Sampling(True)), (point, Sampling(True)), (any_one, sampling)])
    assert one["entropy"] == pytest.approx(3.0)
    assert two["entropy"] == pytest.approx(0.0, abs=1e-9)
    p = stages(any_one, sampling).after.astype(float)
    assert three["entropy"] == pytest.approx(-(p[p > 0] * np.log2(p[p > 0])).sum(), abs=1e-5)


def test_the_staircase_climbs_over_what_top_p_sees(compute: Compute) -> None:
    logits = some(np.random.default_rng(4), 100, 2.0)
    [shown] = compute([(logits, Sampling(True, 1.5, 30, 0.8))])
    p = stages(logits, Sampling(True, 1.5, 30)).after
    assert shown["top"] == pytest.approx(float(p[:10].sum()), abs=1e-6)
