"""Tiny random models of several architectures, and what `generate` says about them."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from playground.events import Event, Spent, TokenAdded, Usage
from playground.models.local import LocalModel, LocalPrefix
from playground.prompts import Message, Prompt

WORDS = ["The", "Ġthe", "Ġcat", "Ġsat", "Ġis", "Ġ2", "Ġ+", "Ġ4", "answer", "Ġanswer", "Ġso"]
TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ message['role'] + ': ' + message['content'] + '<|end|>\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}"
)
WINDOW = 12
SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
}
GROUPED = {**SMALL, "num_key_value_heads": 2}
GEMMA = {
    **GROUPED,
    "head_dim": 12,
    "sliding_window": WINDOW,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "tie_word_embeddings": False,
}
KINDS = ("llama", "qwen2", "gemma2", "gemma3", "mistral", "phi", "gpt2")
SLIDING = ("gemma2", "gemma3", "mistral")
# Chosen so that greedy text varies and its likeliest token stands clear of the second.
SEEDS = {"llama": 2, "qwen2": 5, "gemma2": 6, "gemma3": 6, "mistral": 2, "phi": 5, "gpt2": 0}

Value = TypeVar("Value")


def make_tokenizer(template: str | None = None) -> PreTrainedTokenizerFast:
    """Byte-level: a word of WORDS is one token, everything else its bytes."""
    vocabulary = {
        piece: i
        for i, piece in enumerate(
            ["<|pad|>", "<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet()), *WORDS]
        )
    }
    inner = Tokenizer(models.BPE(vocab=dict(vocabulary), merges=[], ignore_merges=True))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken("<|pad|>", special=True), AddedToken("<|end|>", special=True)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|end|>", pad_token="<|pad|>", chat_template=template
    )


def make_config(kind: str, vocabulary: int) -> Any:
    match kind:
        case "llama":
            return LlamaConfig(vocab_size=vocabulary, **SMALL)
        case "qwen2":
            return Qwen2Config(vocab_size=vocabulary, **GROUPED)
        case "gemma2":
            return Gemma2Config(vocab_size=vocabulary, **GEMMA)
        case "gemma3":
            return Gemma3TextConfig(vocab_size=vocabulary, **GEMMA)
        case "mistral":
            return MistralConfig(vocab_size=vocabulary, sliding_window=WINDOW, **GROUPED)
        case "phi":
            return PhiConfig(vocab_size=vocabulary, **SMALL)
        case "gpt2":
            return GPT2Config(
                vocab_size=vocabulary,
                n_embd=48,
                n_layer=3,
                n_head=4,
                n_positions=256,
                bos_token_id=None,
                eos_token_id=None,
                pad_token_id=0,
            )
    raise AssertionError(kind)


def make_network(kind: str, vocabulary: int) -> Any:
    torch.manual_seed(SEEDS[kind])
    network = AutoModelForCausalLM.from_config(make_config(kind, vocabulary)).eval()
    for name, weight in network.named_parameters():
        if weight.dim() > 1:
            embedding = "embed" in name or "wte" in name
            # Gemma scales its embeddings up, and would do nothing but repeat the last token.
            torch.nn.init.normal_(weight, std=0.15 if not embedding else 0.04 if "gemma" in kind else 0.3)
    network.generation_config.eos_token_id = None
    return network


def make_model(kind: str = "llama", *, template: str | None = None, **options: Any) -> LocalModel:
    tokenizer = make_tokenizer(template)
    network = make_network(kind, len(tokenizer))
    ends = options.pop("ends", [])
    network.generation_config.eos_token_id = ends
    # Random models hardly ever say "end"; a test that wants an end names the token that means it.
    tokenizer.eos_token = None
    return LocalModel(network, tokenizer, name=f"tiny-{kind}", **options)


def say(*contents: str, prefill: str = "") -> Prompt:
    return Prompt(tuple(Message("user", content) for content in contents), prefill)


def run(generator: Generator[Event, None, Value]) -> tuple[list[Event], Value]:
    """All events of a generator and what it returned."""
    events: list[Event] = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def spent(events: Sequence[Event]) -> Usage:
    return sum((event.usage for event in events if isinstance(event, Spent)), Usage())


def read(model: LocalModel, prompt: Prompt) -> LocalPrefix:
    return run(model.prefill(prompt, node="q", purpose="test"))[1]


@dataclass(frozen=True)
class Expected:
    id: int
    logprob: float
    margin: float
    entropy: float


def expect(model: LocalModel, ids: Sequence[int], new: int, ends: Sequence[int] = ()) -> list[Expected]:
    """What greedy `generate` writes after `ids`, measured on its own logits."""
    network = model.network._model
    prompt = torch.tensor([list(ids)])
    out = network.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=new,
        output_logits=True,
        return_dict_in_generate=True,
        eos_token_id=list(ends) or None,
        pad_token_id=0,
        max_length=None,
    )
    return [
        measure(logits[0], int(id))
        for logits, id in zip(out.logits, out.sequences[0, len(ids) :], strict=True)
    ]


def raw_logits(model: LocalModel, ids: Sequence[int]) -> torch.Tensor:
    """What comes after `ids`, from one plain forward pass."""
    with torch.no_grad():
        logits: torch.Tensor = model.network._model(torch.tensor([list(ids)])).logits[0, -1]
    return logits


def measure(logits: torch.Tensor, id: int) -> Expected:
    logprobs = logits.double().log_softmax(-1)
    probabilities = logprobs.exp()
    first, second = probabilities.topk(2).values.tolist()
    entropy = -(probabilities * logprobs).sum().item() / math.log(2)
    return Expected(id, logprobs[id].item(), first - second, entropy)


def assert_same(tokens: Sequence[TokenAdded], expected: Sequence[Expected]) -> None:
    assert [t.id for t in tokens] == [e.id for e in expected]
    for token, e in zip(tokens, expected, strict=True):
        assert token.logprob == pytest.approx(e.logprob, abs=1e-4)
        assert token.margin == pytest.approx(e.margin, abs=1e-4)
        assert token.entropy == pytest.approx(e.entropy, abs=1e-4)
