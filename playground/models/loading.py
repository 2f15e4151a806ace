"""Bringing a transformers model into memory, and saying exactly why one cannot be.

Boundary: files, the Hugging Face hub and transformers' loaders; nothing of decoding. Code that comes with a model is
never run, and weights are read from safetensors only.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors import SafetensorError

from playground.errors import BadInput, ModelError, UnknownName

SMALL = 1_000_000_000
"""Parameters up to which a processor computes in float32: exact, and as fast there as 16 bits."""

ONE_THREAD = 50_000_000
"""Parameters up to which one thread does. A second gains a fifth on two free cores; but threads that wait for each
other after each of a hundred small products crawl, fifty times slower, once other programs want those cores."""

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "*.tiktoken",
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_READ_WHOLE = 256 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run. `weights` identifies its weights: the hub's commit or a hash of the files."""

    model: Any
    tokenizer: Any
    weights: str


def load(name: str, device: str | None = None, dtype: torch.dtype | None = None) -> Loaded:
    """Load a causal language model.

    Args:
        name: a directory, or a Hugging Face id ("Qwen/Qwen2.5-0.5B-Instruct").
        device: "cpu", "cuda", "cuda:1" or "mps"; None takes the best there is.
        dtype: None takes float32 on a processor below a thousand million parameters, else 16 bits where the
            device has them.

    Raises:
        BadInput: a directory that holds no such model, or a device that is not there.
        UnknownName: neither a directory nor an id that can be found.
        ModelError: weights, configuration or tokenizer that cannot be read or need what is never done.
    """
    place = choose_device(device)
    directory = Path(name).expanduser()
    if directory.is_dir():
        check_directory(directory)
        name = str(directory)
    elif name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BadInput(f"There is no directory {name!r}.", "Give the path of a directory that holds a model.")
    try:
        loaded = _load(name, place, dtype)
        _threads.fit(sum(p.numel() for p in loaded.model.parameters()))
        return loaded
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise explain(name, error) from error


def _load(name: str, device: torch.device, dtype: torch.dtype | None) -> Loaded:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    # Reading from disk is quick; the progress of a download is worth showing.
    (logging.disable_progress_bar if Path(name).is_dir() else logging.enable_progress_bar)()
    config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    if len(tokenizer) == 0:
        raise no_tokenizer(name)
    model, report = AutoModelForCausalLM.from_pretrained(
        name,
        config=config,
        dtype=dtype or "auto",
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"The weights of {name} are incomplete: {missing[0]} is missing ({len(missing)} in all).",
            "Download the model again.",
        )
    model.to(device=device, dtype=dtype or choose_dtype(model, device))
    model.eval().requires_grad_(False)
    commit = getattr(config, "_commit_hash", None)
    return Loaded(model, tokenizer, str(commit) if commit else fingerprint(Path(name)))


class Threads:
    """How many threads torch computes with: one while all loaded models are small, its own choice from the first
    larger one on. OMP_NUM_THREADS overrules both."""

    def __init__(self) -> None:
        self._own = torch.get_num_threads()
        self._all_small = True

    def fit(self, parameters: int) -> None:
        """A model of this size has been loaded."""
        self._all_small &= parameters <= ONE_THREAD
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(1 if self._all_small else self._own)


_threads = Threads()


def choose_device(device: str | None) -> torch.device:
    """The named device, or the best there is: CUDA, then Apple's, then the processor."""
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise BadInput(f"There is no device {device!r}.", "Use cpu, cuda or mps.") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(chosen.type, False):
        raise BadInput(f"This machine has no device {device!r}.", "Use cpu.")
    return chosen


def choose_dtype(model: Any, device: torch.device) -> torch.dtype:
    """The number format to compute in; see `load`."""
    parameters = sum(p.numel() for p in model.parameters())
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "mps":
        return torch.float16 if model.dtype != torch.float32 else torch.float32
    if parameters < SMALL or model.dtype == torch.float32:
        return torch.float32
    return torch.bfloat16


