"""What can be wrong with a model on disk, and what is said about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors.torch import load_file, save_file

from playground.errors import BadInput, ModelError, PlaygroundError, UnknownName
from playground.models import loading
from playground.models.loading import choose_device, explain
from playground.models.local import LocalModel
from playground.sampling import GREEDY
from tests.models.tiny import run, say


def refused(path: Path | str, kind: type[PlaygroundError], words: str) -> PlaygroundError:
    with pytest.raises(kind, match=words) as caught:
        LocalModel.load(str(path))
    assert caught.value.hint.endswith(".")
    return caught.value


def test_a_saved_model_loads_and_writes(saved: Path) -> None:
    model = LocalModel.load(str(saved))
    assert model.name == str(saved)
    assert model.versions["weights"].startswith("sha256:")
    _, [reply] = run(
        model.sample(say("2 + 2?"), ["q/a"], GREEDY, node="q", purpose="t", max_new_tokens=4, seed=0)
    )
    assert len(reply.tokens) == 4
    assert model.ends == {1}


def test_16_bit_weights_compute_in_float32_on_a_processor(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    save_file({k: v.bfloat16() for k, v in weights.items()}, saved / "model.safetensors", {"format": "pt"})
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    assert LocalModel.load(str(saved), device="cpu").versions["dtype"] == "float32"
    assert LocalModel.load(str(saved), device="cpu", dtype=torch.bfloat16).versions["dtype"] == "bfloat16"


def test_the_same_weights_have_the_same_hash(saved: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    first = LocalModel.load(str(saved)).versions["weights"]
    assert LocalModel.load(str(copy)).versions["weights"] == first
    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"] += 1
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert LocalModel.load(str(copy)).versions["weights"] != first


def test_no_configuration(saved: Path) -> None:
    (saved / "config.json").unlink()
    refused(saved, BadInput, "config.json is missing")


def test_a_broken_configuration(saved: Path) -> None:
    (saved / "config.json").write_text('{"model_type": "llama", ')
    refused(saved, ModelError, "JSON file of .* cannot be read")


def test_an_unknown_architecture(saved: Path) -> None:
    (saved / "config.json").write_text('{"model_type": "no-such-thing"}')
    refused(saved, ModelError, "cannot be loaded as a causal language model")


def test_no_weights(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    refused(saved, BadInput, "no weights")


def test_pickled_weights_are_never_read(saved: Path) -> None:
    (saved / "model.safetensors").rename(saved / "pytorch_model.bin")
    assert "safe_serialization" in refused(saved, BadInput, "pickle").hint


@pytest.mark.parametrize("keep", [0, 7, 200, 20_000])
def test_weights_that_were_cut_off(saved: Path, keep: int) -> None:
    data = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(data[:keep])
    refused(saved, ModelError, "damaged or cut off")


def test_weights_with_a_layer_missing(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, saved / "model.safetensors", {"format": "pt"})
    refused(saved, ModelError, r"incomplete: model\.layers\.1\.mlp\.up_proj\.weight")


def test_weights_of_another_shape(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    weights["model.norm.weight"] = torch.ones(7)
    save_file(weights, saved / "model.safetensors", {"format": "pt"})
    refused(saved, ModelError, "other shapes")


def test_code_that_comes_with_a_model_is_never_run(saved: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (saved / "modeling_evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: ...\n")
    config = json.loads((saved / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "modeling_evil.Evil"}}
    (saved / "config.json").write_text(json.dumps(config))
    refused(saved, ModelError, "code from its own repository, which is never run")
    assert not ran.exists()


def test_no_tokenizer(saved: Path) -> None:
    for path in saved.glob("token*"):
        path.unlink()
    refused(saved, ModelError, "has no tokenizer")


def test_a_broken_tokenizer(saved: Path) -> None:
    (saved / "tokenizer.json").write_text('{"version": "1.0"')
    refused(saved, ModelError, "JSON file of .* cannot be read")


def test_a_directory_that_is_not_there() -> None:
    refused("./no/such/directory", BadInput, "no directory")
    refused("/no/such/directory", BadInput, "no directory")


def test_a_device_that_is_not_there(saved: Path) -> None:
    for device in ("cuda:99", "abacus"):
        if device == "abacus" or not torch.cuda.is_available():
            with pytest.raises(BadInput, match="no device"):
                LocalModel.load(str(saved), device=device)
    assert choose_device("cpu").type == "cpu"


def test_an_id_that_cannot_be_fetched_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    error = refused("nobody/no-such-model-4711", PlaygroundError, "nobody/no-such-model-4711")
    assert isinstance(error, ModelError)
    assert "downloads are switched off" in error.message


def caused_by(cause: Exception) -> OSError:
    error = OSError("transformers says something long")
    error.__cause__ = cause
    return error


def test_what_the_hub_says_is_told_apart() -> None:
    import httpx2 as httpx

    response = httpx.Response(404, request=httpx.Request("GET", "https://huggingface.co"))
    unknown = explain("a/b", caused_by(RepositoryNotFoundError("no", response=response)))
    assert isinstance(unknown, UnknownName)
    gated = explain("a/b", caused_by(GatedRepoError("no", response=response)))
    assert "HF_TOKEN" in gated.hint
    offline = explain("a/b", caused_by(LocalEntryNotFoundError("no")))
    assert "cannot be reached" in offline.message
    package = explain("a/b", ImportError("needs sentencepiece"))
    assert "sentencepiece" in package.message


def test_small_models_compute_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        threads = loading.Threads()
        asked = []
        for parameters in (5_000_000, 500_000_000, 5_000_000):
            threads.fit(parameters)
            asked.append(torch.get_num_threads())
        assert asked == [1, 3, 3]
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        torch.set_num_threads(2)
        loading.Threads().fit(5_000_000)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
