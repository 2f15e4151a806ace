"""A transformers model with a classification head, as a `RewardModel`.

Boundary: which label means right, and running the network on many texts at once; how a question and its steps become
a text is `step_text`'s business, how it is found and named is `reward`'s. Importing it imports torch.

A token classifier is a process reward model: its reward is read at the last token of each step. A sequence classifier
is an outcome reward model: it gives one reward for the whole.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import Any, NoReturn

import torch
from torch import Tensor

from playground.errors import BadInput, CapabilityError, ModelError
from playground.events import CallStarted, Event, Spent, Usage
from playground.models import loading, step_text
from playground.models.base import Capabilities
from playground.models.description import context_length
from playground.models.network import out_of_memory
from playground.models.turns import Turns

BATCH_TOKENS = 8192
"""Tokens read in one forward pass, padding included, however many texts there are."""

_GOOD = {"good", "right", "correct", "positive", "yes", "true", "accept", "accepted", "chosen", "+"}

Item = tuple[str, Sequence[str]]


def head(config: Any) -> str:
    """The head a configuration's architecture has: "SequenceClassification" or "TokenClassification".

    Raises:
        BadInput: another head, or labels that are no reward.
    """
    architecture = str((getattr(config, "architectures", None) or ["none"])[0])
    kinds = ("SequenceClassification", "TokenClassification")
    found = next((kind for kind in kinds if architecture.endswith(f"For{kind}")), None)
    if found is None:
        raise BadInput(
            f"This is no reward model: its architecture is {architecture}, which has no classification head.",
            "Choose a model saved as a sequence or token classifier of one or two labels.",
        )
    if config.num_labels not in (1, 2):
        raise BadInput(
            f"This is no reward model: it tells {config.num_labels} labels apart.",
            "Choose a sequence or token classifier of one or two labels.",
        )
    return found


class Classifier:
    """A reward model in this process; a `RewardModel`, and as a `Model` one that writes nothing.

    Args:
        model: a transformers sequence or token classifier of one or two labels.
        tokenizer: its tokenizer.
        name: what it is called in events.
        weights: identifies its weights in `versions`.

    Attributes:
        per_step: it gives a reward after each step, not one for the whole.
        memory_bytes: what its parameters and buffers take.

    Raises:
        BadInput: no such head.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, name: str, weights: str = "unknown", bits: int | None = None
    ) -> None:
        self.name = name
        self.per_step = head(model.config) == "TokenClassification"
        self.memory_bytes = loading.memory_bytes(model)
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._weights = weights
        self._bits = bits
        self._turns = Turns()
        known = context_length(model.config.to_dict()), getattr(tokenizer, "model_max_length", None)
        self._context = min((limit for limit in known if limit), default=None)
        labels = getattr(model.config, "id2label", None) or {}
        named = [int(i) for i, label in labels.items() if str(label).lower() in _GOOD]
        self._good = named[0] if named else model.config.num_labels - 1

    @classmethod
    def planned(cls, plan: loading.Plan, name: str) -> Classifier:
        """Load a model as it was planned.

        Raises:
            BadInput: no reward model.
            ModelError: as in `loading.load`.
        """
        loaded = loading.load(plan, head)
        return cls(loaded.model, loaded.tokenizer, name=name, weights=loaded.weights, bits=plan.bits)

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(local=True, context_length=self._context)

    @cached_property
    def versions(self) -> dict[str, str]:
        import transformers

        return {
            "weights": self._weights,
            "torch": str(torch.__version__),
            "transformers": str(transformers.__version__),
            "device": str(self._model.device),
            "dtype": str(self._model.dtype).removeprefix("torch."),
            **({"bits": str(self._bits)} if self._bits else {}),
        }

    def sample(self, *asked: Any, **settings: Any) -> NoReturn:
        """
        Raises:
            CapabilityError: always.
        """
        raise CapabilityError(
            f"{self.name} judges answers and writes none.", "Choose a language model to ask."
        )

    def rewards(
        self, items: Sequence[Item], *, node: str, purpose: str
    ) -> Generator[Event, None, list[list[float]]]:
        """A reward in [0, 1] after each step, or one for the whole; none for an item without steps.

        Items that read the same are read once. Each text is a call of its own; Spent comes after each forward pass.

        Raises:
            BadInput: an item is longer than the model's context.
            ModelError: a reward that is no number, or out of memory.
        """
        asked = [step_text.written(self._tokenizer, *item) for item in items]
        tokens = {read: self._encoded(read) for read in asked if read.ends}
        for read in tokens:
            yield CallStarted(node, purpose, read.text)
        found: dict[step_text.StepText, list[float]] = {}
        for batch in batches({read: len(ids) for read, (ids, _) in tokens.items()}):
            rows = [tokens[read] for read in batch]
            found |= zip(batch, self._turn(rows), strict=True)
            read_tokens = sum(len(ids) for ids, _ in rows)
            yield Spent(node, Usage(calls=len(rows), prompt_tokens=read_tokens, forward_passes=1))
        return [found[read] if read.ends else [] for read in asked]

    def _encoded(self, read: step_text.StepText) -> tuple[list[int], list[int]]:
        ids, ends = step_text.encoded(self._tokenizer, read)
        if self._context is not None and len(ids) > self._context:
            raise BadInput(
                f"The question and its steps have {len(ids)} tokens; {self.name} reads {self._context}.",
                "Shorten the question, take fewer steps, or choose a reward model with a longer context.",
            )
        return ids, ends

    def _turn(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[list[float]]:
        with self._turns, torch.inference_mode():
            try:
                return self._read(rows)
            except torch.OutOfMemoryError as error:
                raise out_of_memory() from error

    def _read(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[list[float]]:
        """One forward pass, padded on the right."""
        longest = max(len(ids) for ids, _ in rows)
        with padding(self._model.config, [ids[-1] for ids, _ in rows]) as pad:
            ids = torch.tensor([row + [pad] * (longest - len(row)) for row, _ in rows])
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
            device = self._model.device
            logits = self._model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        values = self._probabilities(logits.float()).cpu()
        if self.per_step:
            found = [values[row, ends].tolist() for row, (_, ends) in enumerate(rows)]
        else:
            found = [[value] for value in values.tolist()]
        if any(math.isnan(value) for reward in found for value in reward):
            raise ModelError(
                f"{self.name} gave a reward that is no number.", f"Use float32: {self.name}?dtype=float32."
            )
        return found

    def _probabilities(self, logits: Tensor) -> Tensor:
        """How likely it is right, from logits of shape (…, labels)."""
        return logits[..., 0].sigmoid() if logits.shape[-1] == 1 else logits.softmax(-1)[..., self._good]


def batches(lengths: Mapping[step_text.StepText, int]) -> Iterator[list[step_text.StepText]]:
    """Texts of similar length together, at most BATCH_TOKENS with padding, or one text."""
    batch: list[step_text.StepText] = []
    for read in sorted(lengths, key=lambda read: lengths[read]):
        if batch and (len(batch) + 1) * lengths[read] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(read)
    if batch:
        yield batch


@contextmanager
def padding(config: Any, last: Sequence[int]) -> Iterator[int]:
    """The token to pad with. A decoder's sequence head looks for the last token that is not the configuration's
    padding; where the configuration has none, it is told one within this that ends no text."""
    text = config.get_text_config()
    own = text.pad_token_id
    if own is not None:
        yield own
        return
    text.pad_token_id = next(id for id in count() if id not in last)
    try:
        yield text.pad_token_id
    finally:
        text.pad_token_id = None
