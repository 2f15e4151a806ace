"""Batches of about equal cost: examples of similar length together, so that little is padding.

Knows the corpus and tensors. Must not know the model or how a step is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from playground.embedded import corpus
from playground.embedded.corpus import Example


@dataclass
class Batch:
    """Token ids [rows, length], padded on the right, and which positions are predicted."""

    ids: Tensor
    mask: Tensor
    kinds: list[str]
    real_tokens: int


def collate(examples: list[Example]) -> Batch:
    """Pad examples on the right: with causal attention the padding is never seen."""
    longest = max(len(e.ids) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    mask = torch.zeros(len(examples), longest, dtype=torch.bool)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        mask[row, : len(example.ids)] = torch.tensor(example.mask)
    return Batch(ids, mask, [e.kind for e in examples], sum(len(e.ids) for e in examples))


def pool_batches(examples: list[Example], batch_tokens: int, rng: Random) -> list[Batch]:
    """Batches of about `batch_tokens` padded tokens from one pool: neighbours in length, in random order."""
    ordered = sorted(examples, key=lambda e: len(e.ids))
    batches: list[Batch] = []
    rows: list[Example] = []
    for example in ordered:
        if rows and (len(rows) + 1) * len(example.ids) > batch_tokens:
            batches.append(collate(rows))
            rows = []
        rows.append(example)
    if rows:
        batches.append(collate(rows))
    rng.shuffle(batches)
    return batches


def batches(
    stage: str, tokenizer: PreTrainedTokenizerFast, *, seed: int, pool: int, batch_tokens: int, skip: int = 0
) -> Iterator[Batch]:
    """The endless batches of a stage; `skip` continues after that many."""
    stream = corpus.examples(stage, seed, tokenizer)
    rng = Random(f"batches/{stage}/{seed}")
    while True:
        for batch in pool_batches([next(stream) for _ in range(pool)], batch_tokens, rng):
            if skip:
                skip -= 1
            else:
                yield batch
