"""The embedded reward model: the loss falls, a stopped run goes on exactly, what is written is a reward model that
strategies can ask, and its figures are what they say."""

import json
from dataclasses import asdict
from random import Random

import pytest
import torch

from playground.embedded import model as shapes
from playground.embedded import reward, reward_card, reward_data, reward_evaluate
from playground.embedded.reward import Settings, Trainer, begin, logits_of
from playground.embedded.reward_data import Work
from playground.models import catalog
from playground.models.memory import Residents
from playground.puzzles import draw

TINY = {"hidden": 32, "layers": 2, "heads": 2, "inner": 48}


@pytest.fixture(scope="module")
def written(tokenizer, tmp_path_factory):
    """A tiny untrained language model on disk."""
    directory = tmp_path_factory.mktemp("language") / "model"
    shapes.export(shapes.create(len(tokenizer), seed=1, **TINY), tokenizer, directory)
    return directory


def settings(**changes):
    return Settings(**{"tokens": 12_000, "batch_tokens": 800, "pool": 40, "warmup": 3, "lr": 3e-3, **changes})


def some(n, seed=0):
    rng = Random(seed)
    return [reward_data.synthetic(rng) for _ in range(n)]


def trainer(written, tokenizer, path, own=(), **changes):
    chosen = settings(**changes)
    return Trainer(chosen, begin(written, chosen.seed), tokenizer, list(own), path)


def weights(running):
    return torch.cat([p.detach().flatten() for p in running.model.parameters()])


def test_works_are_cut_and_checked():
    puzzle = draw("arithmetic", seed=1, difficulty=2)
    right = reward_data.work(puzzle, puzzle.worked)
    assert right.right == (True,) * 4
    assert right.first_wrong is None
    made = some(60)
    assert 10 < sum(work.first_wrong is None for work in made) < 50
    assert all(len(work.steps) == len(work.right) for work in made)


def test_own_samples_are_written_once(written, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(reward_data, "CHUNK", 4)
    model = shapes.create(len(tokenizer), seed=1, **TINY)
    puzzles = []

    def write(model, tokenizer, asked, *, each, limit):
        puzzles.extend(asked)
        return [["So the answer is 3.", "Ray has 3. 3 + 4 = 7."][:each] for _ in asked]

    monkeypatch.setattr(reward_data, "write", write)
    first = list(reward_data.own_samples(model, tokenizer, tmp_path, puzzles=6, seed=1))
    assert [len(chunk) for chunk in first] == [8, 4]
    assert len(puzzles) == 6
    again = list(reward_data.own_samples(model, tokenizer, tmp_path, puzzles=6, seed=1))
    assert again == first
    assert len(puzzles) == 6


def test_only_replies_that_end_are_taken(tokenizer):
    model = shapes.create(len(tokenizer), seed=1, **TINY)
    asked = [reward_data.prompts.plain("Why?"), reward_data.prompts.zero_shot_cot("Who?")]
    torch.manual_seed(0)
    replies = [
        reply for own in reward_data.write(model, tokenizer, asked, each=40, limit=30) for reply in own
    ]
    assert 0 < len(replies) < 80
    assert not any("<|" in reply for reply in replies)


def test_the_end_of_a_step_is_where_a_strategy_reads_it(written, tokenizer):
    works = some(30)
    [batch] = reward_data.pool(0, works, tokenizer, share=1.0, size=30, batch_tokens=10**6, seed=1)
    assert len(batch.rows) == len(batch.ends) == len(batch.right) == sum(len(w.steps) for w in works)
    for row, place in zip(batch.rows.tolist(), batch.ends.tolist(), strict=True):
        assert tokenizer.decode(batch.ids[row, place : place + 1]).endswith(".")
    assert sorted(batch.right.tolist()) == sorted(float(r) for w in works for r in w.right)


def test_pools_are_always_the_same_and_take_own_works_in_turn(tokenizer):
    own = some(10, seed=5)
    options = {"share": 0.5, "size": 8, "batch_tokens": 600, "seed": 1}
    first, again = (reward_data.pool(3, own, tokenizer, **options) for _ in range(2))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(first, again, strict=True))
    assert all(batch.ids.numel() <= 600 or len(batch.ids) == 1 for batch in first)


def test_the_loss_falls(written, tokenizer, tmp_path):
    """The same few works again and again: what a tiny model can learn by heart."""
    chosen = settings(tokens=40_000, own=1.0, pool=8, batch_tokens=1000)
    running = Trainer(chosen, begin(written, chosen.seed), tokenizer, some(8), tmp_path)
    losses = []
    running.run(lambda report: losses.append(report[0] / report[2]))
    assert len(losses) > 20
    assert sum(losses[-8:]) < 0.7 * sum(losses[:8])


