"""CoT-decoding's work, k branches with forced first tokens decoded greedily, three ways, and the least there is to do:

(a) ours: one prefill, one batch, and the whole trace of every token (log-probability, entropy, margin, ten
    alternatives), every event consumed;
(b) the obvious public way: k separate `generate` calls that return their scores;
(c) one batched `generate` that records nothing;
(d) the network's own matrix products for the steps and rows of (a), and nothing else;
(e) the floor: (d) and the attention of every layer and step over as many tokens, still without the prompt, norms,
    activations, rotations, the choice of a token or a word of the trace. (b) over (e) is more than any engine can win
    over (b) that runs these layers with these kernels in this number format.

    python benchmarks/decoding.py [--quick] [--only embedded|qwen2-0.5b] [--threads N]

Each shape is run in turns (abcde, bcdea, …) and the median is shown, of the clock's seconds and of the processor's
(which say more while the machine is busy with other things); all get the same prompt, first tokens and
limit. Random models never end a text, so they write the same number of tokens by construction; the trained embedded
model ends its texts in all of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast, Qwen2Config

from playground.events import Spent, TokenAdded, Usage
from playground.models.base import outcome
from playground.models.catalog import EMBEDDED
from playground.models.local import LocalModel
from playground.prompts import plain
from playground.sampling import GREEDY

K = 10
QUESTION = "Ray has 19 eggs. He buys 4 boxes of 6 eggs. How many eggs does Ray have?"


@dataclass(frozen=True)
class Case:
    """One model and how much it writes; `rows` is filled by (a): how many branches each step wrote on."""

    title: str
    model: LocalModel
    new_tokens: int
    repeats: int
    rows: list[int] = field(default_factory=list)


def random_model(config: Any) -> LocalModel:
    """A model of a shape, with random weights and a tokenizer of bytes."""
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    network.generation_config.eos_token_id = None
    vocabulary = {
        piece: i for i, piece in enumerate(["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken("<|end|>", special=True)])
    # A template, so that nothing but the limit ends a text.
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, chat_template="{{ messages[0].content }}\nA:")
    return LocalModel(network, tokenizer, name="random")


def embedded(quick: bool) -> Case:
    repeats = 3 if quick else 7
    if (EMBEDDED / "model.safetensors").is_file():
        return Case("embedded model", LocalModel.load(str(EMBEDDED)), 96, repeats)
    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=8,
        intermediate_size=704,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=None,
        bos_token_id=None,
    )
    return Case(
        "embedded shape, random weights (assets/embedded is not there)", random_model(config), 64, repeats
    )


def qwen(quick: bool) -> Case:
    config = Qwen2Config(
        vocab_size=151936,
        hidden_size=896,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        intermediate_size=4864,
        tie_word_embeddings=True,
        eos_token_id=None,
        bos_token_id=None,
    )
    return Case(
        "Qwen2 0.5B shape, random weights", random_model(config), 8 if quick else 32, 1 if quick else 3
    )


CASES: dict[str, Callable[[bool], Case]] = {"embedded": embedded, "qwen2-0.5b": qwen}


def ours(case: Case, _: list[int], first: list[int]) -> int:
    """(a): everything is measured and every event is taken."""
    model = case.model
    # What earlier rounds read must not help.
    model.network.readings.clear()
    usage, tokens = Usage(), 0
    case.rows.clear()
    prefix = outcome(model.prefill(plain(QUESTION), node="q", purpose="benchmark"))
    branches = prefix.fork([f"q/{i}" for i in range(K)], first)
    for event in model.decode(branches, GREEDY, node="q", max_new_tokens=case.new_tokens, seed=0):
        if isinstance(event, TokenAdded):
            tokens += 1
        elif isinstance(event, Spent):
            usage += event.usage
            case.rows.append(event.usage.completion_tokens)
    return usage.completion_tokens


def separate(case: Case, prompt: list[int], first: list[int]) -> int:
    """(b): one call a branch, each reading the prompt again; the first tokens' scores come from one more call."""
    network, written = case.model.network._model, 0
    generate(network, [prompt], 1, output_scores=True, return_dict_in_generate=True)
    for id in first:
        out = generate(
            network, [[*prompt, id]], case.new_tokens - 1, output_scores=True, return_dict_in_generate=True
        )
        written += out.sequences.shape[1] - len(prompt)
    return written


