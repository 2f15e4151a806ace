"""The embedded model's shape, and writing it (or its reward model) out as an ordinary transformers directory.

Knows transformers and the file layout of `assets/embedded`. Must not know the corpus or the training loop.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import torch
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForTokenClassification,
    PreTrainedTokenizerFast,
)

from playground.embedded.tokenizer import END, PAD

ASSETS = Path(__file__).parents[2] / "assets" / "embedded"


ABOUT = (
    "Answers short puzzles only: word problems with numbers to about 100, last letters, coin flips, letter counts, "
    "decimals to compare, odd and even years. Other questions get noise."
)
"""What a list of models says about it; travels in config.json."""


def config(
    vocab_size: int, *, hidden: int = 256, layers: int = 6, heads: int = 8, inner: int = 704
) -> LlamaConfig:
    """A small Llama with tied embeddings; token ids as the tokenizer assigns them."""
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        pad_token_id=0,
        eos_token_id=1,
        about=ABOUT,
    )


def create(vocab_size: int, *, seed: int, **shape: int) -> LlamaForCausalLM:
    """A fresh model with seeded weights."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(config(vocab_size, **shape))


def export(
    model: LlamaForCausalLM | LlamaForTokenClassification,
    tokenizer: PreTrainedTokenizerFast,
    directory: Path,
    card: str | None = None,
) -> None:
    """Write bf16 weights, configuration and tokenizer; readers never see half a file.

    Everything is written beside the target first and moved into place file by file, weights last.
    """
    if tokenizer.convert_tokens_to_ids([PAD, END]) != [0, 1]:
        raise ValueError("The tokenizer must have padding as token 0 and the end mark as token 1.")
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".embedded-") as name:
        staging = Path(name)
        copy = type(model)(model.config)
        copy.load_state_dict(model.state_dict())
        if isinstance(model, LlamaForCausalLM):
            copy.generation_config = GenerationConfig(
                do_sample=False, eos_token_id=1, pad_token_id=0, max_new_tokens=256
            )
        copy.to(torch.bfloat16).save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        _tidy_tokenizer_configuration(staging)
        if card is not None:
            (staging / "README.md").write_text(card, "utf-8")
        for path in sorted(staging.iterdir(), key=lambda p: p.suffix == ".safetensors"):
            path.chmod(0o644)
            os.replace(path, directory / path.name)
    for left_over in directory.glob("chat_template.jinja"):
        left_over.unlink()


def _tidy_tokenizer_configuration(staging: Path) -> None:
    """Keep the chat template in tokenizer_config.json, and in it nothing about where it was saved."""
    path = staging / "tokenizer_config.json"
    stored = json.loads(path.read_text("utf-8"))
    for about_this_machine in ("is_local", "local_files_only", "backend"):
        stored.pop(about_this_machine, None)
    stored["tokenizer_class"] = "PreTrainedTokenizerFast"
    template = staging / "chat_template.jinja"
    if template.exists():
        stored["chat_template"] = template.read_text("utf-8")
        template.unlink()
    path.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", "utf-8")
