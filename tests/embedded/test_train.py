"""Training: the loss falls, an interrupted run continues exactly, what is written loads again."""

import argparse

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.embedded import model as shapes
from playground.embedded.train import Settings, Trainer, loss_of, parse_plan

TINY = {"hidden": 32, "layers": 2, "heads": 2, "inner": 48}


def settings(**changes) -> Settings:
    options = {"plan": (("arithmetic", 0.02),), "batch_tokens": 600, "pool": 60, "warmup": 5, "shape": TINY}
    return Settings(**{**options, **changes})


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


@pytest.mark.parametrize("muon_lr", [0.0, 3e-3])
def test_loss_falls(tokenizer, tmp_path, muon_lr):
    trainer = Trainer(settings(muon_lr=muon_lr), tokenizer, tmp_path)
    losses = []
    trainer.run(lambda _, report: losses.append(report["plain"] / max(1, report["plain#"])))
    assert len(losses) > 20
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_continuing_gives_the_same_weights_as_never_stopping(tokenizer, tmp_path):
    plan = settings(plan=(("arithmetic", 0.004), ("families", 0.004)))
    whole = Trainer(plan, tokenizer, tmp_path)
    whole.run()

    class Stop(Exception):
        pass

    def stop(trainer, _):
        if trainer.step == whole.step // 2:
            raise Stop

    half = Trainer(plan, tokenizer, tmp_path)
    with pytest.raises(Stop):
        half.run(stop)
    half.save()
    again = Trainer(plan, tokenizer, tmp_path)
    again.restore(tmp_path / "checkpoint.pt")
    again.run()
    assert (again.step, again.tokens, again.stage) == (whole.step, whole.tokens, whole.stage)
    assert torch.equal(weights(again), weights(whole))


def test_batches_waste_little_and_keep_every_mask(tokenizer, tmp_path):
    stream = Trainer(settings(batch_tokens=6000, pool=3000), tokenizer, tmp_path).batches("formats")
    chosen = [next(stream) for _ in range(20)]
    padded = sum(batch.ids.numel() for batch in chosen)
    assert sum(batch.real_tokens for batch in chosen) / padded > 0.95
    assert all(batch.mask.any(1).all() for batch in chosen)
    assert all(batch.ids.numel() <= 6000 or len(batch.ids) == 1 for batch in chosen)


def test_loss_counts_only_learned_tokens(tokenizer, tmp_path):
    trainer = Trainer(settings(), tokenizer, tmp_path)
    batch = next(trainer.batches("arithmetic"))
    loss, losses, rows = loss_of(trainer.body, trainer.model.lm_head.weight, batch)
    assert len(losses) == len(rows) == int(batch.mask[:, 1:].sum())
    logits = trainer.model(input_ids=batch.ids[:, :-1]).logits.log_softmax(-1)
    picked = logits.gather(-1, batch.ids[:, 1:, None])[..., 0][batch.mask[:, 1:]]
    assert torch.allclose(loss, -picked.mean(), atol=1e-4)


def test_rate_warms_up_stays_and_falls():
    chosen = Settings(plan=(("all", 1.0),), warmup=10, decay=0.2)
    assert chosen.rate_at(0, 0) == pytest.approx(0.1)
    assert chosen.rate_at(500, 500_000) == 1
    assert chosen.rate_at(900, 900_000) == pytest.approx(0.5)


def test_exported_directory_is_an_ordinary_transformers_model(tokenizer, tmp_path):
    trainer = Trainer(settings(), tokenizer, tmp_path)
    target = tmp_path / "assets" / "embedded"
    shapes.export(trainer.model, tokenizer, target, card="# Card\n")
    names = {path.name for path in target.iterdir()}
    assert {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "README.md",
    } <= names
    loaded = AutoModelForCausalLM.from_pretrained(target)
    assert loaded.dtype == torch.bfloat16
    assert torch.allclose(loaded.lm_head.weight.float(), trainer.model.lm_head.weight, atol=1e-2)
    template = AutoTokenizer.from_pretrained(target).apply_chat_template(
        [{"role": "user", "content": "Why?"}], tokenize=False, add_generation_prompt=True
    )
    assert template == "Q: Why?\nA:"


def test_plan_is_read_from_text():
    assert parse_plan("arithmetic:8, all:3.5") == (("arithmetic", 8.0), ("all", 3.5))
    with pytest.raises(argparse.ArgumentTypeError):
        parse_plan("algebra:1")
