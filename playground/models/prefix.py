"""What a model has read: keys and values of one text, batches of them, and a small memory of recent ones.

Boundary: tensors and token ids; knows the cache classes of transformers, nothing of text, sampling or events.

A `Reading` is one text without padding and is never changed. A `Batch` is made from several, grows by a token a row
and a step, and gives its rows back as readings. Rows of different length are padded on the left, so that the
newest token of all stands in one column and sliding windows see the same neighbours as without padding.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from playground.errors import ModelError


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text that has been read.

    Attributes:
        ids: its tokens.
        layers: keys and values per layer, each (1, heads, length, size); a sliding layer has only the last
            window − 1 of them. Empty for the empty text.
        logits: of the token after it, float32 (vocabulary,), where known.
    """

    ids: tuple[int, ...]
    layers: tuple[tuple[Tensor, Tensor], ...]
    logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)


NOTHING = Reading((), ())


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values at the front of a buffer with room behind them.

    transformers' own layer copies everything it holds at every step; this one writes one column. Same results.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        start = self.get_seq_length()
        if start == 0:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        end = start + key_states.shape[-2]
        if self._buffers is None or end > self._buffers[0].shape[-2]:
            room = end + max(64, end // 2)
            self._buffers = (_with_room(self.keys, room), _with_room(self.values, room))
        keys, values = self._buffers
        keys[:, :, start:end] = key_states
        values[:, :, start:end] = value_states
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        length = self.get_seq_length()
        if self._buffers is None:
            super().batch_select_indices(indices)
            return
        self._buffers = (self._buffers[0][indices], self._buffers[1][indices])
        self.keys, self.values = self._buffers[0][:, :, :length], self._buffers[1][:, :, :length]

    def drop_first(self, n: int) -> None:
        """Forget the first `n` columns of every row."""
        self.keys, self.values = self.keys[:, :, n:], self.values[:, :, n:]
        if self._buffers is not None:
            self._buffers = (self._buffers[0][:, :, n:], self._buffers[1][:, :, n:])


def _with_room(states: Tensor, room: int) -> Tensor:
    rows, heads, length, size = states.shape
    buffer = states.new_empty((rows, heads, room, size))
    buffer[:, :, :length] = states
    return buffer


def windows(config: Any) -> list[int | None]:
    """Each layer's sliding window in tokens, None for full attention.

    Raises:
        ModelError: the architecture keeps something else than keys and values (a recurrent state, chunks).
    """
    found: list[int | None] = []
    for layer in DynamicCache(config=config).layers:
        if type(layer) is DynamicLayer:
            found.append(None)
        elif type(layer) is DynamicSlidingWindowLayer and "chunked_attention" not in _layer_types(config):
            found.append(layer.sliding_window)
        else:
            raise ModelError(
                f"{type(config).__name__.removesuffix('Config')} models keep a kind of memory "
                f"({type(layer).__name__}) that cannot be forked into branches.",
                "Choose a model with plain attention, such as Qwen2.5, Llama, Gemma or SmolLM.",
            )
    return found


def _layer_types(config: Any) -> Sequence[str]:
    return getattr(config.get_text_config(decoder=True), "layer_types", None) or ()


class Batch:
    """Rows that are read on together, one token a step.

    Attributes:
        lengths: tokens each row has read.
    """

    def __init__(self, config: Any, readings: Sequence[Reading]) -> None:
        self.lengths = [len(reading) for reading in readings]
        width = max(self.lengths)
        self._pads = [width - length for length in self.lengths]
        self._cache = DynamicCache(config=config)
        layers = self._cache.layers
        layers[:] = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in layers]
        if width:
            for i, layer in enumerate(layers):
                _fill(layer, [reading.layers[i] for reading in readings], width)

    def __len__(self) -> int:
        return len(self.lengths)

    def inputs(self, ids: Tensor) -> dict[str, Any]:
        """What the network is called with to read `ids`, shape (rows, new), after what was read.

        The lengths count them from here on; the cache does once the network has run.
        """
        new = ids.shape[1]
        mask = positions = None
        if any(self._pads):
            width = self.lengths[0] + self._pads[0] + new
            pads = torch.tensor(self._pads, device=ids.device).unsqueeze(1)
            mask = (torch.arange(width, device=ids.device) >= pads).long()
            positions = torch.arange(width - new, width, device=ids.device) - pads
        else:
            start = self.lengths[0]
            positions = torch.arange(start, start + new, device=ids.device).expand(len(self), new)
        self.lengths = [length + new for length in self.lengths]
        return {
            "input_ids": ids,
            "position_ids": positions,
            "attention_mask": mask,
            "past_key_values": self._cache,
            "use_cache": True,
        }

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other rows go, and the padding that only they needed."""
        indices = torch.tensor(rows, device=self._cache.layers[0].keys.device)
        self._cache.batch_select_indices(indices)
        self.lengths = [self.lengths[row] for row in rows]
        self._pads = [self._pads[row] for row in rows]
        spare = min(self._pads)
        if spare:
            self._pads = [pad - spare for pad in self._pads]
            for layer in self._cache.layers:
                _drop_first(layer, spare)

    def row(self, row: int, ids: Sequence[int], logits: Tensor | None = None) -> Reading:
        """A copy of one row as the reading of `ids`, which are all or (croppable models) its first tokens."""
        length, extra = len(ids), self.lengths[row] - len(ids)
        layers = []
        for layer in self._cache.layers:
            stored = layer.keys.shape[-2]
            end = stored - extra
            start = max(0, end - min(length, stored))
            layers.append(
                (
                    layer.keys[row : row + 1, :, start:end].clone(),
                    layer.values[row : row + 1, :, start:end].clone(),
                )
            )
        return Reading(tuple(ids), tuple(layers), logits)


def _fill(layer: Any, states: Sequence[tuple[Tensor, Tensor]], width: int) -> None:
    sliding = isinstance(layer, DynamicSlidingWindowLayer)
    columns = min(width, layer.sliding_window - 1) if sliding else width
    layer.lazy_initialization(*states[0])
    layer.keys = _stack([keys for keys, _ in states], columns)
    layer.values = _stack([values for _, values in states], columns)
    if sliding:
        layer.cumulative_length = width


def _stack(states: Sequence[Tensor], columns: int) -> Tensor:
    first = states[0]
    if all(state is first for state in states):
        return first.expand(len(states), -1, -1, -1)
    rows = first.new_zeros((len(states), first.shape[1], columns, first.shape[3]))
    for row, state in zip(rows, states, strict=True):
        row[:, columns - state.shape[-2] :] = state[0]
    return rows


def _drop_first(layer: Any, n: int) -> None:
    if isinstance(layer, GrowingLayer):
        layer.drop_first(n)
        return
    layer.cumulative_length -= n
    columns = min(layer.cumulative_length, layer.sliding_window - 1)
    layer.keys, layer.values = layer.keys[:, :, -columns:], layer.values[:, :, -columns:]


class Readings:
    """The most recently used readings, up to `max_tokens` tokens in all.

    Args:
        max_tokens: 0 remembers nothing.
        windows: as from `windows`. A reading longer than the narrowest window − 1 has forgotten keys, so it can
            be gone on from but not shortened.
    """

    def __init__(self, max_tokens: int, windows: Iterable[int | None]) -> None:
        self._max = max_tokens
        self._narrowest = min((w for w in windows if w is not None), default=None)
        self._stored: OrderedDict[tuple[int, ...], tuple[Reading, np.ndarray[Any, np.dtype[np.int64]]]]
        self._stored = OrderedDict()
        self._tokens = 0

    @property
    def tokens(self) -> int:
        """How many tokens are remembered now."""
        return self._tokens

    def clear(self) -> None:
        """Forget everything."""
        self._stored.clear()
        self._tokens = 0

    def can_shorten(self, length: int) -> bool:
        """Whether keys and values of a text of this length still hold those of its beginnings."""
        return self._narrowest is None or length < self._narrowest

    def has_room_for(self, length: int) -> bool:
        """Whether a reading of this length would be kept."""
        return 0 < length <= self._max

    def add(self, reading: Reading) -> None:
        """Remember a reading, forgetting the ones used longest ago; one larger than everything is not kept."""
        if not self.has_room_for(len(reading)):
            return
        old = self._stored.pop(reading.ids, None)
        if old is not None:
            self._tokens -= len(reading)
            if reading.logits is None:
                reading = old[0]
        self._stored[reading.ids] = (reading, np.asarray(reading.ids, dtype=np.int64))
        self._tokens += len(reading)
        while self._tokens > self._max:
            ids, _ = self._stored.popitem(last=False)
            self._tokens -= len(ids)

    def find(self, ids: Sequence[int]) -> Reading:
        """The longest known beginning of `ids`; with the whole of them only if it has logits."""
        exact = self._stored.get(tuple(ids))
        if exact is not None and exact[0].logits is not None:
            self._stored.move_to_end(exact[0].ids)
            return exact[0]
        wanted = np.asarray(ids, dtype=np.int64)
        best, best_length = NOTHING, 0
        for reading, stored in self._stored.values():
            shared = min(_common(wanted, stored), len(ids) - 1)
            usable = shared == len(reading) or self.can_shorten(len(reading))
            if usable and shared > best_length:
                best, best_length = reading, shared
        if best_length == 0:
            return NOTHING
        self._stored.move_to_end(best.ids)
        return best if best_length == len(best) else _beginning(best, best_length)


def _common(a: np.ndarray[Any, np.dtype[np.int64]], b: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    shorter = min(len(a), len(b))
    differing = np.flatnonzero(a[:shorter] != b[:shorter])
    return int(differing[0]) if len(differing) else shorter


def _beginning(reading: Reading, length: int) -> Reading:
    layers = tuple((keys[:, :, :length], values[:, :, :length]) for keys, values in reading.layers)
    return replace(reading, ids=reading.ids[:length], layers=layers, logits=None)
