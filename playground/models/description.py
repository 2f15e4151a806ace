"""What can be said of a local model from its small files, before anything heavy is loaded.

Boundary: config.json and the headers of safetensors files; must not import torch or transformers.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground.errors import ModelError
from playground.models import estimate
from playground.models.base import Capabilities, ModelInfo

_FORMATS = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length")


def local_capabilities(context: int | None, alternatives: int = 10) -> Capabilities:
    """What every local model can do."""
    return Capabilities(
        full_logits=True,
        branches=True,
        top_logprobs=alternatives,
        top_k=True,
        min_p=True,
        seed=True,
        prefill=True,
        n=True,
        streaming=True,
        cancel=True,
        local=True,
        context_length=context,
    )


def context_length(config: Mapping[str, Any]) -> int | None:
    """Tokens that prompt and reply may have together, from the contents of config.json; None if it sets no limit."""
    text = config.get("text_config")
    for source in (text if isinstance(text, Mapping) else {}, config):
        for key in _CONTEXT_KEYS:
            value = source.get(key)
            if isinstance(value, int) and value > 0:
                return value
    return None


def describe(
    name: str,
    directory: Path,
    title: str | None = None,
    device: str = "cpu",
    dtype: str | None = None,
    bits: int | None = None,
) -> ModelInfo:
    """A model in a directory, as a list shows it. Its note is what config.json says under "about", where whoever
    made the model can say what it is good for, or else the architecture.

    Args:
        device, dtype, bits: how it would be computed, for what it takes in memory; None as nobody had chosen.

    Raises:
        ModelError: config.json is missing or cannot be read.
    """
    try:
        config = json.loads((directory / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The model in {directory} cannot be described: {error}.", "Download or build it again."
        ) from error
    known: dict[str, Any] = config if isinstance(config, dict) else {}
    note = known.get("about") or known.get("model_type") or "unknown architecture"
    capabilities = local_capabilities(context_length(known))
    parameters = count_parameters(directory)
    shape = estimate.attention_shape(known)
    bytes = None
    if parameters is not None and shape is not None:
        numbers = dtype or estimate.default_dtype(parameters, stored_dtype(directory) or "float32", device)
        bytes = estimate.weight_bytes(parameters, numbers, bits) + estimate.context_bytes(shape, numbers)
    return ModelInfo(
        name,
        title or directory.name,
        "local",
        capabilities,
        parameters,
        str(note),
        memory_bytes=bytes,
        fits=None if bytes is None else estimate.fits(bytes, device),
    )


def count_parameters(directory: Path) -> int | None:
    """Weights stored in a directory's safetensors files, from their headers; None where they cannot be read."""
    headers = _headers(directory)
    if headers is None:
        return None
    try:
        return sum(math.prod(entry["shape"]) for header in headers for entry in header.values()) or None
    except (KeyError, TypeError):
        return None


def stored_dtype(directory: Path) -> str | None:
    """The number format that most of a directory's weights are saved in; None where it cannot be read."""
    weights: dict[str, int] = {}
    try:
        for header in _headers(directory) or []:
            for entry in header.values():
                weights[entry["dtype"]] = weights.get(entry["dtype"], 0) + math.prod(entry["shape"])
    except (KeyError, TypeError):
        return None
    return _FORMATS.get(max(weights, key=lambda name: weights[name])) if weights else None


def _headers(directory: Path) -> list[dict[str, Any]] | None:
    """What a directory's safetensors files say they hold.

    Format: 8 bytes of header length (little-endian), then JSON of name -> dtype, shape, offsets.
    """
    headers = []
    for path in directory.glob("*.safetensors"):
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, 100 << 20)))
            headers.append({key: entry for key, entry in header.items() if key != "__metadata__"})
        except (OSError, ValueError, AttributeError, struct.error):
            return None
    return headers
