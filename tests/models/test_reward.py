"""Reward models: what they give is what the network gives item by item, and the catalogue finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.errors import BadInput, CapabilityError, ModelError, UnknownName
from playground.events import CallStarted
from playground.models import catalog, classifier, reward, step_text
from playground.models.classifier import Classifier
from playground.models.memory import Residents
from playground.settings import settings
from tests.models.tiny import TEMPLATE, make_network, make_tokenizer, run, spent
from tests.models.tiny_rewards import SHAPES, make, wordpiece

ITEMS = [
    ("Ray has 19 eggs. How many?", ["Ray starts with 19 eggs.", "19 * 4 = 76.", "So the answer is 76."]),
    ("What?", ["90."]),
    ("Ünï 🙂 code?", ["The cat sat on the 🙂.", "Ünï: (left: 3 8)."]),
    ("Q: again\nA: nested", ["the cat is the cat is the cat", "So the answer is 2!", "Yes.", "No."]),
]


def model_of(kind: str, head: str, labels: int, **changes: Any) -> Classifier:
    return Classifier(*make(kind, head, labels, **changes), name="reward:tiny")


def alone(model: Classifier, question: str, steps: list[str]) -> list[float]:
    """The rewards by one plain forward pass, the end of each step found by reading the text up to there."""
    network, tokenizer = model._model, model._tokenizer
    read = step_text.written(tokenizer, question, steps)
    options = {"add_special_tokens": not tokenizer.chat_template}
    ids = tokenizer(read.text, **options)["input_ids"]
    with torch.no_grad():
        logits = network(input_ids=torch.tensor([ids])).logits.float()
    values = logits[..., 0].sigmoid() if logits.shape[-1] == 1 else logits.softmax(-1)[..., 1]
    if not model.per_step:
        return values.tolist()
    closed = 1 if options["add_special_tokens"] and tokenizer.sep_token else 0
    ends = [len(tokenizer(read.text[:end], **options)["input_ids"]) - 1 - closed for end in read.ends]
    return values[0, ends].tolist()


@pytest.mark.parametrize(("kind", "head", "labels"), SHAPES)
def test_rewards_are_the_networks_own_item_by_item(kind: str, head: str, labels: int) -> None:
    model = model_of(kind, head, labels)
    events, together = run(model.rewards(ITEMS, node="q", purpose="reward"))
    assert [event.prompt for event in events if isinstance(event, CallStarted)] == [
        step_text.written(model._tokenizer, *item).text for item in ITEMS
    ]
    for (question, steps), found in zip(ITEMS, together, strict=True):
        assert len(found) == (len(steps) if model.per_step else 1)
        assert found == pytest.approx(alone(model, question, steps), abs=2e-5)
        _, [single] = run(model.rewards([(question, steps)], node="q", purpose="reward"))
        assert found == pytest.approx(single, abs=2e-5)
    assert len({round(value, 6) for values in together for value in values}) > 2


def test_a_decoder_without_padding_is_read_as_one_batch() -> None:
    model = model_of("gpt2", "SequenceClassification", 1, pad_token_id=None)
    _, together = run(model.rewards(ITEMS, node="q", purpose="reward"))
    assert [value for [value] in together] == pytest.approx(
        [alone(model, *item)[0] for item in ITEMS], abs=2e-5
    )
    assert model._model.config.pad_token_id is None


def test_what_is_read_is_counted_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("llama", "TokenClassification", 1)
    items = [*ITEMS, ITEMS[0], ("Nothing yet?", [])]
    events, all_at_once = run(model.rewards(items, node="q/a", purpose="reward"))
    usage = spent(events)
    lengths = [
        len(model._tokenizer(step_text.written(model._tokenizer, *item).text)["input_ids"]) for item in ITEMS
    ]
    assert (usage.calls, usage.forward_passes, usage.prompt_tokens) == (4, 1, sum(lengths))
    assert all_at_once[4] == all_at_once[0]
    assert all_at_once[5] == []
    monkeypatch.setattr(classifier, "BATCH_TOKENS", max(lengths))
    events, in_parts = run(model.rewards(items, node="q/a", purpose="reward"))
    assert spent(events).forward_passes > 1
    assert spent(events).prompt_tokens == sum(lengths)
    for one, other in zip(all_at_once, in_parts, strict=True):
        assert one == pytest.approx(other, abs=2e-5)
    assert run(model.rewards([], node="q", purpose="reward")) == ([], [])


def test_the_label_that_means_good_is_found_by_its_name() -> None:
    last = model_of("llama", "SequenceClassification", 2)
    named = model_of("llama", "SequenceClassification", 2, id2label={0: "GOOD", 1: "BAD"})
    [[a]], [[b]] = (run(model.rewards(ITEMS[:1], node="q", purpose="r"))[1] for model in (last, named))
    assert a + b == pytest.approx(1)


@pytest.mark.parametrize("tokenizer", [make_tokenizer(TEMPLATE), make_tokenizer(), wordpiece()])
@pytest.mark.parametrize(("question", "steps"), ITEMS)
def test_the_end_of_a_step_is_the_token_with_its_last_character(
    tokenizer: Any, question: str, steps: list[str]
) -> None:
    read = step_text.written(tokenizer, question, steps)
    beginnings = [0, *read.ends]
    assert [read.text[a:b].strip().endswith(s) for a, b, s in zip(beginnings, read.ends, steps, strict=False)]
    assert read.text[: read.ends[-1]].endswith(" ".join(steps))
    ids, ends = step_text.encoded(tokenizer, read)
    assert ends == sorted(set(ends))
    for step, end in zip(steps, ends, strict=True):
        last = tokenizer.decode([ids[end]])
        assert (
            last in ("[UNK]", "�")
            or last.strip().endswith(step[-1])
            or step.endswith(last.removeprefix("##"))
        )

    # A tokenizer that does not tell where its tokens stand is asked for the beginnings.
    class Slow:
        is_fast = False
        chat_template = tokenizer.chat_template

        def __call__(self, text: str, **options: Any) -> Any:
            return tokenizer(text, **options)

    assert step_text.encoded(Slow(), read) == (ids, ends)


def test_words_that_spell_control_tokens_stay_words() -> None:
    tokenizer = make_tokenizer(TEMPLATE)
    read = step_text.written(tokenizer, "What is <|end|>?", ["It is <|end|>.", "So the answer is 2."])
    ids, ends = step_text.encoded(tokenizer, read)
    assert ids.count(1) == 2  # the template's own
    assert ends[-1] == len(ids) - 3  # the end of turn and a line end follow


def test_a_template_that_changes_the_answer_is_refused() -> None:
    tokenizer = make_tokenizer("{{ messages[1]['content'] | upper }}")
    with pytest.raises(ModelError, match="changes the answer"):
        step_text.written(tokenizer, "Why?", ["Because."])
    broken = make_tokenizer("{{ raise_exception('no') }}")
    with pytest.raises(ModelError, match="cannot show"):
        step_text.written(broken, "Why?", ["Because."])


def test_too_long_a_text_is_refused() -> None:
    model = model_of("llama", "TokenClassification", 1)
    with pytest.raises(BadInput, match=r"reads 256\."):
        run(model.rewards([("?", ["no " * 300])], node="q", purpose="r"))


def test_a_reward_that_is_no_number_is_said_to_be() -> None:
    network, tokenizer = make("llama", "TokenClassification", 1)
    torch.nn.init.constant_(network.score.weight, float("nan"))
    with pytest.raises(ModelError, match="no number"):
        run(Classifier(network, tokenizer, name="x").rewards(ITEMS, node="q", purpose="r"))


# --- By name ----------------------------------------------------------------------------------------------


@pytest.fixture
def own_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(catalog, "_keys", {})
    monkeypatch.setattr(catalog, "_residents", Residents(catalog._budget))
    yield
    settings.cache_clear()


@pytest.fixture
def judge(tmp_path: Path, own_memory: None) -> Path:
    network, tokenizer = make("llama", "TokenClassification", 1)
    network.save_pretrained(tmp_path / "judge")
    tokenizer.save_pretrained(tmp_path / "judge")
    return tmp_path / "judge"


def test_a_directory_is_loaded_once_and_let_go(judge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"reward:{judge}"
    model: Any = catalog.load(name)
    assert model is catalog.load(name)
    assert model.name == name
    assert model is catalog.load(f"{name}?device=cpu&dtype=float32")
    assert catalog.load(f"{name}?dtype=bfloat16") is not model
    _, [found] = run(model.rewards(ITEMS[:1], node="q", purpose="r"))
    direct = Classifier(*make("llama", "TokenClassification", 1), name="x")
    assert found == pytest.approx(run(direct.rewards(ITEMS[:1], node="q", purpose="r"))[1][0], abs=1e-5)
    assert model.versions["weights"].startswith("sha256:")
    assert {str(resident.key.label) for resident in catalog.in_memory()} == {name}
    catalog.forget(name)
    assert catalog.in_memory() == []
    monkeypatch.setattr(reward, "EMBEDDED", judge)
    assert catalog.load("reward:embedded").name == "reward:embedded"


def test_it_is_not_offered_for_asking(judge: Path) -> None:
    assert not any(model.name.startswith("reward:") for model in catalog.list_models(True))
    assert catalog.info(f"reward:{judge}").backend == "reward"
    model = catalog.load(f"reward:{judge}")
    with pytest.raises(CapabilityError, match="writes none"):
        run(model.sample())  # type: ignore[call-arg]


def test_a_language_model_of_the_same_files_is_another(saved: Path, own_memory: None) -> None:
    catalog.load(str(saved))
    with pytest.raises(BadInput, match="LlamaForCausalLM, which has no classification head"):
        catalog.load(f"reward:{saved}")


def test_what_cannot_be_loaded_says_why(judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no directory"):
        catalog.load("reward:./nowhere")
    with pytest.raises(UnknownName, match="no reward model"):
        catalog.load("reward:embeded")
    monkeypatch.setattr(reward, "EMBEDDED", tmp_path / "empty")
    with pytest.raises(ModelError, match="files are missing"):
        catalog.load("reward:embedded")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="downloads are switched off"):
        catalog.load("reward:nobody/no-such-model-4711")
    config = json.loads((judge / "config.json").read_text())
    config |= {
        "id2label": {i: f"LABEL_{i}" for i in range(5)},
        "label2id": {f"LABEL_{i}": i for i in range(5)},
    }
    (judge / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="5 labels"):
        catalog.load(f"reward:{judge}")
    (judge / "model.safetensors").rename(judge / "pytorch_model.bin")
    with pytest.raises(BadInput, match="pickle"):
        catalog.load(f"reward:{judge}")


def test_a_head_without_weights_is_said_to_be_missing(tmp_path: Path, own_memory: None) -> None:
    tokenizer = make_tokenizer(TEMPLATE)
    network = make_network("llama", len(tokenizer))
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"architectures": ["LlamaForTokenClassification"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"incomplete: score\."):
        catalog.load(f"reward:{tmp_path}")


def test_a_public_deployment_lists_reward_models_too(judge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_PUBLIC_MODELS", "embedded")
    settings.cache_clear()
    with pytest.raises(BadInput, match="not offered here"):
        catalog.load(f"reward:{judge}")
    monkeypatch.setenv("PLAYGROUND_PUBLIC_MODELS", f"embedded,reward:{judge}")
    settings.cache_clear()
    assert catalog.load(f"reward:{judge}").name == f"reward:{judge}"
