"""Tiny random reward models of the usual shapes."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DebertaV2Config,
    PreTrainedTokenizerFast,
)

from tests.models.tiny import TEMPLATE, make_config, make_tokenizer

HEADS = {
    "TokenClassification": AutoModelForTokenClassification,
    "SequenceClassification": AutoModelForSequenceClassification,
}
ENCODER = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
}
SHAPES = [
    *((kind, "TokenClassification", labels) for kind in ("llama", "qwen2") for labels in (1, 2)),
    *((kind, "SequenceClassification", labels) for kind in ("llama", "qwen2", "gpt2") for labels in (1, 2)),
    *((kind, "SequenceClassification", labels) for kind in ("bert", "deberta") for labels in (1, 2)),
    ("bert", "TokenClassification", 1),
]


def wordpiece() -> PreTrainedTokenizerFast:
    """[CLS] words and letters [SEP], as BERT has them."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "starts",
        "with",
        "answer",
        *letters,
        *("##" + c for c in letters),
    ]
    inner = Tokenizer(
        models.WordPiece(
            {piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]", max_input_chars_per_word=99
        )
    )
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def make(kind: str, head: str, labels: int, **changes: Any) -> tuple[Any, PreTrainedTokenizerFast]:
    """A network and its tokenizer."""
    if kind in ("bert", "deberta"):
        tokenizer = wordpiece()
        config = (BertConfig if kind == "bert" else DebertaV2Config)(vocab_size=len(tokenizer), **ENCODER)
    else:
        tokenizer = make_tokenizer(TEMPLATE if kind == "llama" else None)
        config = make_config(kind, len(tokenizer))
    config.num_labels = labels
    for name, value in changes.items():
        setattr(config, name, value)
    torch.manual_seed(3)
    network = HEADS[head].from_config(config).eval()
    for weight in network.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.25)
    network.config.architectures = [type(network).__name__]
    return network, tokenizer
