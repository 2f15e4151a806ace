"""Train the embedded reward model: which steps of a worked answer are right. One command, resumable, on CPU or GPU.

    python -m playground.embedded.reward --init assets/embedded
    python -m playground.embedded.reward --evaluate --write

The embedded model's body with a head of one label, trained by binary cross-entropy at the end of every step (Math-
Shepherd's labels, Wang et al. 2024, but exact ones). Knows the data and the model's shape; what is measured and said
of it is the business of `reward_evaluate` and `reward_card`.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForTokenClassification, PreTrainedTokenizerFast
from transformers.utils import logging

from playground.embedded import model as shapes
from playground.embedded import reward_card, reward_data
from playground.embedded import tokenizer as tokenizers
from playground.embedded.reward_data import Batch, Work
from playground.embedded.train import default_work_dir
from playground.models.loading import fingerprint
from playground.models.reward import EMBEDDED as ASSETS

ABOUT = "Judges worked answers to the embedded model's puzzles, step by step."


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training run does.

    Attributes:
        tokens: how many are read in all; the rate rises for `warmup` steps and falls to nearly nothing at their end.
        puzzles: how many training puzzles the embedded model answers, twice each.
        own: share of those answers among what is read; the rest are attempts with slips put in.
    """

    tokens: float = 10e6
    batch_tokens: int = 6000
    lr: float = 4e-4
    weight_decay: float = 0.01
    warmup: int = 50
    puzzles: int = 8_192
    own: float = 0.6
    pool: int = 2048
    seed: int = 1

    def rate_at(self, step: int, tokens: int) -> float:
        """Share of the peak learning rate."""
        return min(1.0, (step + 1) / self.warmup, max(0.02, 1 - tokens / self.tokens))


def begin(directory: Path, seed: int) -> LlamaForTokenClassification:
    """A reward model with the body of a language model, and a fresh head."""
    config = LlamaConfig.from_pretrained(directory)
    config.id2label, config.label2id = {0: "right"}, {"right": 0}
    config.classifier_dropout, config.tie_word_embeddings = 0.0, False
    config.about = ABOUT
    torch.manual_seed(seed)
    model: LlamaForTokenClassification = LlamaForTokenClassification.from_pretrained(
        directory, config=config, dtype=torch.float32
    )
    return model


def logits_of(model: LlamaForTokenClassification, batch: Batch) -> Tensor:
    """The log-odds of each step being right, shape (steps,)."""
    logits: Tensor = model(input_ids=batch.ids, use_cache=False).logits
    return logits[batch.rows, batch.ends, 0].float()