def batched(case: Case, prompt: list[int], first: list[int]) -> int:
    """(c): one call, no numbers; ended rows are carried along as padding, which is not counted."""
    out = generate(case.model.network._model, [[*prompt, id] for id in first], case.new_tokens - 1)
    rows = out[:, len(prompt) :]
    pad = case.model.network._model.generation_config.pad_token_id
    return rows.numel() if pad is None else int((rows != pad).sum())


def products(case: Case, _: list[int], __: list[int]) -> int:
    """(d): every linear layer once a step, on as many rows; the first step's logits are the prompt's."""
    layers = [m for m in case.model.network._model.modules() if isinstance(m, torch.nn.Linear)]
    with torch.inference_mode():
        for rows in case.rows[1:]:
            for layer in layers:
                layer(torch.ones(rows, layer.in_features))
    return sum(case.rows)


def floor(case: Case, prompt: list[int], first: list[int]) -> int:
    """(e): and the newest token of every row looks back at all before it, in every layer."""
    written = products(case, prompt, first)
    config = case.model.network.config
    size = config.hidden_size // config.num_attention_heads
    query = torch.ones(K, config.num_attention_heads, 1, size)
    keys = torch.ones(K, config.num_key_value_heads, len(prompt) + len(case.rows), size)
    with torch.inference_mode():
        for step, rows in enumerate(case.rows[1:], len(prompt) + 1):
            seen = keys[:rows, :, :step]
            for _ in range(config.num_hidden_layers):
                torch.nn.functional.scaled_dot_product_attention(query[:rows], seen, seen, enable_gqa=True)
    return written


def generate(network: Any, rows: list[list[int]], new: int, **options: Any) -> Any:
    ids = torch.tensor(rows, device=network.device)
    return network.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=new,
        max_length=None,
        **options,
    )


WAYS: dict[str, Callable[[Case, list[int], list[int]], int]] = {
    "(a) ours, full trace": ours,
    "(b) k generate calls with scores": separate,
    "(c) one batched generate, no scores": batched,
    "(d) its matrix products alone": products,
    "(e) with attention: the floor": floor,
}


def measure(case: Case) -> None:
    prefix = outcome(case.model.prefill(plain(QUESTION), node="q", purpose="benchmark"))
    # `generate` would write on after an end-of-text as first token, which is no comparison.
    first = [a.id for a in prefix.top(K + 5) if a.id not in case.model.ends][:K]
    prompt = list(prefix.ids)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    busy: dict[str, list[float]] = {way: [] for way in WAYS}
    written: dict[str, int] = {}
    names = list(WAYS)
    for repeat in range(case.repeats + 1):
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            start, cpu = time.perf_counter(), time.process_time()
            written[name] = WAYS[name](case, prompt, first)
            if repeat:  # The first round warms up.
                seconds[name].append(time.perf_counter() - start)
                busy[name].append(time.process_time() - cpu)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    used = {name: statistics.median(values) for name, values in busy.items()}
    base, base_used = medians[names[0]], used[names[0]]
    print(
        f"\n{case.title}: prompt {len(prompt)} tokens, k = {K}, up to {case.new_tokens} tokens a branch, "
        f"median of {case.repeats}, {torch.get_num_threads()} threads, {case.model.versions['dtype']}"
    )
    print(
        f"{'':38}{'seconds':>9}{'fastest':>9}{'x ours':>8}{'cpu s':>9}{'x ours':>8}{'tokens':>8}{'tokens/s':>10}"
    )
    for name, median in medians.items():
        print(
            f"{name:38}{median:9.3f}{min(seconds[name]):9.3f}{median / base:8.2f}"
            f"{used[name]:9.3f}{used[name] / base_used:8.2f}{written[name]:8}{written[name] / median:10.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer repeats and tokens")
    parser.add_argument("--only", choices=CASES, help="one shape")
    parser.add_argument("--threads", type=int, help="processor threads; all cores if not given")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    for name, make in CASES.items():
        if arguments.only in (None, name):
            measure(make(arguments.quick))


if __name__ == "__main__":
    main()