def test_continuing_gives_the_same_weights_as_never_stopping(written, tokenizer, tmp_path):
    own = some(20)
    whole = trainer(written, tokenizer, tmp_path, own)
    whole.run()

    class Stop(Exception):
        pass

    def stop(_):
        if half.step == whole.step // 2:
            raise Stop

    half = trainer(written, tokenizer, tmp_path, own)
    with pytest.raises(Stop):
        half.run(stop)
    half.save()
    again = trainer(written, tokenizer, tmp_path, own)
    again.restore(tmp_path / "checkpoint.pt")
    again.run()
    assert (again.step, again.tokens, again.place) == (whole.step, whole.tokens, whole.place)
    assert torch.equal(weights(again), weights(whole))


def test_what_is_written_is_a_reward_model(written, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "_keys", {})
    monkeypatch.setattr(catalog, "_residents", Residents(catalog._budget))
    running = trainer(written, tokenizer, tmp_path, some(20))
    running.run()
    target = tmp_path / "reward"
    running.export(target)
    assert "Not measured yet." in (target / "README.md").read_text("utf-8")
    assert json.loads((target / "config.json").read_text())["architectures"] == [
        "LlamaForTokenClassification"
    ]

    works = some(12, seed=9)
    found = reward_evaluate.judged(catalog.load(f"reward:{target}"), works)
    [batch] = reward_data.pool(0, works, tokenizer, share=1.0, size=12, batch_tokens=10**6, seed=1)
    running.model.eval()
    with torch.no_grad():
        expected = logits_of(running.model, batch).sigmoid()
    told = sorted(value for rewards in found for value in rewards)
    assert told == pytest.approx(sorted(expected.tolist()), abs=0.02)  # the weights are written in 16 bits


def test_the_command_trains_exports_and_measures(written, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(catalog, "_keys", {})
    monkeypatch.setattr(catalog, "_residents", Residents(catalog._budget))
    replies = iter(["So the answer is 3."] * 10**6)
    monkeypatch.setattr(
        reward_data,
        "write",
        lambda model, tokenizer, asked, *, each, limit: [[next(replies)] * each for _ in asked],
    )
    target = tmp_path / "out"
    command = ["--init", str(written), "--target", str(target), "--work-dir", str(tmp_path / "work")]
    reward.main([*command, "--millions", "0.004", "--puzzles", "6"])
    assert "wrote" in capsys.readouterr().out
    reward.main([*command, "--evaluate", "--count", "3", "--write"])
    card = (target / "README.md").read_text("utf-8")
    assert "| game of 24 | 3 | 3 |" in card
    assert "Not measured yet." not in card
    assert json.loads((target / "measured.json").read_text())["puzzles"] == 3
    reward.main([*command, "--millions", "0.004", "--puzzles", "6", "--minutes", "0.0001"])
    assert "continuing" in capsys.readouterr().out


# --- Figures ----------------------------------------------------------------------------------------------


def a_work(*right):
    return Work("arithmetic", "?", tuple("abcdef"[: len(right)]), tuple(map(bool, right)))


def test_figures_by_hand():
    works = [a_work(1, 1, 1), a_work(1, 0, 0), a_work(0, 0), a_work(1, 1)]
    rewards = [[0.9, 0.9, 0.5], [0.9, 0.2, 0.1], [0.7, 0.1], [0.9, 0.3]]
    found = reward_evaluate.figures(works, rewards)
    assert (found.works, found.steps, found.right_steps, found.told) == (4, 10, 6, 8)
    assert (found.wrong, found.found) == (2, 1)
    assert (found.flawless, found.recognised) == (2, 1)


def test_calibration_by_hand():
    pairs = [(0.95, True), (0.95, True), (0.95, False), (0.05, False), (1.0, True)]
    bins = reward_evaluate.reliability(pairs)
    assert [b.count for b in bins] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 4]
    assert bins[9].right == pytest.approx(0.75)
    assert bins[9].reward == pytest.approx((0.95 * 3 + 1) / 4)
    works = [Work("x", "?", ("a",), (right,)) for _, right in pairs]
    found = reward_evaluate.figures(works, [[value] for value, _ in pairs])
    assert found.error == pytest.approx((0.05 + 4 * abs((0.95 * 3 + 1) / 4 - 0.75)) / 5)


def test_tables():
    figures = asdict(reward_evaluate.figures([a_work(1, 0), a_work(1, 1)], [[0.9, 0.1], [0.9, 0.9]]))
    measured = {
        "puzzles": 2,
        "families": {"coin_flip": figures, "all": figures},
        "versions": {"weights": "abc"},
    }
    lines = reward_card.tables(measured).splitlines()
    row = next(line for line in lines if line.startswith("| coin flip"))
    assert row.startswith("| coin flip | 2 | 4 | 0.75 | 1.00 (0.51–1.00) of 4 | 1.00 (0.21–1.00) of 1 |")
    assert "| 0.9–1.0 | 3 | 0.90 | 1.00 |" in lines
