"""A quick look at what a model can do: unseen puzzles, greedy decoding, one number for each skill.

Runs inside training every few minutes, so it is small and self-contained. Knows puzzles, prompts and
transformers' `generate`. The table in the model card comes from `evaluate`, through the project's own
decoding; this does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from playground import prompts
from playground.embedded.lessons_answering import band
from playground.embedded.lessons_search import attempt_at, criticism, verdict
from playground.prompts import Prompt, Step
from playground.puzzles import Puzzle, draw, game24, generate

SEED = "probe"
BATCH = 50
LEVELS = {
    "arithmetic": 3,
    "last_letter": 2,
    "coin_flip": 3,
    "letter_count": 2,
    "decimal_compare": 3,
    "year_parity": 2,
    "game_of_24": 2,
}


def render(prompt: Prompt, tokenizer: PreTrainedTokenizerFast) -> str:
    """A prompt through the tokenizer's own chat template, with its prefill."""
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return str(text) + (f" {prompt.prefill}" if prompt.prefill else "")


@contextmanager
def evaluating(model: LlamaForCausalLM) -> Iterator[None]:
    """Evaluation mode, no gradients, and the training mode back afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def complete(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[str], *, limit: int = 160
) -> list[str]:
    """Greedy continuations of a batch of texts, without the end mark."""
    if not texts:
        return []
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left").to(model.device)
    with evaluating(model):
        out = model.generate(
            **inputs, max_new_tokens=limit, do_sample=False, eos_token_id=1, pad_token_id=0, use_cache=True
        )
    new = out[:, inputs["input_ids"].shape[1] :].tolist()
    return [str(tokenizer.decode(row, skip_special_tokens=True)) for row in new]


_STATED = re.compile(r"answer is:?\s*\"?([\w.]+)", re.IGNORECASE)


def stated(text: str) -> str:
    """The answer a reply states: after the last "answer is", or else its last number or word."""
    found = _STATED.findall(text) or re.findall(r"\d+(?:\.\d+)?", text) or re.findall(r"\w+", text)
    return found[-1].rstrip(".").lower() if found else ""


def right(puzzle: Puzzle, text: str) -> bool:
    if puzzle.family == "game_of_24":
        return puzzle.accepts(text.rpartition("answer is ")[2].strip().rstrip("."))
    return stated(text) == puzzle.answer.lower()


def _share(results: list[bool]) -> float:
    return sum(results) / max(1, len(results))


def accuracy(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    puzzles: list[Puzzle],
    prompt_of: Callable[[str], Prompt],
) -> float:
    """Share answered rightly by greedy decoding of `prompt_of(question)`."""
    texts = [render(prompt_of(puzzle.question), tokenizer) for puzzle in puzzles]
    replies = complete(model, tokenizer, texts)
    return _share([right(puzzle, reply) for puzzle, reply in zip(puzzles, replies, strict=True)])


@torch.inference_mode()
def branches(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    question: str,
    *,
    k: int = 10,
    limit: int = 100,
) -> list[tuple[str, float]]:
    """CoT-decoding's k greedy branches as (text, Δ): mean top-2 margin over the stated answer's tokens."""
    ids = tokenizer(render(prompts.plain(question), tokenizer), return_tensors="pt")["input_ids"]
    with evaluating(model):
        first = model(ids).logits[0, -1].float().softmax(-1)
        top = first.topk(k)
        start = torch.cat([ids.expand(k, -1), top.indices[:, None]], 1)
        out = model.generate(
            start, attention_mask=torch.ones_like(start), max_new_tokens=limit, do_sample=False,
            eos_token_id=1, pad_token_id=0, output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
    probabilities = torch.stack(out.logits, 1).float().softmax(-1).topk(2).values
    margins = torch.cat([(first[top.indices] - first.topk(2).values[1])[:, None].abs(),
                         probabilities[..., 0] - probabilities[..., 1]], 1)  # fmt: skip
    results = []
    for whole, margin in zip(out.sequences[:, ids.shape[1] :].tolist(), margins.tolist(), strict=True):
        row = whole[: whole.index(1)] if 1 in whole else whole
        text = tokenizer.decode(row)
        found = list(_STATED.finditer(text)) or list(re.finditer(r"(\d+(?:\.\d+)?|\w+)", text))
        if not found:
            results.append((text, 0.0))
            continue
        low, high = found[-1].span(1)
        high = low + len(text[low:high].rstrip("."))
        ends = [len(tokenizer.decode(row[: i + 1])) for i in range(len(row))]
        spans = zip(margin, [0, *ends], ends, strict=False)
        inside = [m for m, begin, end in spans if begin < high and end > low]
        results.append((text, sum(inside) / max(1, len(inside))))
    return results


def titled(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, puzzles: list[Puzzle], *, most: int = 10
) -> tuple[float, float]:
    """Titled chains with the project's prompts: shares of valid JSON steps and of right final answers."""
    chains: list[list[Step]] = [[] for _ in puzzles]
    open_ = set(range(len(puzzles)))
    valid = []
    for _ in range(most):
        rows = sorted(open_)
        texts = [render(prompts.titled_chain(puzzles[i].question, chains[i]), tokenizer) for i in rows]
        for i, reply in zip(rows, complete(model, tokenizer, texts, limit=110), strict=True):
            try:
                step = Step(**json.loads(reply))
                valid.append(True)
            except (ValueError, TypeError):
                valid.append(False)
                open_.discard(i)
                continue
            chains[i].append(step)
            if step.next_action == "final_answer":
                open_.discard(i)
    done = zip(puzzles, chains, strict=True)
    texts = [render(prompts.titled_chain_final(p.question, chain), tokenizer) for p, chain in done]
    replies = complete(model, tokenizer, texts, limit=40)
    return _share(valid), _share([right(p, reply) for p, reply in zip(puzzles, replies, strict=True)])


