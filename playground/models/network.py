"""Running the network: forward passes in turn, and reading a text no further than it has not been read before.

Boundary: token ids in, logits and readings out; knows transformers' forward signature and nothing of text,
sampling or events. Every pass takes one turn, so several threads share a model step by step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from playground.errors import ModelError
from playground.events import Usage
from playground.models.prefix import NOTHING, Batch, Reading, Readings, windows
from playground.models.turns import Turns
from playground.sampling import not_a_distribution

CHUNK = 512
"""Tokens of a prompt read in one forward pass, so that a long prompt does not keep the others waiting."""

WINDOW = 64
"""Tokens of a text whose next-token logits are looked at together: 40 MB with 150,000 tokens."""

T = TypeVar("T")


class Network:
    """A causal language model and what it remembers of recent texts.

    Args:
        model: a transformers causal language model in evaluation mode.
        cache_tokens: as in `Readings`.

    Raises:
        ModelError: an architecture whose memory cannot be forked.
    """

    def __init__(self, model: Any, cache_tokens: int) -> None:
        self._model = model
        self.config = model.config
        kinds = windows(self.config)
        self.vocabulary = int(self.config.get_text_config(decoder=True).vocab_size)
        self.readings = Readings(cache_tokens, kinds)
        self._turns = Turns()
        accepted = inspect.signature(model.forward).parameters
        self._accepted = {"position_ids", "attention_mask"} & set(accepted)
        self._fixed: dict[str, Any] = {"return_dict": True}
        if "logits_to_keep" in accepted:
            self._fixed["logits_to_keep"] = 1
        self._all = {name: 0 if name == "logits_to_keep" else value for name, value in self._fixed.items()}

    @property
    def device(self) -> torch.device:
        device: torch.device = self._model.device
        return device

    def turn(self, work: Callable[[], T]) -> T:
        """Do `work` (forward passes, arithmetic on their results) when it is this thread's turn.

        Raises:
            ModelError: out of memory.
        """
        with self._turns, torch.inference_mode():
            try:
                return work()
            except torch.OutOfMemoryError as error:
                raise out_of_memory() from error
            except RuntimeError as error:
                if "can't allocate memory" in str(error):
                    raise out_of_memory() from error
                raise

    def forward(self, batch: Batch, ids: Tensor) -> Tensor:
        """Read `ids`, shape (rows, new), on; logits after the last, (rows, vocabulary). Only within a turn."""
        return self._run(batch, ids, self._fixed)[:, -1]

    def _run(self, batch: Batch, ids: Tensor, options: dict[str, Any]) -> Tensor:
        inputs = batch.inputs(ids)
        for name in ("position_ids", "attention_mask"):
            if name not in self._accepted or inputs[name] is None:
                del inputs[name]
        logits: Tensor = self._model(**inputs, **options).logits
        return logits

    def read(self, ids: Sequence[int]) -> Generator[Usage, None, Reading]:
        """Read a text, going on from the longest known beginning; what each forward pass cost comes as it runs.

        Args:
            ids: at least one token.

        Raises:
            ModelError: the logits after it are no distribution.
        """
        known = self.turn(partial(self.readings.find, ids))
        usage = Usage(prompt_tokens=len(known), cached_tokens=len(known))
        if len(known) == len(ids):
            yield usage
            return known
        batch = Batch(self.config, [known])
        reading = NOTHING
        for start in range(len(known), len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            last = start + len(chunk) == len(ids)
            reading = self.turn(partial(self._read_chunk, batch, ids, chunk, last))
            yield usage + Usage(prompt_tokens=len(chunk), forward_passes=1)
            usage = Usage()
        return reading

    def _read_chunk(self, batch: Batch, ids: Sequence[int], chunk: Sequence[int], last: bool) -> Reading:
        logits = self.forward(batch, torch.tensor([chunk], device=self.device))[0].float()
        if not last:
            return NOTHING
        if not logits.logsumexp(-1).isfinite():
            raise not_a_distribution(" after the prompt")
        # A copy: the slice would keep the logits of the whole chunk alive where all are computed.
        reading = batch.row(0, ids, logits.clone())
        self.readings.add(reading)
        return reading

    def after_each(self, ids: Sequence[int]) -> Iterator[Tensor]:
        """Read a text from its beginning; logits after each token, (up to WINDOW, vocabulary) a forward pass."""
        batch = Batch(self.config, [NOTHING])
        for start in range(0, len(ids), WINDOW):
            window = torch.tensor([ids[start : start + WINDOW]], device=self.device)
            yield self.turn(partial(self._run, batch, window, self._all))[0]

    def catch_up(self, readings: Sequence[Reading], ids: Sequence[int]) -> list[Reading]:
        """Read one more token after each of several readings, in one forward pass."""
        batch = Batch(self.config, readings)
        logits = self.forward(batch, torch.tensor(ids, device=self.device).unsqueeze(1)).float()
        return [
            batch.row(row, (*reading.ids, id), logits[row].clone())
            for row, (reading, id) in enumerate(zip(readings, ids, strict=True))
        ]


def out_of_memory() -> ModelError:
    return ModelError(
        "The model ran out of memory.", "Use fewer branches, a shorter limit, or a smaller model."
    )
