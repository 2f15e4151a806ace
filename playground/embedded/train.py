"""Train the embedded model: one command, resumable, the same on a CPU and on a GPU.

    python -m playground.embedded.train --plan arithmetic:6,families:5,formats:12,all:9

Knows the corpus, the model's shape and the probe. Checkpoints hold model, optimisers, step, tokens and the
stream's place, so an interrupted run continues as if nothing had happened. Must not know strategies or
pages.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from playground.embedded import corpus
from playground.embedded import model as shapes
from playground.embedded import tokenizer as tokenizers
from playground.embedded.batches import Batch, batches
from playground.embedded.progress import Progress


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training run does.

    `plan`: stages with millions of tokens each, in order. `lr` is AdamW's peak rate, `muon_lr` that of the
    hidden matrices (0 leaves them to AdamW). The rate is constant after `warmup` steps and falls nearly
    to zero over the last `decay` share of the plan's tokens.
    """

    plan: tuple[tuple[str, float], ...] = (
        ("arithmetic", 6.0),
        ("families", 5.0),
        ("formats", 12.0),
        ("all", 9.0),
    )
    batch_tokens: int = 6000
    lr: float = 1.5e-3
    muon_lr: float = 4e-3
    weight_decay: float = 0.01
    warmup: int = 60
    decay: float = 0.6
    seed: int = 1
    pool: int = 3000
    shape: dict[str, int] = field(default_factory=dict)

    @property
    def total_tokens(self) -> float:
        return sum(millions for _, millions in self.plan) * 1e6

    def stage_at(self, tokens: int) -> int:
        """Index of the stage in which this many tokens have been seen."""
        for i, (_, millions) in enumerate(self.plan):
            tokens -= int(millions * 1e6)
            if tokens < 0:
                return i
        return len(self.plan) - 1

    def rate_at(self, step: int, tokens: int) -> float:
        """Share of the peak learning rate: warm-up, constant, then a straight fall to nearly zero."""
        left = 1 - tokens / self.total_tokens
        return min(1.0, (step + 1) / self.warmup, max(0.02, left / self.decay))


