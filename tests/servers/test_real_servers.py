"""Two real servers on loopback, written by others, serving the embedded model: llama.cpp's and `transformers serve`.

`make test-servers` installs and runs them; too slow and too large for every run of the tests.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.execute import RunSpec, execute
from playground.models import openai_compatible
from playground.models.base import Model
from playground.models.catalog import EMBEDDED
from playground.models.local import LocalModel
from playground.trace import Trace

pytestmark = pytest.mark.servers

QUESTION = "Ray has 19 eggs. He buys 4 boxes of 6 eggs. How many eggs does Ray have?"


def start(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server; PORT in its command becomes a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [part.replace("PORT", str(port)) for part in command]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | (env or {}))
    give_up = time.monotonic() + 180
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).read()
            return process, port
        except urllib.error.HTTPError:  # it answers
            return process, port
        except OSError:
            time.sleep(0.2)
    process.kill()
    raise AssertionError(log.read_text(errors="replace"))


@pytest.fixture(scope="module")
def llama_cpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from tests.servers import gguf_of

    folder = tmp_path_factory.mktemp("llama")
    gguf_of.write(EMBEDDED, folder / "embedded.gguf")
    process, port = start(
        [
            sys.executable, "-m", "llama_cpp.server", "--model", str(folder / "embedded.gguf"),
            "--model_alias", "embedded", "--port", "PORT", "--n_ctx", "1024", "--n_threads", "1",
            "--logits_all", "True", "--interrupt_requests", "False",
        ],
        folder / "log.txt",
    )  # fmt: skip
    yield f"openai:embedded@http://127.0.0.1:{port}/v1"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def transformers_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("serve")
    shutil.copytree(EMBEDDED, folder / "embedded")
    program = Path(sys.executable).with_name("transformers")
    process, port = start(
        [
            str(program), "serve", str(folder / "embedded"), "--host", "127.0.0.1", "--port", "PORT",
            "--device", "cpu",
        ],
        folder / "log.txt",
        {"HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    yield f"openai:{folder / 'embedded'}@http://127.0.0.1:{port}/v1"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def local() -> LocalModel:
    return LocalModel.load(str(EMBEDDED), name="embedded")


def run(strategy: str, name: str, model: Model, **params: object) -> Trace:
    trace = Trace()
    for event in execute(RunSpec(QUESTION, strategy, name, params), load_model=lambda _: model):
        trace.apply(event)
    assert trace.status == "finished", trace.failure
    return trace


def test_cot_decoding_over_llama_cpp_is_that_of_the_local_model(llama_cpp: str, local: LocalModel) -> None:
    name = f"{llama_cpp}#completions"
    remote = openai_compatible.load(name)
    try:
        assert remote.capabilities.branches
        theirs = run("cot-decoding", name, remote, k=10)
    finally:
        remote.close()
    ours = run("cot-decoding", "embedded", local, k=10)
    assert theirs.answered
    assert ours.answered
    assert theirs.answered.text == ours.answered.text
    assert theirs.answered.confidence == pytest.approx(ours.answered.confidence, abs=1e-3)
    pairs = list(zip(ours.with_role("branch"), theirs.with_role("branch"), strict=True))
    assert len(pairs) == 10
    for mine, other in pairs:
        assert other.text == mine.text
        assert [t.data for t in other.tokens] == [t.data for t in mine.tokens]
        for a, b in zip(mine.tokens, other.tokens, strict=True):
            assert b.logprob == pytest.approx(a.logprob, abs=5e-3)
            assert b.margin == pytest.approx(a.margin, abs=5e-3)
            assert b.entropy is None
            assert b.id is None
        if "delta" in mine.scores:
            assert other.scores["delta"].value == pytest.approx(mine.scores["delta"].value, abs=1e-3)
            print(
                f"Δ here {mine.scores['delta'].value:.6f}, over llama.cpp {other.scores['delta'].value:.6f}"
            )


def test_samples_over_llama_cpp_come_again(llama_cpp: str) -> None:
    name = f"{llama_cpp}#completions"
    texts = []
    for _ in range(2):
        model = openai_compatible.load(name)
        try:
            trace = run("self-consistency", name, model, n=3, temperature=1.0)
        finally:
            model.close()
        texts.append([node.text for node in trace.with_role("branch")])
    assert texts[0] == texts[1]
    assert all(texts[0])


@pytest.mark.parametrize("strategy", ["direct", "titled-chain"])
def test_chat_over_transformers_serve(strategy: str, transformers_serve: str, local: LocalModel) -> None:
    model = openai_compatible.load(transformers_serve)
    try:
        # It tells no log-probabilities, and is not said to.
        assert not model.capabilities.branches
        assert model.capabilities.top_logprobs == 0
        theirs = run(strategy, transformers_serve, model, do_sample=False)
    finally:
        model.close()
    ours = run(strategy, "embedded", local, do_sample=False)
    assert theirs.answered
    assert ours.answered
    assert theirs.answered.text == ours.answered.text
    assert theirs.answered.confidence is None
    assert theirs.usage.prompt_tokens > 0
    assert theirs.usage.completion_tokens > 0
    for mine, other in zip(ours.nodes.values(), theirs.nodes.values(), strict=True):
        assert (other.text, other.title, other.content) == (mine.text, mine.title, mine.content)
