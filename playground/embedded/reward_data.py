"""What the reward model learns from: worked answers to training puzzles, each step marked right or wrong.

Half of it and more is what the embedded model itself writes at a temperature of 1, so that the reward model sees the
mistakes that it will be asked about; the rest are attempts with a slip put in. Knows puzzles, prompts, transformers'
`generate` and how a reward model reads. Must not know the training loop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from playground import prompts
from playground.embedded import corpus
from playground.embedded.checking import labels
from playground.embedded.lessons import puzzle_for
from playground.embedded.lessons_search import attempt_at
from playground.embedded.probe import evaluating, render
from playground.models import step_text
from playground.prompts import Prompt
from playground.puzzles import Puzzle
from playground.strategies.stepping import sentences

STAGE = corpus.STAGES["all"]
CHUNK = 1024
"""Puzzles sampled between two savings."""
PLAIN = 0.2
"""Share of puzzles asked without "Let's think step by step."."""


@dataclass(frozen=True)
class Work:
    """A worked answer: its steps, and for each whether it and all before it are right."""

    family: str
    question: str
    steps: tuple[str, ...]
    right: tuple[bool, ...]

    @property
    def first_wrong(self) -> int | None:
        """The place of the first wrong step."""
        return self.right.index(False) if False in self.right else None


def work(puzzle: Puzzle, text: str) -> Work:
    """A text cut into steps as a strategy cuts it, and checked."""
    steps = sentences(text)
    return Work(puzzle.family, puzzle.question, steps, tuple(labels(puzzle, steps)))


def synthetic(rng: Random) -> Work:
    """The solution of a training puzzle, or an attempt with a slip in it."""
    puzzle = puzzle_for(rng, STAGE)
    return work(puzzle, attempt_at(rng, puzzle).text)


# --- What the model itself writes -------------------------------------------------------------------------


def write(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    asked: Sequence[Prompt],
    *,
    each: int,
    limit: int,
) -> list[list[str]]:
    """`each` replies to every prompt at a temperature of 1, one batch; those that do not end within `limit` tokens are
    left out. torch's own random state decides."""
    texts = [render(prompt, tokenizer) for prompt in asked]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left").to(model.device)
    with evaluating(model):
        out = model.generate(
            **inputs, max_new_tokens=limit, do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
            num_return_sequences=each, eos_token_id=1, pad_token_id=0, use_cache=True,
        )  # fmt: skip
    rows = out[:, inputs["input_ids"].shape[1] :].tolist()
    replies = [str(tokenizer.decode(row[: row.index(1)])).strip() if 1 in row else "" for row in rows]
    return [[r for r in replies[i : i + each] if r] for i in range(0, len(replies), each)]


def sampled(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    puzzles: Sequence[Puzzle],
    *,
    seed: int,
    each: int = 2,
    rows: int = 192,
    plain: float = PLAIN,
) -> Iterator[Work]:
    """What the model writes about puzzles, those of like length together."""
    rng = Random(f"asked/{seed}")
    torch.manual_seed(seed)
    ordered = sorted(puzzles, key=lambda puzzle: len(puzzle.worked))
    for start in range(0, len(ordered), rows // each):
        some = ordered[start : start + rows // each]
        asked = [prompts.plain if rng.random() < plain else prompts.zero_shot_cot for _ in some]
        texts = [prompt(puzzle.question) for prompt, puzzle in zip(asked, some, strict=True)]
        # One that goes on for ever would keep the whole batch writing.
        limit = 16 + max(len(tokenizer(puzzle.worked)["input_ids"]) for puzzle in some) * 5 // 4
        replied = write(model, tokenizer, texts, each=each, limit=limit)
        for puzzle, replies in zip(some, replied, strict=True):
            yield from (work(puzzle, reply) for reply in replies)


def own_samples(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, *, puzzles: int, seed: int
) -> Iterator[list[Work]]:
    """What the model writes about training puzzles, a chunk at a time; chunks that are in `folder` are read there."""
    folder.mkdir(parents=True, exist_ok=True)
    for chunk in range(-(-puzzles // CHUNK)):
        path = folder / f"{seed}-{chunk:03}.jsonl"
        if not path.exists():
            rng = Random(f"reward/{seed}/{chunk}")
            drawn = [puzzle_for(rng, STAGE) for _ in range(min(CHUNK, puzzles - chunk * CHUNK))]
            found = sampled(model, tokenizer, drawn, seed=seed * 1000 + chunk)
            path.with_suffix(".part").write_text(
                "".join(f"{json.dumps(asdict(w))}\n" for w in found), "utf-8"
            )
            os.replace(path.with_suffix(".part"), path)
        yield read(path)


def read(path: Path) -> list[Work]:
    """The works of a chunk."""
    stored = map(json.loads, path.read_text("utf-8").splitlines())
    return [Work(w["family"], w["question"], tuple(w["steps"]), tuple(w["right"])) for w in stored]


# --- Batches ----------------------------------------------------------------------------------------------


@dataclass
class Batch:
    """Token ids [rows, length], padded on the right. For each step its row, its last token, and whether it is right."""

    ids: Tensor
    rows: Tensor
    ends: Tensor
    right: Tensor
    tokens: int

    def to(self, device: torch.device) -> Batch:
        ids, rows, ends, right = (t.to(device) for t in (self.ids, self.rows, self.ends, self.right))
        return Batch(ids, rows, ends, right, self.tokens)


def collate(encoded: Sequence[tuple[list[int], list[int], Work]]) -> Batch:
    """With causal attention the padding is never seen."""
    ids = torch.zeros(len(encoded), max(len(row) for row, _, _ in encoded), dtype=torch.long)
    for i, (row, _, _) in enumerate(encoded):
        ids[i, : len(row)] = torch.tensor(row)
    return Batch(
        ids,
        torch.tensor([i for i, (_, ends, _) in enumerate(encoded) for _ in ends]),
        torch.tensor([end for _, ends, _ in encoded for end in ends]),
        torch.tensor([float(right) for _, _, work in encoded for right in work.right]),
        sum(len(row) for row, _, _ in encoded),
    )


def pool(
    number: int,
    own: Sequence[Work],
    tokenizer: PreTrainedTokenizerFast,
    *,
    share: float,
    size: int,
    batch_tokens: int,
    seed: int,
) -> list[Batch]:
    """The batches of the pool of this number, always the same: `share` of it the model's own works, which come round
    again when all have been; neighbours in length together, in random order."""
    rng = Random(f"pool/{seed}/{number}")
    mine = round(size * share) if own else 0
    works = [synthetic(rng) for _ in range(size - mine)]
    works += [own[i % len(own)] for i in range(number * mine, (number + 1) * mine)]
    read = [(work, step_text.written(tokenizer, work.question, work.steps)) for work in works if work.steps]
    encoded = [(*step_text.encoded(tokenizer, text), work) for work, text in read]
    encoded.sort(key=lambda item: len(item[0]))
    batches: list[Batch] = []
    rows: list[tuple[list[int], list[int], Work]] = []
    for item in encoded:
        if rows and (len(rows) + 1) * len(item[0]) > batch_tokens:
            batches.append(collate(rows))
            rows = []
        rows.append(item)
    batches.append(collate(rows))
    rng.shuffle(batches)
    return batches
