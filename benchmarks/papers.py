"""The papers' shapes in miniature, on unseen puzzles of the embedded model, with 95 % Wilson intervals.

    python benchmarks/papers.py [--count 200] [--only game24,votes] [--model embedded] [--threads N]

Every figure is measured when this runs, by the strategies that the pages use, through the same engine; the puzzles
are of the test split and of a seed of their own. A line says which shape the paper has and whether it came out here.
Tokens are those written, forward passes those of the network, both of all calls (judges, proposals and losing branches
included), a question on average.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playground import marking
from playground.execute import RunSpec, execute
from playground.intervals import wilson
from playground.models import catalog
from playground.puzzles import Puzzle, generate
from playground.trace import Trace, fold

SEED = "papers"
DRAWS = 200
"""Resamplings of a set of samples for a curve."""


@dataclass(frozen=True)
class Way:
    """A strategy with settings, and what the table calls it."""

    title: str
    strategy: str
    params: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Row:
    """What a way came to on a set of puzzles."""

    title: str
    right: int
    count: int
    tokens: float
    passes: float
    seconds: float

    @property
    def share(self) -> float:
        return self.right / self.count

    def __str__(self) -> str:
        low, high = wilson(self.right, self.count)
        return (
            f"  {self.title:<44} {self.share:.3f} ({low:.3f}–{high:.3f})  n {self.count:<4} "
            f"tokens {self.tokens:7.0f}  passes {self.passes:6.0f}  {self.seconds:5.2f} s"
        )


class Bench:
    """Runs ways on puzzles and remembers every trace of a session, so that one set of samples serves several tables."""

    def __init__(self, model: str, count: int) -> None:
        self.model = model
        self.count = count

    def puzzles(self, family: str, *levels: int, share: float = 1.0) -> list[Puzzle]:
        """Unseen puzzles, as many of each difficulty; at least one."""
        each = max(1, round(self.count * share / len(levels)))
        return [p for level in levels for p in generate(family, each, seed=SEED, difficulty=level)]

    def runs(self, way: Way, puzzles: Sequence[Puzzle]) -> list[Trace]:
        traces = []
        for puzzle in puzzles:
            spec = RunSpec(
                puzzle.question, way.strategy, self.model, way.params, 0, puzzle.answer, puzzle.family,
                budget=way.budget,
            )  # fmt: skip
            trace = fold(execute(spec, load_model=catalog.load))
            if trace.failure is not None:
                sys.exit(f"{way.title}: {trace.failure.message} {trace.failure.hint}")
            traces.append(trace)
        return traces

    def row(self, way: Way, puzzles: Sequence[Puzzle]) -> tuple[Row, list[Trace]]:
        start = time.perf_counter()
        traces = self.runs(way, puzzles)
        seconds = (time.perf_counter() - start) / len(puzzles)
        row = summed(way.title, traces, [bool(trace.correct) for trace in traces], seconds)
        print(row, flush=True)
        return row, traces


def summed(title: str, traces: Sequence[Trace], right: Sequence[bool], seconds: float = 0.0) -> Row:
    n = len(traces)
    return Row(
        title,
        sum(right),
        n,
        sum(t.usage.completion_tokens for t in traces) / n,
        sum(t.usage.forward_passes for t in traces) / n,
        seconds,
    )


def shape(said: str, came_out: bool) -> None:
    print(f"  shape: {said}: {'yes' if came_out else 'NO'}", flush=True)


def samples_of(trace: Trace) -> list[str | None]:
    """The answers of a run's samples, in order."""
    nodes = [n for n in trace.with_role("branch") if "/sample-" in n.id]
    return [n.answer.text if n.answer else None for n in nodes]


def majority(answers: Sequence[str | None], puzzle: Puzzle) -> bool:
    pooled = marking.pool(answers, [1.0] * len(answers), puzzle.family)
    return bool(pooled) and right(puzzle, pooled[0][0])


def right(puzzle: Puzzle, answer: str | None) -> bool:
    return answer is not None and bool(marking.right(puzzle.question, answer, puzzle.answer, puzzle.family))


def curve(
    samples: Sequence[Sequence[str | None]], puzzles: Sequence[Puzzle], sizes: Sequence[int]
) -> list[tuple[int, float]]:
    """Accuracy of the majority of n samples, each n drawn anew from the whole set many times."""
    rng = Random(SEED)
    points = []
    for n in sizes:
        hits = 0
        for answers, puzzle in zip(samples, puzzles, strict=True):
            memory: dict[tuple[str | None, ...], bool] = {}
            for _ in range(DRAWS):
                drawn = tuple(rng.choices(answers, k=n))
                if drawn not in memory:
                    memory[drawn] = majority(drawn, puzzle)
                hits += memory[drawn]
        points.append((n, hits / DRAWS / len(puzzles)))
    return points


