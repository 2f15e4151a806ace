"""The bounded memory of readings."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, MambaConfig

from playground.errors import ModelError
from playground.models.network import Network
from playground.models.prefix import NOTHING, Reading, Readings
from playground.sampling import GREEDY
from tests.models.tiny import make_model, read, run, say


def reading(*ids: int, logits: bool = False) -> Reading:
    states = torch.tensor(ids, dtype=torch.float32).view(1, 1, -1, 1)
    return Reading(ids, ((states, states),), torch.zeros(3) if logits else None)


def test_the_longest_known_beginning_is_found_and_cut() -> None:
    memory = Readings(100, [None])
    memory.add(reading(1, 2, 3))
    memory.add(reading(1, 2, 3, 4, 5))
    found = memory.find([1, 2, 3, 4, 9, 9])
    assert found.ids == (1, 2, 3, 4)
    assert found.layers[0][0].flatten().tolist() == [1, 2, 3, 4]
    assert memory.find([7, 8]) is NOTHING
    assert memory.find([1]) is NOTHING, "one token is always left to be read, for its logits"


def test_the_whole_text_counts_only_with_logits() -> None:
    memory = Readings(100, [None])
    memory.add(reading(1, 2, 3))
    assert memory.find([1, 2, 3]).ids == (1, 2)
    memory.add(reading(1, 2, 3, logits=True))
    assert memory.find([1, 2, 3]).logits is not None
    memory.add(reading(1, 2, 3))
    assert memory.find([1, 2, 3]).logits is not None, "known logits are not forgotten for a reading without"
    assert memory.find([1, 2, 3, 4]).ids == (1, 2, 3)
    assert memory.tokens == 3


def test_a_full_window_can_be_gone_on_from_but_not_shortened() -> None:
    memory = Readings(100, [None, 4])
    memory.add(reading(1, 2, 3))
    memory.add(reading(1, 2, 3, 4, 5))
    assert memory.find([1, 2, 3, 4, 9]).ids == (1, 2, 3)
    assert memory.find([1, 2, 3, 4, 5, 9]).ids == (1, 2, 3, 4, 5)
    assert memory.find([1, 2, 9]).ids == (1, 2)


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    memory = Readings(7, [None])
    memory.add(reading(1, 1, 1))
    memory.add(reading(2, 2, 2))
    memory.find([1, 1, 1, 5])
    memory.add(reading(3, 3, 3))
    assert memory.tokens == 6
    assert memory.find([2, 2, 2, 5]) is NOTHING
    assert memory.find([1, 1, 1, 5]).ids == (1, 1, 1)
    memory.add(reading(*range(8)))
    assert memory.tokens == 6, "what would not fit is not kept"
    memory.clear()
    assert (memory.tokens, memory.find([1, 1, 1, 5])) == (0, NOTHING)


def test_a_models_memory_stays_within_its_bound() -> None:
    model = make_model("llama", cache_tokens=60)
    for i in range(12):
        [branch] = read(model, say(f"question {i}")).fork([f"q/{i}"])
        run(model.decode([branch], GREEDY, node="q", max_new_tokens=4, seed=0))
        assert 0 < model.network.readings.tokens <= 60


def test_architectures_without_keys_and_values_are_refused() -> None:
    config = MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, state_size=4)
    with pytest.raises(ModelError, match="cannot be forked") as caught:
        Network(AutoModelForCausalLM.from_config(config), 100)
    assert "Qwen" in caught.value.hint
