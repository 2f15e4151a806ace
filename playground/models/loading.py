"""Bringing a transformers model into memory, and saying exactly why one cannot be.

Boundary: a model's files and transformers' loaders; nothing of decoding, and the network only through `downloads`. Code
that comes with a model is never run, and weights are read from safetensors only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from playground.errors import BadInput, ModelError, PlaygroundError
from playground.models import choice, downloaded, downloads, estimate, patience
from playground.models.description import count_parameters, stored_dtype
from playground.models.hub_errors import chain, from_hub

ONE_THREAD = 50_000_000
"""Parameters up to which one thread does. A second gains a fifth on two free cores; but threads that wait for each
other after each of a hundred small products crawl, fifty times slower, once other programs want those cores."""

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "spm.model",
    "*.tiktoken",
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_READ_WHOLE = 256 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a model's files are and how it will be computed.

    Attributes:
        name: what it is called when something goes wrong.
        commit: the hub's, None for a directory.
        bits: of a weight in memory, where they are fewer than those of `dtype`.
        bytes: about what its weights will take.
    """

    name: str
    directory: Path
    commit: str | None
    device: torch.device
    dtype: torch.dtype
    bits: int | None
    bytes: int

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run. `weights` identifies its weights: the hub's commit or a hash of the files."""

    model: Any
    tokenizer: Any
    weights: str


def plan(
    name: str,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    bits: int | None = None,
) -> Plan:
    """Find out how a causal language model would be loaded; fetches its files where they are not here yet.

    Args:
        name: a directory, or a Hugging Face id ("Qwen/Qwen2.5-0.5B-Instruct").
        device: "cpu", "cuda", "cuda:1" or "mps"; None takes the best there is.
        dtype: None takes what `estimate.default_dtype` says.
        bits: 4 or 8 hold the weights so, by bitsandbytes; None as `dtype` has them.

    Raises:
        BadInput: a directory that holds no such model, a device that is not there, or bits that cannot be made.
        UnknownName: neither a directory nor an id that can be found.
        ModelError: it cannot be fetched, or it has no tokenizer.
    """
    place = choose_device(device)
    refusal = choice.quantisation_refusal() if bits else None
    if refusal:
        raise BadInput(
            f"Weights of {bits} bits cannot be made here: {refusal}.",
            "Install them (pip install bitsandbytes accelerate), or choose another number format.",
        )
    directory, commit = Path(name).expanduser(), None
    if directory.is_dir():
        check_directory(directory)
    elif name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BadInput(f"There is no directory {name!r}.", "Give the path of a directory that holds a model.")
    else:
        directory = downloaded.find(name) or downloads.shared().wait(name, patience.unwanted)
        commit = directory.name
    parameters = count_parameters(directory) or 0
    numbers = (
        dtype if isinstance(dtype, torch.dtype) else choose_dtype(dtype, directory, parameters, place, bits)
    )
    bytes = estimate.weight_bytes(parameters, str(numbers).removeprefix("torch."), bits)
    return Plan(name, directory, commit, place, numbers, bits, bytes)


Head = Callable[[Any], str]
"""Which of transformers' heads a configuration's model has: "CausalLM", "SequenceClassification" …"""


def causal(config: Any) -> str:
    return "CausalLM"


def load(plan: Plan, head: Head = causal) -> Loaded:
    """Load a model.

    Raises:
        BadInput, ModelError: weights, configuration or tokenizer that cannot be read or need what is never done.
    """
    try:
        loaded = _load(plan, head)
        _threads.fit(sum(p.numel() for p in loaded.model.parameters()))
        return loaded
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise explain(plan.name, error, causal=head is causal) from error


def _load(plan: Plan, head: Head) -> Loaded:
    import transformers
    from transformers import AutoConfig, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = str(plan.directory)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if len(tokenizer) == 0:
        raise no_tokenizer(plan.name)
    options: dict[str, Any] = {"dtype": plan.dtype}
    if plan.bits:
        options |= {
            "quantization_config": quantisation(plan.bits, plan.dtype),
            "device_map": {"": plan.device},
        }
    auto = getattr(transformers, f"AutoModelFor{head(config)}")
    model, report = auto.from_pretrained(
        folder,
        config=config,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"The weights of {plan.name} are incomplete: {missing[0]} is missing ({len(missing)} in all).",
            "Download the model again.",
        )
    if not plan.bits:  # bitsandbytes has put them in place already, and refuses to move them
        model.to(device=plan.device, dtype=plan.dtype)
    model.eval().requires_grad_(False)
    return Loaded(model, tokenizer, plan.commit or fingerprint(plan.directory))


def quantisation(bits: int, dtype: torch.dtype) -> Any:
    """How bitsandbytes is to hold the weights: 4 bits as NF4 (Dettmers et al. 2023, §3), 8 bits as LLM.int8 (2022)."""
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=True,
    )


def memory_bytes(model: Any) -> int:
    """What a model's parameters and buffers take, those shared by two layers once."""
    return sum(tensor.nbytes for tensors in (model.parameters(), model.buffers()) for tensor in tensors)


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
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise BadInput(f"There is no device {device!r}.", "Use cpu, cuda or mps.") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    many = torch.cuda.device_count() if chosen.type == "cuda" else 1
    if not there.get(chosen.type, False) or (chosen.index or 0) >= many:
        raise BadInput(f"This machine has no device {device!r}.", "Use cpu.")
    if device == "cuda":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu") if chosen.type == "cpu" else chosen


def choose_dtype(
    name: str | None, directory: Path, parameters: int, device: torch.device, bits: int | None = None
) -> torch.dtype:
    """The named number format, or the one that suits a model's files and the device."""
    if name is None and bits == 8:
        name = "float16"  # what LLM.int8 multiplies with: any other is converted at every layer
    if name is None:
        bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported()
        stored = stored_dtype(directory) or "float32"
        name = estimate.default_dtype(parameters, stored, device.type, bfloat16=bfloat16)
    if name not in choice.DTYPES:
        raise BadInput(f"There is no number format {name!r} here.", f"Use {', '.join(choice.DTYPES)}.")
    chosen: torch.dtype = getattr(torch, name)
    return chosen


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


def explain(name: str, error: BaseException, *, causal: bool = True) -> PlaygroundError:
    """Our error for one that a loader raised."""
    hub = from_hub(name, error)
    if hub is not None:
        return hub
    links = chain(error)
    said = " ".join(str(link) for link in links)
    first_line = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    if "trust_remote_code" in said:
        return ModelError(
            f"{name} needs Python code from its own repository, which is never run here.",
            "Choose a model that transformers knows by itself.",
        )
    if any(isinstance(link, SafetensorError) for link in links):
        return ModelError(
            f"The weights of {name} are damaged or cut off: {first_line}.", "Download the model again."
        )
    if any(isinstance(link, json.JSONDecodeError) for link in links) or "valid JSON" in said:
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
    kind, loader = ("causal language", "CausalLM") if causal else ("reward", "SequenceClassification")
    return ModelError(
        f"{name} cannot be loaded as a {kind} model: {first_line}.",
        f"Choose a model that transformers' AutoModelFor{loader} can load.",
    )
