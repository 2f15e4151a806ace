"""Thousands of saved runs that look like real ones, for benchmarks of the store.

Boundary: makes logs and hands them to a real `Store`; measures nothing. Some hundred questions are really asked of the
embedded model through a runner; every other run is one of those logs made another: a question of its own, names of its
own, times of its own, and every number moved a little, so that no two runs share a token's numbers that would not in
life. The same seed makes the same runs from the same recordings.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from playground import puzzles
from playground.events import Event, Record, RunStarted, TokenAdded
from playground.execute import RunSpec
from playground.models import catalog
from playground.runner import InThread, Runner, run_ids
from playground.store import Store

BEGUN = 1_700_000_000.0
APART = 600.0
"""Seconds between two questions."""

LANES = 4
"""Runs of a comparison; every tenth session is one."""

ASKED = (
    ("self-consistency", {"n": 8}), ("cot-decoding", {"k": 10}), ("zero-shot-cot", {}), ("self-consistency", {"n": 5}),
    ("titled-chain", {}), ("cot-decoding", {"k": 5}), ("direct", {}), ("few-shot-cot", {}),
)  # fmt: skip
MODELS = (
    "embedded",
    "embedded",
    "embedded",
    "Qwen/Qwen2.5-0.5B-Instruct",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
)
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
TAGS = ("class 7", "sums", "homework", "to show", "odd")

Log = Sequence[Record]


@dataclass(frozen=True)
class Made:
    """One run to be saved."""

    id: str
    session: str
    log: Log


def recorded(count: int) -> list[Log]:
    """`count` real runs of the embedded model, of every strategy in `ASKED` in turn."""
    families = cycle(sorted(puzzles.FAMILIES))
    asked = (
        RunSpec(
            puzzle.question, strategy, "embedded", params, seed=i, gold=puzzle.answer, family=puzzle.family
        )
        for i, (strategy, params) in enumerate(cycle(ASKED))
        for puzzle in [puzzles.draw(next(families), seed=i)]
    )
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Store(Path(folder) / "recorded.db"), InThread(catalog.load))
        logs = []
        for spec in islice(asked, count):
            run_id = runner.start(spec)
            runner.wait(run_id)
            logs.append(runner.records(run_id))
        runner.close()
    return logs


def many(count: int, logs: Sequence[Log], seed: int = 0) -> Iterator[Made]:
    """`count` runs, oldest first, each of its own session or one of `LANES` of a comparison."""
    rng, numbers = Random(seed), np.random.default_rng(seed)
    families = sorted(puzzles.FAMILIES)
    now = BEGUN
    new_id = run_ids(lambda: now)
    session, left, puzzle = "", 0, puzzles.draw(families[0], seed=seed)
    for i in range(count):
        id = new_id()
        if not left:
            now += rng.uniform(0.5, 1.5) * APART
            puzzle = puzzles.draw(families[i % len(families)], seed=f"{seed}/{i}")
            session, left = id, LANES if rng.random() < 0.1 else 1
        left -= 1
        yield Made(id, session, another(logs[i % len(logs)], id, puzzle, now, rng, numbers))


def another(
    log: Log, id: str, puzzle: puzzles.Puzzle, now: float, rng: Random, numbers: np.random.Generator
) -> list[Record]:
    """The log of a run like this one."""
    names: dict[str, str] = {}
    shift = now - log[0].time
    model = rng.choice(MODELS)
    out = []
    for record in log:
        event: Event = record.event
        if isinstance(event, RunStarted):
            seed = rng.randrange(10_000)
            event = replace(
                event,
                question=puzzle.question,
                gold=puzzle.answer,
                family=puzzle.family,
                model=model,
                seed=seed,
            )
        elif isinstance(event, TokenAdded):
            event = moved(event, names, rng, numbers)
        out.append(Record(id, record.seq, record.time + shift, event))
    return out


def moved(token: TokenAdded, names: dict[str, str], rng: Random, numbers: np.random.Generator) -> TokenAdded:
    """A token with other numbers, float32 as the model's own, and another name if it is one."""
    by = [float(x) for x in 1 + numbers.normal(0, 0.02, len(token.alternatives) + 4)]
    likeliest = tuple(
        replace(other, logprob=_single(other.logprob * factor))
        for other, factor in zip(token.alternatives, by[4:], strict=True)
    )
    word = token.text.strip()
    if len(word) > 2 and word.istitle():
        name = names.setdefault(word, "".join(rng.choices(SYLLABLES, k=3)).title())
        likeliest = tuple(replace(other, text=other.text.replace(word, name)) for other in likeliest)
        token = replace(token, text=token.text.replace(word, name))
    sampled = token.sampling_logprob
    its_own = [other.logprob for other in likeliest if other.id == token.id]
    return replace(
        token,
        logprob=its_own[0] if its_own else _single(token.logprob * by[0]),
        entropy=_single(token.entropy * by[1]),
        margin=_single(min(1.0, token.margin * by[2])),
        sampling_logprob=None if sampled is None else _single(sampled * by[3]),
        alternatives=likeliest,
    )


def _single(number: float) -> float:
    return float(np.float32(number))


def save(store: Store, run: Made) -> None:
    """As the runner does, only that all events come at once."""
    started = run.log[0].event
    assert isinstance(started, RunStarted)
    store.create_run(run.id, started, session=run.session)
    store.append(run.id, run.log)


def tokens(log: Log) -> int:
    """How many tokens were written in a run."""
    return sum(isinstance(record.event, TokenAdded) for record in log)


def describe(store: Store, seed: int = 0) -> None:
    """Give some sessions names, notes and tags, as a teacher would."""
    rng = Random(seed)
    sessions = store.sessions.find(limit=store.sessions.count())
    for i, session in enumerate(rng.sample(sessions, len(sessions) // 20)):
        store.sessions.set_tags(session.id, rng.sample(TAGS, rng.choice((1, 1, 2))))
        if i % 3 == 0:
            store.sessions.rename(session.id, f"Lesson {i}: {' '.join(session.question.split()[:4])}")
        if i % 4 == 0:
            store.sessions.set_note(session.id, f"Look at the margin before the answer. Group {i % 7}.")