def loss_of(body: Callable[..., object], head: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Mean loss over the learned tokens, the loss of each, and the row of each.

    Only hidden states whose next token is learned meet the vocabulary matrix.
    """
    hidden = body(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state  # type: ignore[attr-defined]
    wanted = batch.mask[:, 1:]
    losses = functional.cross_entropy(
        functional.linear(hidden[wanted], head).float(), batch.ids[:, 1:][wanted], reduction="none"
    )
    return losses.mean(), losses.detach(), wanted.nonzero()[:, 0]


def optimisers(model: LlamaForCausalLM, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings and norms (or AdamW alone)."""
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    chosen: list[torch.optim.Optimizer] = []
    rest = list(model.parameters())
    if settings.muon_lr:
        ids = {id(p) for p in inner}
        rest = [p for p in rest if id(p) not in ids]
        chosen.append(
            torch.optim.Muon(
                inner, lr=settings.muon_lr, weight_decay=settings.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    chosen.append(
        torch.optim.AdamW(
            rest, lr=settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay, fused=True
        )
    )
    for optimiser in chosen:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return chosen


class Trainer:
    """The state of a run and one step of it. `work` is where checkpoints go."""

    def __init__(
        self,
        settings: Settings,
        tokenizer: PreTrainedTokenizerFast,
        work: Path,
        *,
        compile_model: bool = False,
    ) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.work = work
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = shapes.create(len(tokenizer), seed=settings.seed, **settings.shape).to(self.device)
        self.optimisers = optimisers(self.model, settings)
        self.body: Callable[..., object] = self.model.model
        if compile_model:
            self.body = torch.compile(self.model.model, dynamic=True)
        self.before = 0  # tokens that the weights this run began from had seen
        self.step = 0
        self.tokens = 0
        self.stage = 0
        self.stage_batches = 0  # how far the present stage's stream has been read

    def begin_from(self, directory: Path) -> None:
        """Take the weights of an earlier export; the optimisers, the rate and the plan start afresh.

        A token that is new since then begins as the mean of the letters it was written with before.
        """
        earlier = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32)
        table = earlier.model.embed_tokens.weight.detach()
        written = tokenizers.carried(tokenizers.load(directory), self.tokenizer)
        state = earlier.state_dict()
        rows = torch.stack([table[ids].mean(0) for ids in written])
        state["model.embed_tokens.weight"] = state["lm_head.weight"] = rows
        self.model.load_state_dict(state)
        self.before = getattr(earlier.config, "trained_tokens", 0)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update; returns the summed loss and the number of learned tokens by kind, as "kind" and "kind#"."""
        share = self.settings.rate_at(self.step, self.tokens)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * share
        kinds, real = batch.kinds, batch.real_tokens
        batch = Batch(batch.ids.to(self.device), batch.mask.to(self.device), kinds, real)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss, losses, rows = loss_of(self.body, self.model.lm_head.weight, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += real
        self.stage_batches += 1
        report: dict[str, float] = defaultdict(float)
        for value, row in zip(losses.tolist(), rows.tolist(), strict=True):
            report[kinds[row]] += value
            report[kinds[row] + "#"] += 1
        return report

    def batches(self, stage: str) -> Iterator[Batch]:
        """The stage's batches from where the run stands."""
        chosen = self.settings
        return batches(
            stage,
            self.tokenizer,
            seed=chosen.seed,
            pool=chosen.pool,
            batch_tokens=chosen.batch_tokens,
            skip=self.stage_batches,
        )

    def run(
        self, on_step: Callable[[Trainer, dict[str, float]], None] = lambda trainer, report: None
    ) -> None:
        """Train until the plan's tokens are used up."""
        while self.tokens < self.settings.total_tokens:
            name, _ = self.settings.plan[self.stage]
            for batch in self.batches(name):
                on_step(self, self.train_step(batch))
                if self.tokens >= self.settings.total_tokens:
                    return
                due = self.settings.stage_at(self.tokens)
                if due != self.stage:
                    self.stage, self.stage_batches = due, 0
                    break

    def save(self, path: Path | None = None) -> Path:
        """Write a checkpoint, whole or not at all."""
        path = path or self.work / "checkpoint.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "settings": asdict(self.settings),
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "place": (self.step, self.tokens, self.stage, self.stage_batches),
            "before": self.before,
            "torch_rng": torch.get_rng_state(),
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)
        return path

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint; a changed plan starts its due stage's stream afresh."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, stored in zip(self.optimisers, state["optimisers"], strict=True):
            peaks = [group["peak"] for group in optimiser.param_groups]
            optimiser.load_state_dict(stored)
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["peak"] = peak
        self.step, self.tokens, self.stage, self.stage_batches = state["place"]
        self.before = state.get("before", 0)
        torch.set_rng_state(state["torch_rng"].cpu())
        before = [name for name, _ in state["settings"]["plan"]][: self.stage + 1]
        due = self.settings.stage_at(self.tokens)
        if due != self.stage or before != [name for name, _ in self.settings.plan][: due + 1]:
            self.stage, self.stage_batches = due, 0


def parse_plan(text: str) -> tuple[tuple[str, float], ...]:
    """ "arithmetic:8,all:3.5" as stages with millions of tokens."""
    plan = []
    for part in text.split(","):
        name, _, millions = part.strip().partition(":")
        if name not in corpus.STAGES:
            raise argparse.ArgumentTypeError(f"no stage {name!r}; choose from {', '.join(corpus.STAGES)}")
        plan.append((name, float(millions)))
    return tuple(plan)


def default_work_dir() -> Path:
    """A cache directory of the platform, outside the project."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / "reasoning-playground" / "embedded"


def write_assets(
    trainer: Trainer, target: Path, *, plan: tuple[tuple[str, float], ...], measure: bool = True
) -> None:
    """Write weights, tokenizer and card; `measure` puts the probe's table on the card."""
    from playground.embedded import card, probe

    results = probe.table(trainer.model, trainer.tokenizer) if measure else {}
    sizes = {k: v for k, v in trainer.model.config.to_dict().items() if isinstance(v, int)}
    sizes["parameters"] = sum(p.numel() for p in trainer.model.parameters())
    stages = ",".join(f"{name}:{millions:g}" for name, millions in plan)
    tokens = trainer.before + trainer.tokens
    trainer.model.config.trained_tokens = tokens
    begun = " --init assets/embedded" if trainer.before else ""
    text = card.render(results, sizes, tokens=tokens, options=f"{begun} --plan {stages}")
    shapes.export(trainer.model, trainer.tokenizer, target, text)
    print(f"wrote {target} | {probe.line(results)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m playground.embedded.train",
        description="Train the embedded model. Interrupt it at any time; the same command continues.",
    )
    defaults = Settings()
    plan_text = ",".join(f"{name}:{millions:g}" for name, millions in defaults.plan)
    parser.add_argument(
        "--plan", type=parse_plan, default=defaults.plan, help=f"stage:millions of tokens ({plan_text})"
    )
    parser.add_argument("--init", type=Path, help="begin from the weights and tokenizer of this export")
    parser.add_argument("--work-dir", type=Path, default=default_work_dir(), help="checkpoints (%(default)s)")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--batch-tokens", type=int, default=defaults.batch_tokens)
    parser.add_argument("--lr", type=float, default=defaults.lr, help="AdamW's peak rate (%(default)s)")
    parser.add_argument(
        "--muon-lr", type=float, default=defaults.muon_lr, help="0: AdamW alone (%(default)s)"
    )
    parser.add_argument(
        "--decay", type=float, default=defaults.decay, help="last share of the plan with falling rate"
    )
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile: about a tenth faster, needs a compiler"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (all)")
    parser.add_argument("--probe-minutes", type=float, default=10.0)
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--line-seconds", type=float, default=20.0)
    parser.add_argument("--stop-after", type=float, default=math.inf, help="stop after this many minutes")
    parser.add_argument(
        "--export", type=Path, nargs="?", const=shapes.ASSETS, help="only write a checkpoint's weights"
    )
    parser.add_argument("--unmeasured", action="store_true", help="export at once, without the table")
    parser.add_argument(
        "--checkpoint", type=Path, help="start from, or export, this one (work-dir/checkpoint.pt)"
    )
    return parser


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = _parser().parse_args(arguments)

    if options.threads:
        torch.set_num_threads(options.threads)
    settings = Settings(
        plan=options.plan, batch_tokens=options.batch_tokens, lr=options.lr, muon_lr=options.muon_lr,
        decay=options.decay, seed=options.seed,
    )  # fmt: skip
    kept = options.work_dir / "tokenizer"
    if not kept.exists():
        corpus.build_tokenizer().save_pretrained(kept)
    tokenizer = tokenizers.load(kept)
    trainer = Trainer(
        settings, tokenizer, options.work_dir, compile_model=options.compile and not options.export
    )
    checkpoint = options.checkpoint or options.work_dir / "checkpoint.pt"
    if checkpoint.exists():
        trainer.restore(checkpoint)
        print(f"continuing from {checkpoint} at {trainer.tokens / 1e6:.2f}M tokens", flush=True)
    elif options.init:
        trainer.begin_from(options.init)
        print(f"beginning from {options.init}, {trainer.before / 1e6:.2f}M tokens", flush=True)
    if options.export:
        write_assets(trainer, options.export, plan=options.plan, measure=not options.unmeasured)
        return
    size = sum(p.numel() for p in trainer.model.parameters())
    print(f"{size / 1e6:.2f}M parameters, {len(tokenizer)} tokens, {trainer.device}", flush=True)
    progress = Progress(
        trainer,
        line_s=options.line_seconds,
        save_s=options.save_minutes * 60,
        probe_s=options.probe_minutes * 60,
    )
    end = time.monotonic() + options.stop_after * 60

    def on_step(running: Trainer, report: dict[str, float]) -> None:
        progress(running, report)
        if time.monotonic() > end:
            raise KeyboardInterrupt

    try:
        trainer.run(on_step)
    except KeyboardInterrupt:
        print("stopped; the same command continues")
    trainer.save()
    progress.probe(trainer)


if __name__ == "__main__":
    main()
