"""Choosing a model, where and in which numbers it is computed, and what a deployment allows."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.engine import InThread
from playground.errors import BadInput, PlaygroundError, UnknownName
from playground.models import catalog, choice, downloaded, estimate, loading
from playground.models.choice import Choice
from playground.models.known import KNOWN
from playground.models.local import LocalModel
from playground.models.memory import Residents
from playground.sampling import GREEDY
from playground.settings import settings
from tests.models.tiny import make_network, run, say

Set = Callable[..., None]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Set]:
    """Sets variables; nothing is downloaded and nothing in memory."""
    for name in ("DEVICE", "DTYPE", "BITS", "PUBLIC_MODELS", "MODEL_MEMORY", "OFFLINE"):
        monkeypatch.delenv(f"PLAYGROUND_{name}", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalog, "_keys", {})
    monkeypatch.setattr(catalog, "_residents", Residents(catalog._budget))

    def set(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"PLAYGROUND_{name}", value)
        settings.cache_clear()

    settings.cache_clear()
    yield set
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def fetched(saved: Path, tmp_path: Path, chosen: Set) -> Callable[[str], Path]:
    """Puts the tiny model into the cache under any id."""

    def put(id: str) -> Path:
        folder = downloaded.storage(id) / "snapshots" / ("a" * 40)
        folder.parent.mkdir(parents=True)
        folder.symlink_to(saved)
        (downloaded.storage(id) / "refs").mkdir()
        (downloaded.storage(id) / "refs" / "main").write_text("a" * 40)
        return folder

    return put


def test_a_choice_is_one_text_and_reads_back() -> None:
    for text, read in (
        ("embedded", Choice("embedded")),
        ("a/b?device=cuda:1&dtype=bfloat16", Choice("a/b", "cuda:1", "bfloat16")),
        ("a/b?bits=4", Choice("a/b", bits=4)),
    ):
        assert choice.read(text) == read
        assert str(read) == text
    assert Choice("x", "cpu", "float32").remarks == "float32 on cpu"
    assert Choice("x").remarks == ""


@pytest.mark.parametrize("wrong", ["speed=fast", "dtype=int8", "bits=3", "bits=", "dtype"])
def test_options_that_there_are_not(wrong: str) -> None:
    with pytest.raises(BadInput) as caught:
        choice.read(f"a/b?{wrong}")
    assert caught.value.hint.startswith("Use ")


def test_device_and_numbers_are_in_the_versions(saved: Path, chosen: Set) -> None:
    model = catalog.load(f"{saved}?device=cpu&dtype=bfloat16")
    assert (model.versions["device"], model.versions["dtype"]) == ("cpu", "bfloat16")
    assert "bits" not in model.versions
    chosen(DTYPE="float16", DEVICE="cpu")
    assert catalog.load(str(saved)).versions["dtype"] == "float16"
    assert catalog.load(f"{saved}?dtype=float32").versions["dtype"] == "float32"
    with pytest.raises(BadInput, match="no device"):
        catalog.load(f"{saved}?device=abacus")


def test_few_bits_need_a_package_and_say_so(
    saved: Path, chosen: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(choice, "find_spec", lambda name: None if name == "bitsandbytes" else real("json"))
    assert choice.quantisation_refusal() == "bitsandbytes is not installed"
    with pytest.raises(BadInput, match="4 bits cannot be made here: bitsandbytes is not installed") as caught:
        catalog.load(f"{saved}?bits=4")
    assert "pip install bitsandbytes accelerate" in caught.value.hint
    monkeypatch.setattr(choice, "find_spec", real)


def test_how_few_bits_would_be_made(saved: Path, chosen: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    four = loading.quantisation(4, torch.bfloat16)
    assert (four.load_in_4bit, four.bnb_4bit_quant_type, four.bnb_4bit_compute_dtype) == (
        True,
        "nf4",
        torch.bfloat16,
    )
    assert loading.quantisation(8, torch.float16).load_in_8bit
    monkeypatch.setattr(choice, "find_spec", lambda name: object())
    plan = loading.plan(str(saved), "cpu", "bfloat16", 4)
    full = loading.plan(str(saved), "cpu", "bfloat16")
    assert plan.bytes * 4 == full.bytes
    asked: dict[str, Any] = {}

    def from_pretrained(folder: str, **options: Any) -> Any:
        asked.update(options)
        network = make_network("llama", 320)
        monkeypatch.setattr(network, "to", None)  # bitsandbytes refuses to move what it made
        return network, {"missing_keys": []}

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", from_pretrained)
    model = LocalModel.planned(plan, name="tiny")
    assert asked["quantization_config"].load_in_4bit
    assert asked["device_map"] == {"": torch.device("cpu")}
    assert model.versions["bits"] == "4"


@pytest.mark.parametrize("bits", [4, 8])
def test_few_bits_for_real(bits: int, chosen: Set) -> None:
    """Where the packages are installed; the embedded model still adds."""
    for package in ("bitsandbytes", "accelerate"):
        pytest.importorskip(package)
    model = catalog.load(f"embedded?bits={bits}&device=cpu")
    assert model.versions["bits"] == str(bits)
    full = catalog.load("embedded?device=cpu")
    assert model.memory_bytes < full.memory_bytes / 2  # type: ignore[attr-defined]
    _, [reply] = run(
        model.sample(say("2 + 2?"), ["q/a"], GREEDY, node="q", purpose="t", max_new_tokens=8, seed=0)
    )
    assert reply.text == " 2 + 2 = 4."


@pytest.mark.parametrize(
    ("parameters", "stored", "device", "expected"),
    [
        (5_000_000, "float16", "cpu", "float32"),
        (2_000_000_000, "bfloat16", "cpu", "bfloat16"),
        (2_000_000_000, "float32", "cpu", "float32"),
        (5_000_000, "float32", "cuda:0", "bfloat16"),
        (5_000_000, "bfloat16", "mps", "float16"),
    ],
)
def test_the_numbers_where_nobody_chose(parameters: int, stored: str, device: str, expected: str) -> None:
    assert estimate.default_dtype(parameters, stored, device) == expected
    assert estimate.default_dtype(1, "float32", "cuda", bfloat16=False) == "float16"


def test_an_estimate_is_weights_and_context(saved: Path, chosen: Set) -> None:
    config = json.loads((saved / "config.json").read_text())
    shape = estimate.attention_shape(config)
    assert shape == (3, 4, 12)
    told = catalog.info(str(saved))
    assert told.parameters is not None
    assert told.memory_bytes == told.parameters * 4 + 2 * 3 * 4 * 12 * estimate.TOKENS * 4
    assert told.fits
    assert catalog.info(f"{saved}?dtype=bfloat16").memory_bytes == told.memory_bytes // 2
    model = catalog.load(str(saved))
    assert model.memory_bytes == pytest.approx(told.parameters * 4, rel=0.01)  # type: ignore[attr-defined]


def test_shapes_are_read_from_every_kind_of_configuration() -> None:
    gpt2 = {"n_layer": 12, "n_head": 12, "n_embd": 768}
    assert estimate.attention_shape(gpt2) == (12, 12, 64)
    text = {"num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "hidden_size": 1152}
    assert estimate.attention_shape({"text_config": {**text, "head_dim": 256}}) == (26, 1, 256)
    assert estimate.attention_shape({"model_type": "odd"}) is None


def test_memory_of_this_machine_is_known_and_a_limit_of_a_container_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total, free = estimate.total_memory(), estimate.free_memory()
    assert total is not None
    assert free is not None
    assert 0 < free <= total
    limit = tmp_path / "memory.max"
    limit.write_text("100000000\n")
    monkeypatch.setattr(estimate, "_CGROUPS", (str(limit),))
    assert estimate.total_memory() == 100_000_000
    assert estimate.fits(200_000_000) is False
    limit.write_text("max\n")
    assert estimate.total_memory() == total
    assert estimate.fits(1, "cuda:7") in (None, True)


def test_the_table_is_in_order() -> None:
    ids = [known.id for known in KNOWN]
    assert len(set(ids)) == len(ids)
    assert all(downloaded.is_id(id) and "/" in id for id in ids)
    assert all(known.gated == known.id.startswith(("meta-llama/", "google/")) for known in KNOWN)
    assert all("nstruct" in known.title for known in KNOWN if known.id.endswith(("-it", "nstruct")))


def test_known_models_are_described_before_and_after_they_are_here(
    chosen: Set, fetched: Callable[[str], Path]
) -> None:
    id = "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert id not in [model.name for model in catalog.list_models()]
    before = next(model for model in catalog.list_models(everything=True) if model.name == id)
    assert before == catalog.info(id)
    assert not before.downloaded
    assert (before.licence, before.gated, before.instruct) == ("Apache 2.0", False, True)
    assert before.memory_bytes == 134_515_008 * 4 + 2 * 30 * 3 * 64 * estimate.TOKENS * 4
    assert before.download_bytes == 134_515_008 * 2
    assert before.capabilities.context_length == 8192
    assert catalog.missing(id) == id
    fetched(id)
    after = next(model for model in catalog.list_models() if model.name == id)
    assert after.downloaded
    assert after.capabilities.context_length == 256
    assert after.title == "SmolLM2 135M Instruct"
    assert catalog.missing(id) is None
    assert catalog.load(id).versions["weights"] == "a" * 40
    assert catalog.info(f"{id}?dtype=bfloat16&device=cpu").title == f"{after.title}, bfloat16 on cpu"


def test_an_id_whose_weights_are_not_all_here_is_not_here(
    chosen: Set, fetched: Callable[[str], Path], saved: Path
) -> None:
    fetched("owner/model")
    assert catalog.info("owner/model").downloaded
    assert catalog.info("owner/model").title == "owner/model"
    (saved / "model.safetensors").unlink()
    assert not catalog.info("owner/model").downloaded
    assert catalog.missing("owner/model") == "owner/model"
    chosen(OFFLINE="1")
    with pytest.raises(PlaygroundError, match="downloads are switched off"):
        catalog.load("owner/model")


def test_a_public_deployment_offers_only_what_is_listed(chosen: Set, saved: Path) -> None:
    chosen(PUBLIC_MODELS=f"embedded, {saved} , scripted:*,Qwen/Qwen2.5-0.5B-Instruct")
    assert [m.name for m in catalog.list_models(everything=True) if m.backend == "local"] == [
        "embedded",
        "Qwen/Qwen2.5-0.5B-Instruct",
    ]
    assert catalog.load(str(saved)).capabilities.local
    assert catalog.is_allowed("scripted:anything")
    engine = InThread(catalog.load)
    for name in (
        "owner/model",
        f"{saved}/../model",
        f"{saved}?dtype=bfloat16",
        "embedded?device=cpu",
        "/etc",
    ):
        for ask in (
            catalog.load,
            catalog.info,
            catalog.missing,
            catalog.download,
            lambda name: engine.call("download", model=name),
            lambda name: engine.call("logits", model=name, prompt="x"),
        ):
            with pytest.raises(BadInput, match="is not offered here") as caught:
                ask(name)
            assert caught.value.hint.startswith("Choose one of: embedded, ")


def test_without_a_list_everything_is_offered(chosen: Set) -> None:
    chosen(PUBLIC_MODELS="")
    assert catalog.is_allowed("owner/model")
    with pytest.raises(UnknownName):
        catalog.info("no-such-model")


def test_settings_of_models(chosen: Set) -> None:
    chosen(MODEL_MEMORY="1.5GB", DEVICE="cpu", BITS="8", OFFLINE="true")
    own = settings()
    assert (own.model_memory, own.bits, own.offline) == (1_500_000_000, "8", True)
    assert catalog._budget("cpu") == 1_500_000_000
    assert choice.with_defaults(Choice("x")) == Choice("x", "cpu", None, 8)
    chosen(DTYPE="int4")
    with pytest.raises(BadInput, match="PLAYGROUND_DTYPE = 'int4'"):
        settings()
    chosen(DTYPE="float32", MODEL_MEMORY="-1")
    with pytest.raises(BadInput, match="PLAYGROUND_MODEL_MEMORY"):
        settings()