class Trainer:
    """The state of a run and one step of it. `work` is where checkpoints go."""

    def __init__(
        self,
        settings: Settings,
        model: LlamaForTokenClassification,
        tokenizer: PreTrainedTokenizerFast,
        own: list[Work],
        work: Path,
    ) -> None:
        self.settings = settings
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).train()
        self.tokenizer = tokenizer
        self.own = list(own)
        Random(f"own/{settings.seed}").shuffle(self.own)
        self.work = work
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.step = 0
        self.tokens = 0
        self.place = (0, 0)  # the pool that is being read, and how many of its batches have been

    def train_step(self, batch: Batch) -> tuple[float, int, int]:
        """One update; the summed loss, how many steps were told rightly, and how many there were."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.lr * self.settings.rate_at(self.step, self.tokens)
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = logits_of(self.model, batch)
        loss = functional.binary_cross_entropy_with_logits(logits, batch.right)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += batch.tokens
        told = ((logits > 0) == (batch.right > 0.5)).sum()
        return loss.item() * len(logits), int(told), len(logits)

    def run(self, on_step: Callable[[tuple[float, int, int]], None] = lambda report: None) -> None:
        """Train until all tokens are read."""
        chosen = self.settings
        while self.tokens < chosen.tokens:
            number, read = self.place
            batches = reward_data.pool(
                number,
                self.own,
                self.tokenizer,
                share=chosen.own,
                size=chosen.pool,
                batch_tokens=chosen.batch_tokens,
                seed=chosen.seed,
            )
            for i, batch in enumerate(batches[read:], read + 1):
                report = self.train_step(batch)
                self.place = (number, i)
                on_step(report)
                if self.tokens >= chosen.tokens:
                    return
            self.place = (number + 1, 0)

    def save(self) -> Path:
        """Write a checkpoint, whole or not at all."""
        path = self.work / "checkpoint.pt"
        state = {
            "settings": asdict(self.settings),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "at": (self.step, self.tokens, *self.place),
        }
        self.work.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)
        return path

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.tokens, *place = state["at"]
        self.place = (place[0], place[1])

    def export(self, target: Path) -> None:
        """Write weights, tokenizer and card."""
        self.model.config.trained_tokens = self.tokens
        parameters = sum(p.numel() for p in self.model.parameters())
        card = reward_card.render(
            parameters=parameters, tokens=self.tokens, own=len(self.own), share=self.settings.own
        )
        shapes.export(self.model, self.tokenizer, target, card)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m playground.embedded.reward",
        description="Train the embedded reward model. Interrupt it at any time; the same command continues.",
    )
    defaults = Settings()
    parser.add_argument(
        "--init", type=Path, default=shapes.ASSETS, help="the language model it begins from (%(default)s)"
    )
    parser.add_argument("--target", type=Path, default=ASSETS, help="where it is written (%(default)s)")
    parser.add_argument(
        "--work-dir", type=Path, default=default_work_dir().with_name("reward"), help="(%(default)s)"
    )
    parser.add_argument(
        "--millions", type=float, default=defaults.tokens / 1e6, help="of tokens (%(default)s)"
    )
    parser.add_argument(
        "--puzzles", type=int, default=defaults.puzzles, help="answered by the model itself (%(default)s)"
    )
    parser.add_argument("--lr", type=float, default=defaults.lr)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (all)")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="of training; the same command goes on after them"
    )
    parser.add_argument("--export", action="store_true", help="only write what the checkpoint has")
    parser.add_argument("--evaluate", action="store_true", help="measure it on unseen puzzles instead")
    parser.add_argument("--count", type=int, default=200, help="puzzles of each family that are measured on")
    parser.add_argument("--write", action="store_true", help="put what was measured into its card")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = _parser().parse_args(arguments)
    logging.disable_progress_bar()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.evaluate:
        from playground.embedded import reward_evaluate

        reward_evaluate.report(options.init, options.target, options.count, write=options.write)
        return
    settings = Settings(
        tokens=options.millions * 1e6, lr=options.lr, puzzles=options.puzzles, seed=options.seed
    )
    # What another language model wrote, and what was learned from it, is another run's.
    work = options.work_dir / fingerprint(options.init).partition(":")[2]
    tokenizer = tokenizers.load(options.init)
    own = _own(settings, options.init, tokenizer, work)
    trainer = Trainer(settings, begin(options.init, settings.seed), tokenizer, own, work)
    if (work / "checkpoint.pt").exists():
        trainer.restore(work / "checkpoint.pt")
        print(f"continuing at {trainer.tokens / 1e6:.2f}M tokens", flush=True)
    if not options.export and not _train(trainer, options.minutes):
        print("stopped; the same command continues, and --export writes what there is")
        return
    trainer.export(options.target)
    print(f"wrote {options.target}")


def _own(settings: Settings, init: Path, tokenizer: PreTrainedTokenizerFast, work: Path) -> list[Work]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    writer = LlamaForCausalLM.from_pretrained(init, dtype=torch.float32).to(device)
    own: list[Work] = []
    began = time.monotonic()
    chunks = reward_data.own_samples(
        writer, tokenizer, work / "samples", puzzles=settings.puzzles, seed=settings.seed
    )
    for chunk in chunks:
        own += chunk
        right = sum(w.first_wrong is None for w in own)
        print(f"{len(own)} own answers, {right} right, {time.monotonic() - began:.0f} s", flush=True)
    return own


def _train(trainer: Trainer, minutes: float, line_s: float = 15.0, save_s: float = 120.0) -> bool:
    """Train and say how it goes; whether it came to its end."""
    began = said = saved = time.monotonic()
    sums = [0.0, 0.0, 0.0]
    before = trainer.tokens

    def on_step(report: tuple[float, int, int]) -> None:
        nonlocal said, saved, before
        for i, value in enumerate(report):
            sums[i] += value
        now = time.monotonic()
        if now - said > line_s:
            loss, told, count = sums
            print(
                f"{time.strftime('%H:%M:%S')} step {trainer.step} {trainer.tokens / 1e6:.2f}M "
                f"{(trainer.tokens - before) / (now - said):.0f} tok/s | loss {loss / count:.4f} "
                f"steps told rightly {told / count:.4f}",
                flush=True,
            )
            said, before, sums[:] = now, trainer.tokens, [0.0, 0.0, 0.0]
        if now - saved > save_s:
            trainer.save()
            saved = now
        if now - began > minutes * 60:
            raise KeyboardInterrupt

    try:
        trainer.run(on_step)
    except KeyboardInterrupt:
        return False
    finally:
        trainer.save()
    return True


if __name__ == "__main__":
    main()
