"""What a training run says of itself: lines, checkpoints, and now and then a look at what the model can do.

Boundary: watches a trainer from outside; decides nothing about the training.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Protocol


class Watched(Protocol):
    """What of a trainer is looked at."""

    settings: Any
    model: Any
    tokenizer: Any
    work: Path
    step: int
    tokens: int
    stage: int

    def save(self, path: Path | None = None) -> Path: ...


class Progress:
    """Prints a line now and then, writes checkpoints, and probes what the model can do."""

    def __init__(self, trainer: Watched, *, line_s: float, save_s: float, probe_s: float) -> None:
        self.every = {"line": line_s, "save": save_s, "probe": probe_s}
        self.last = dict.fromkeys(self.every, time.monotonic())
        self.tokens = trainer.tokens
        self.sums: dict[str, float] = defaultdict(float)

    def due(self, what: str, now: float) -> bool:
        if now - self.last[what] < self.every[what]:
            return False
        self.last[what] = now
        return True

    def __call__(self, trainer: Watched, report: dict[str, float]) -> None:
        for key, value in report.items():
            self.sums[key] += value
        now = time.monotonic()
        since = now - self.last["line"]
        if self.due("line", now):
            kinds = sorted(key for key in self.sums if not key.endswith("#"))
            losses = " ".join(f"{k} {self.sums[k] / self.sums[k + '#']:.3f}" for k in kinds)
            stage = trainer.settings.plan[trainer.stage][0]
            share = trainer.settings.rate_at(trainer.step, trainer.tokens)
            print(
                f"{time.strftime('%H:%M:%S')} {stage} step {trainer.step} {trainer.tokens / 1e6:.2f}M "
                f"{(trainer.tokens - self.tokens) / since:.0f} tok/s lr x{share:.2f} | {losses}",
                flush=True,
            )
            self.tokens, self.sums = trainer.tokens, defaultdict(float)
        if self.due("save", now):
            trainer.save()
        if self.due("probe", now):
            self.probe(trainer)
            spent = time.monotonic() - now
            self.last = {what: at + spent for what, at in self.last.items()}

    def probe(self, trainer: Watched) -> None:
        from playground.embedded import probe

        table = probe.table(trainer.model, trainer.tokenizer)
        score = sum(table.values()) / len(table)
        print(f"probe {trainer.tokens / 1e6:.2f}M mean {score:.3f} | " + probe.line(table), flush=True)
        best = trainer.work / "best.txt"
        if not best.exists() or score > float(best.read_text().split()[0]):
            trainer.save(trainer.work / "best.pt")
            best.write_text(f"{score:.4f} {trainer.tokens}\n")