def table(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, n: int = 32) -> dict[str, float]:
    """Accuracy on unseen puzzles for each skill: direct, zero-shot CoT, CoT-decoding, titled chain."""
    drawn = {name: list(generate(name, n, seed=SEED, difficulty=level)) for name, level in LEVELS.items()}
    with torch.autocast(model.device.type, dtype=torch.bfloat16):
        results: dict[str, float] = {}
        for level in (1, 3, 5):
            puzzles = list(generate("arithmetic", n, seed=SEED, difficulty=level))
            results[f"arithmetic{level}.direct"] = accuracy(model, tokenizer, puzzles, prompts.plain)
            results[f"arithmetic{level}.cot"] = accuracy(model, tokenizer, puzzles, prompts.zero_shot_cot)
        for name in list(LEVELS)[1:-1]:
            results[f"{name}.direct"] = accuracy(model, tokenizer, drawn[name], prompts.plain)
            results[f"{name}.cot"] = accuracy(model, tokenizer, drawn[name], prompts.zero_shot_cot)
        for name in ("arithmetic", "last_letter"):
            some = drawn[name][: n // 2]
            paths = [branches(model, tokenizer, puzzle.question) for puzzle in some]
            best = [max(found, key=lambda path: path[1])[0] for found in paths]
            results[f"{name}.cotdec"] = _share([right(p, t) for p, t in zip(some, best, strict=True)])
        some = drawn["arithmetic"][: n // 2]
        results["few_shot.arithmetic"] = accuracy(model, tokenizer, some, prompts.few_shot_cot)
        mixed = [p for name in LEVELS for p in drawn[name][:5]]
        results["titled.json"], results["titled.right"] = titled(model, tokenizer, mixed)
        replies = complete(
            model,
            tokenizer,
            [render(prompts.classify_difficulty(p.question), tokenizer) for p in mixed],
            limit=5,
        )
        results["classify"] = _share(
            [reply.strip() == band(p) for p, reply in zip(mixed, replies, strict=True)]
        )
        results |= searching(model, tokenizer, n)
    return results


def searching(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, n: int) -> dict[str, float]:
    """Skills of voting, revising and searching, each by one greedy reply on unseen puzzles."""
    results: dict[str, float] = {}
    for level in (1, 2, 3):
        games = list(generate("game_of_24", n, seed=SEED, difficulty=level))
        results[f"game{level}.direct"] = accuracy(model, tokenizer, games, prompts.plain)
        results[f"game{level}.cot"] = accuracy(model, tokenizer, games, prompts.zero_shot_cot)
    return results | skills(model, tokenizer, n)


def skills(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, n: int) -> dict[str, float]:
    """Share right of each of `SKILLS`, on n unseen puzzles each."""
    results: dict[str, float] = {}
    for name, maker in SKILLS.items():
        rng = Random(f"probe/{name}")
        asked, wanted = zip(*(maker(rng) for _ in range(n)), strict=True)
        texts = [render(prompt, tokenizer) for prompt in asked]
        batches = [texts[i : i + BATCH] for i in range(0, n, BATCH)]
        replies = [r for batch in batches for r in complete(model, tokenizer, batch, limit=200)]
        results[name] = _share([check(reply.strip()) for check, reply in zip(wanted, replies, strict=True)])
    return results


Skill = Callable[[Random], tuple[Prompt, Callable[[str], bool]]]


def _unseen(rng: Random, *families: str) -> Puzzle:
    family = rng.choice(families or ("arithmetic", "arithmetic", "last_letter", "coin_flip", "letter_count"))
    return draw(family, seed=rng.getrandbits(40), difficulty=LEVELS.get(family, 2))


def _judge(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = _unseen(rng)
    attempt = attempt_at(rng, puzzle)
    return prompts.judge(puzzle.question, attempt.text, prefill=False), lambda r: r == verdict(attempt)


def _review(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = _unseen(rng)
    attempt = attempt_at(rng, puzzle)
    return prompts.review(puzzle.question, attempt.text), lambda r: r.endswith(verdict(attempt))


def _revise(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = _unseen(rng)
    shown = [attempt_at(rng, puzzle, 0.0).text for _ in range(2)]
    return prompts.revise(puzzle.question, shown), lambda r: right(puzzle, r)


def _critique(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = _unseen(rng)
    attempt = attempt_at(rng, puzzle, 0.3)
    wanted = criticism(attempt, puzzle)
    return prompts.critique(puzzle.question, attempt.text), lambda r: r == wanted


def _value(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = _unseen(rng, "game_of_24")
    numbers = tuple(sorted(game24.numbers_of(puzzle.question)))
    move = rng.choice(game24.moves(numbers))
    if rng.random() < 0.5:
        move = rng.choice(game24.good_moves(numbers))
    hope = game24.reachable(move.left)
    return prompts.value(puzzle.question, [move.text]), lambda r: (not r.endswith("impossible")) == hope


def _propose(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = _unseen(rng, "game_of_24")
    legal = {move.text for move in game24.moves(tuple(sorted(game24.numbers_of(puzzle.question))))}
    return prompts.propose(puzzle.question, [], 5), lambda r: set(r.split("\n")) <= legal


def _subquestion(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = draw("last_letter", seed=rng.getrandbits(40), difficulty=5)
    turns = [(step.ask, step.reply) for step in puzzle.solution]
    return prompts.subquestion(puzzle.question, turns[:-1], turns[-1][0]), lambda r: right(puzzle, r)


def _decompose(rng: Random) -> tuple[Prompt, Callable[[str], bool]]:
    puzzle = draw("last_letter", seed=rng.getrandbits(40), difficulty=5)
    wanted = "\n".join(step.ask for step in puzzle.solution)
    return prompts.decompose(puzzle.question), lambda r: r == wanted


SKILLS: dict[str, Skill] = {
    "judge": _judge,
    "review": _review,
    "revise": _revise,
    "critique": _critique,
    "value": _value,
    "propose": _propose,
    "subquestion": _subquestion,
    "decompose": _decompose,
}


def line(results: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.2f}" for name, value in results.items())
