"""What a model takes in memory, and whether this machine has it.

Boundary: arithmetic on configurations and what the operating system says; must not import torch (accelerators are
asked only where something else imported it already).

An estimate is the weights in the numbers they are computed with, and the keys and values of `TOKENS` tokens: ten
branches of 400. What a forward pass needs for a moment comes on top, a small part of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TOKENS = 4096
"""Tokens of context that an estimate holds room for, those of all branches together."""

SMALL = 1_000_000_000
"""Parameters up to which a processor computes in float32: exact, and as fast there as 16 bits."""

SHARE = 0.6
"""The share of a memory that models may fill by default; the rest is for texts being written, and other programs."""

BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}

_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def default_dtype(parameters: int, stored: str, device: str, *, bfloat16: bool = True) -> str:
    """The numbers a model is computed with where nobody chose.

    Args:
        parameters: how many weights it has.
        stored: the format they are saved in.
        device: "cpu", "cuda…" or "mps".
        bfloat16: the device computes with it.
    """
    if device.startswith("cuda"):
        return "bfloat16" if bfloat16 else "float16"
    if device == "mps":
        return "float16" if stored != "float32" else "float32"
    return "float32" if parameters < SMALL or stored == "float32" else "bfloat16"


def weight_bytes(parameters: int, dtype: str, bits: int | None = None) -> int:
    """Bytes of the weights; with `bits`, a little less than there will be, for some layers stay as they are."""
    return parameters * bits // 8 if bits else parameters * BYTES.get(dtype, 4)


def context_bytes(shape: tuple[int, int, int], dtype: str, tokens: int = TOKENS) -> int:
    """Bytes of the keys and values of `tokens` tokens; `shape` is layers, heads that have them, numbers in each."""
    layers, heads, size = shape
    return 2 * layers * heads * size * tokens * BYTES.get(dtype, 4)


def attention_shape(config: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Layers, heads with keys and values, numbers in each, from the contents of config.json; None where it does not
    say. Windows and layers without attention are not looked at, so that it is never too little."""
    text = config.get("text_config")
    source = text if isinstance(text, Mapping) else config

    def number(*names: str) -> int | None:
        found = [source.get(name) for name in names]
        return next((value for value in found if isinstance(value, int) and value > 0), None)

    layers = number("num_hidden_layers", "n_layer")
    heads = number("num_attention_heads", "n_head")
    width = number("hidden_size", "n_embd")
    if layers is None or heads is None or width is None:
        return None
    return layers, number("num_key_value_heads") or heads, number("head_dim") or width // heads


def total_memory() -> int | None:
    """Bytes of this machine's memory, or of the part this process may use; None where the system does not say."""
    found = [_pages("SC_PHYS_PAGES"), *(_number(Path(path)) for path in _CGROUPS)]
    return min((bytes for bytes in found if bytes), default=None)


def free_memory() -> int | None:
    """Bytes that could be had now without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        available = _pages("SC_AVPHYS_PAGES") or 0
    total = total_memory()
    return (min(available, total) if total else available) or None


def device_memory(device: str) -> tuple[int, int] | None:
    """Free and all bytes of a device's memory; the machine's for a processor. None where it is not known.

    A GPU is asked only after something else imported torch: that takes seconds, and this must not.
    """
    torch = sys.modules.get("torch")
    if device.startswith("cuda"):
        if torch is None or not torch.cuda.is_available():
            return None
        free, all = torch.cuda.mem_get_info(device)
        return int(free), int(all)
    free_bytes, total = free_memory(), total_memory()
    return (free_bytes, total) if free_bytes and total else None


def likely_device() -> str:
    """Where a model would be computed if nobody chose, as far as is known without importing torch."""
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def fits(bytes: int, device: str = "cpu") -> bool | None:
    """Whether that much could be loaded now; None where nobody knows."""
    known = device_memory(device)
    return None if known is None else bytes <= known[0]


def _pages(name: str) -> int | None:
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max" is no limit
        return None