def check_directory(directory: Path) -> None:
    """Say what is missing before anything heavy is imported or read.

    Raises:
        BadInput: no configuration, no safetensors.
        ModelError: no tokenizer.
    """
    if not (directory / "config.json").is_file():
        raise BadInput(
            f"{directory} holds no model: config.json is missing.",
            "Give a directory written by save_pretrained, or a Hugging Face id.",
        )
    if not any(directory.glob("*.safetensors")):
        if any(path for pattern in _PICKLES for path in directory.glob(pattern)):
            raise BadInput(
                f"{directory} has its weights in pickle files, which can run code when they are read.",
                "Convert them: load the model yourself and save_pretrained(…, safe_serialization=True).",
            )
        raise BadInput(f"{directory} has no weights (*.safetensors).", "Download the model again.")
    if not any(path for pattern in _TOKENIZER_FILES for path in directory.glob(pattern)):
        raise no_tokenizer(str(directory))


def no_tokenizer(name: str) -> ModelError:
    return ModelError(
        f"{name} has no tokenizer.",
        "Copy the tokenizer's files (tokenizer.json and its configuration) beside it.",
    )


def fingerprint(directory: Path) -> str:
    """A hash of a directory's weights: of all bytes up to 256 MB, of sizes, beginnings and ends beyond."""
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _READ_WHOLE:
                digest.update(file.read())
            else:
                digest.update(file.read(1 << 20))
                file.seek(-(1 << 20), os.SEEK_END)
                digest.update(file.read())
    return f"sha256:{digest.hexdigest()[:16]}"


def explain(name: str, error: BaseException) -> ModelError | BadInput:
    """Our error for one that a loader raised."""
    chain = _chain(error)
    said = " ".join(str(link) for link in chain)
    first_line = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    if any(isinstance(link, GatedRepoError) for link in chain):
        return ModelError(
            f"{name} is gated: its owner lets in only those who asked.",
            f"Accept its terms at https://huggingface.co/{name} and set HF_TOKEN.",
        )
    if any(isinstance(link, RepositoryNotFoundError) for link in chain):
        return UnknownName(
            "model on Hugging Face", name, ["embedded", "an id such as Qwen/Qwen2.5-0.5B-Instruct"]
        )
    if any(isinstance(link, LocalEntryNotFoundError | ConnectionError) for link in chain):
        return ModelError(
            f"{name} is not on this machine, and Hugging Face cannot be reached.",
            "Connect to the network once to download it, give a directory, or choose the embedded model.",
        )
    if isinstance(error, OSError) and ("connect" in said or "offline" in said):
        return ModelError(
            f"{name} is not on this machine, and Hugging Face cannot be reached.",
            "Connect to the network once to download it, give a directory, or choose the embedded model.",
        )
    if "trust_remote_code" in said:
        return ModelError(
            f"{name} needs Python code from its own repository, which is never run here.",
            "Choose a model that transformers knows by itself.",
        )
    if any(isinstance(link, SafetensorError) for link in chain):
        return ModelError(
            f"The weights of {name} are damaged or cut off: {first_line}.", "Download the model again."
        )
    if any(isinstance(link, json.JSONDecodeError) for link in chain) or "valid JSON" in said:
        return ModelError(f"A JSON file of {name} cannot be read: {first_line}.", "Download the model again.")
    if "ignore_mismatched_sizes" in said:
        return ModelError(
            f"The weights of {name} have other shapes than its configuration says.",
            "Download the model again.",
        )
    if "safetensors" in said and isinstance(error, OSError):
        return BadInput(
            f"{name} has no weights in safetensors format.", "Choose a model that has, or convert this one."
        )
    if "tokenizer" in said.lower():
        return no_tokenizer(name)
    if isinstance(error, ImportError):
        return ModelError(
            f"{name} needs a package that is not installed: {first_line}.", "Install it and try again."
        )
    return ModelError(
        f"{name} cannot be loaded as a causal language model: {first_line}.",
        "Choose a model that transformers' AutoModelForCausalLM can load.",
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links