def told(title: str, points: Sequence[tuple[int, float]]) -> None:
    print(f"  {title:<44} " + "  ".join(f"{n}: {value:.3f}" for n, value in points), flush=True)


# --- The tables -------------------------------------------------------------------------------------------


def game24(bench: Bench) -> None:
    """Yao et al. 2023, table 2: IO 7.3, CoT 4.0, CoT-SC 9.0, ToT b=1 45, b=5 74 (GPT-4, hard games)."""
    puzzles = bench.puzzles("game_of_24", 2, 3)
    direct, _ = bench.row(Way("direct", "direct"), puzzles)
    cot, _ = bench.row(Way("CoT", "zero-shot-cot"), puzzles)
    sc, _ = bench.row(Way("CoT-SC, n = 20", "self-consistency", {"n": 20, "temperature": 1.0}), puzzles)
    one, _ = bench.row(Way("ToT, b = 1", "tree-of-thoughts", {"breadth": 1}), puzzles)
    five, _ = bench.row(Way("ToT, b = 5", "tree-of-thoughts", {"breadth": 5}), puzzles)
    search = {"scorer": "checker", "iterations": 400, "generate": "propose"}
    mcts, _ = bench.row(
        Way("MCTS with the checker, ToT b = 5's tokens", "mcts", search, {"tokens": round(five.tokens)}),
        puzzles,
    )
    shape("direct and CoT are low", max(direct.share, cot.share) < 0.5 * five.share)
    shape("CoT-SC is a little better than CoT", sc.share >= cot.share)
    shape("ToT b = 1 is better than CoT-SC, b = 5 best", sc.share < one.share < five.share)
    shape("MCTS with the checker is at least as good at equal tokens", mcts.share >= five.share)


def consistency(bench: Bench) -> None:
    """Wang et al. 2023, figure 2: accuracy rises with the number of paths and flattens."""
    puzzles = bench.puzzles("arithmetic", 3, 4, 5)
    _, traces = bench.row(
        Way("self-consistency, n = 32", "self-consistency", {"n": 32, "temperature": 1.0}), puzzles
    )
    points = curve([samples_of(t) for t in traces], puzzles, (1, 2, 4, 8, 16, 32))
    told("majority of n", points)
    values = [value for _, value in points]
    shape("rises with n", values[-1] > values[0])
    shape("and flattens", values[-1] - values[-2] < values[2] - values[0])


def votes(bench: Bench) -> None:
    """Chen et al. 2024, figures 1 and 3: more calls help on easy questions and hurt on hard ones."""
    puzzles = [*bench.puzzles("arithmetic", 1, 2, 3, share=0.5), *bench.puzzles("coin_flip", 2, 4, share=0.5)]
    _, traces = bench.row(Way("vote, n = 32", "vote", {"n": 32, "temperature": 1.0}), puzzles)
    samples = [samples_of(t) for t in traces]
    # Which questions are easy is told by one half of the samples, the curves are drawn from the other.
    rates = [sum(right(p, a) for a in s[::2]) / len(s[::2]) for s, p in zip(samples, puzzles, strict=True)]
    rest = [s[1::2] for s in samples]
    sizes = (1, 3, 5, 9, 15)
    ends: dict[str, list[float]] = {}
    for title, wanted in (
        ("easy", lambda r: r > 0.5),
        ("hard", lambda r: 0 < r < 0.5),
        ("all", lambda r: True),
    ):
        chosen = [i for i, rate in enumerate(rates) if wanted(rate)]
        if not chosen:
            continue
        points = curve([rest[i] for i in chosen], [puzzles[i] for i in chosen], sizes)
        told(f"{title} ({len(chosen)} questions), majority of n", points)
        ends[title] = [value for _, value in points]
    if "easy" in ends:
        shape("easy questions rise with calls", ends["easy"][-1] > ends["easy"][0])
    if "hard" in ends:
        shape("hard questions fall with calls", ends["hard"][-1] < ends["hard"][0])


def filtering(bench: Bench) -> None:
    """Chen et al. 2024: filter-vote above vote where reviews tell right from wrong."""
    puzzles = bench.puzzles("arithmetic", 3, 4, 5)
    same = {"n": 8, "prompt": "zero-shot CoT", "temperature": 1.0}
    plain, _ = bench.row(Way("vote, n = 8", "vote", same), puzzles)
    filtered, _ = bench.row(Way("filter-vote, n = 8", "filter-vote", same), puzzles)
    shape("filter-vote at least as good as vote", filtered.share >= plain.share)


def best_of_n(bench: Bench) -> None:
    """Li et al. 2023; Snell et al. 2024: a verifier above the majority, weighted above naive."""
    puzzles = bench.puzzles("arithmetic", 4, 5, 6)
    way = Way(
        "best-of-16 with the PRM, weighted", "best-of-n", {"n": 16, "temperature": 1.0, "scorer": "PRM"}
    )
    weighted, traces = bench.row(way, puzzles)
    rows = {}
    for rule in ("naive", "majority"):
        chosen = [t.answered.info["choices"][rule] if t.answered else None for t in traces]
        rows[rule] = summed(
            f"the same samples, {rule}", traces, [right(p, a) for p, a in zip(puzzles, chosen, strict=True)]
        )
        print(rows[rule], flush=True)
    shape("weighted above the majority", weighted.share > rows["majority"].share)
    shape("weighted at least as good as naive", weighted.share >= rows["naive"].share)


def rebase(bench: Bench) -> None:
    """Wu et al. 2024, figure 1: REBASE reaches sampling's accuracy with fewer tokens."""
    puzzles = bench.puzzles("arithmetic", 4, 5, 6)
    sampled, tree = [], []
    for n in (4, 8, 16):
        params = {"n": n, "temperature": 1.0, "scorer": "PRM"}
        sampled.append(bench.row(Way(f"best-of-{n}, weighted", "best-of-n", params), puzzles)[0])
        tree.append(bench.row(Way(f"REBASE, B = {n}", "rebase", params), puzzles)[0])
    best = max(sampled, key=lambda row: row.share)
    cheaper = [row for row in tree if row.share >= best.share and row.tokens < best.tokens]
    shape(f"REBASE reaches {best.share:.3f} with fewer than {best.tokens:.0f} tokens", bool(cheaper))


def revising(bench: Bench) -> None:
    """Snell et al. 2024, figure 7: at an equal number of attempts, revisions suit easy questions."""
    for levels in ((2, 3), (4, 5), (6, 7)):
        puzzles = bench.puzzles("arithmetic", *levels, share=0.5)
        print(f"  difficulty {levels[0]} and {levels[1]}")
        common = {"temperature": 1.0, "scorer": "PRM"}
        parallel, _ = bench.row(
            Way("8 parallel answers", "revisions", {"chains": 8, "length": 1, **common}), puzzles
        )
        mixed, _ = bench.row(Way("4 chains of 2", "revisions", {"chains": 4, "length": 2, **common}), puzzles)
        long, _ = bench.row(Way("1 chain of 8", "revisions", {"chains": 1, "length": 8, **common}), puzzles)
        best = max((parallel, mixed, long), key=lambda row: row.share)
        print(f"  best here: {best.title}", flush=True)


def optimal(bench: Bench) -> None:
    """Snell et al. 2024, figures 4 and 8: compute-optimal as good as best-of-N at a fraction of the compute."""
    puzzles = bench.puzzles("arithmetic", 2, 3, 4, 5, 6)
    full, _ = bench.row(
        Way("best-of-16, weighted", "best-of-n", {"n": 16, "temperature": 1.0, "scorer": "PRM"}), puzzles
    )
    half, _ = bench.row(
        Way("compute-optimal, 8 answers", "compute-optimal", {"answers": 8, "scorer": "PRM"}), puzzles
    )
    shape("at most half the tokens", half.tokens <= full.tokens / 2)
    shape("at least as good", half.share >= full.share)


def least_to_most(bench: Bench) -> None:
    """Zhou et al. 2023, table 1: last letters of 12 words, CoT 31.8, least-to-most 74.0."""
    for level in (3, 7, 9, 11):
        puzzles = bench.puzzles("last_letter", level, share=0.5)
        print(f"  lists of {level + 1}")
        cot, _ = bench.row(Way("CoT", "zero-shot-cot"), puzzles)
        parts, _ = bench.row(Way("least-to-most", "least-to-most"), puzzles)
    shape("least-to-most is better on the longest lists", parts.share > cot.share)


TABLES: dict[str, Callable[[Bench], None]] = {
    "game24": game24,
    "consistency": consistency,
    "votes": votes,
    "filtering": filtering,
    "best-of-n": best_of_n,
    "rebase": rebase,
    "revisions": revising,
    "compute-optimal": optimal,
    "least-to-most": least_to_most,
}


def chosen(names: str) -> Iterator[str]:
    for name in names.split(",") if names else TABLES:
        if name not in TABLES:
            sys.exit(f"There is no table {name!r}; choose from {', '.join(TABLES)}.")
        yield name


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="puzzles of a table (%(default)s)")
    parser.add_argument("--only", default="", help=f"some of {', '.join(TABLES)}")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    model = catalog.load(options.model)
    print(f"{model.name}, {model.versions}, {options.count} puzzles a table")
    bench = Bench(options.model, options.count)
    for name in chosen(options.only):
        table = TABLES[name]
        print(f"\n{name}: {(table.__doc__ or '').strip()}")
        table(bench)


if __name__ == "__main__":
    main()
