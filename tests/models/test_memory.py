"""Models in memory: one copy of each, the least recently used let go, none that a run is using."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.engine import InThread
from playground.errors import ModelBusy, ModelError
from playground.events import Event, RunCancelled, RunFailed, RunFinished, RunStarted
from playground.execute import RunSpec, execute
from playground.models import catalog
from playground.models.local import LocalModel
from playground.models.memory import Key, Residents, in_words
from tests.models.tiny import TEMPLATE, make_network, make_tokenizer


class Weight:
    """A model that takes as much memory as it says."""

    def __init__(self, bytes: int) -> None:
        self.memory_bytes = bytes


def key(name: str, device: str = "cpu", dtype: str = "float32", bits: int | None = None) -> Key:
    return Key(name, device, dtype, bits, label=name)


def names(residents: Residents) -> list[str]:
    return [resident.key.label for resident in residents.listed()]


def load(residents: Residents, name: str, bytes: int, **options: Any) -> Weight:
    return residents.get(key(name, **options), bytes, lambda: Weight(bytes))


def test_the_least_recently_used_goes_when_another_needs_the_room() -> None:
    residents = Residents(lambda device: 100)
    for name in "abc":
        load(residents, name, 30)
    assert names(residents) == ["a", "b", "c"]
    load(residents, "a", 30)
    load(residents, "d", 30)
    assert names(residents) == ["c", "a", "d"]
    load(residents, "e", 90)
    assert names(residents) == ["e"]
    assert residents.bytes("cpu") == 90


def test_one_in_use_stays_and_another_goes_in_its_place() -> None:
    residents = Residents(lambda device: 100)
    first = load(residents, "a", 40)
    load(residents, "b", 40)
    with residents.in_use(first), residents.in_use(first):
        load(residents, "c", 40)
        assert names(residents) == ["a", "c"]
    assert names(residents) == ["c", "a"]
    assert residents.listed()[1].users == 0


def test_what_does_not_fit_says_why() -> None:
    residents = Residents(lambda device: 100)
    with pytest.raises(ModelError, match=r"big .* takes 101 bytes; models may take 100 bytes") as large:
        load(residents, "big", 101)
    assert not large.value.retryable
    assert "PLAYGROUND_MODEL_MEMORY" in large.value.hint
    first = load(residents, "a", 60)
    with residents.in_use(first), pytest.raises(ModelBusy, match=r"no room for b .* a .* is in use") as busy:
        load(residents, "b", 60)
    assert busy.value.retryable
    assert names(residents) == ["a"]
    del first
    load(residents, "b", 60)
    assert names(residents) == ["b"]


def test_what_somebody_still_holds_is_counted_and_taken_back() -> None:
    residents = Residents(lambda device: 100)
    held = load(residents, "a", 60)
    with pytest.raises(ModelBusy, match="another model is in use"):
        load(residents, "b", 60)
    assert residents.bytes("cpu") == 60
    assert load(residents, "a", 60) is held
    assert names(residents) == ["a"]
    del held
    load(residents, "b", 60)
    assert residents.bytes("cpu") == 60


def test_real_bytes_count_when_the_estimate_was_low() -> None:
    residents = Residents(lambda device: 100)
    load(residents, "a", 50)
    made = residents.get(key("b"), 10, lambda: Weight(80))
    assert names(residents) == ["b"]
    assert residents.bytes("cpu") == made.memory_bytes == 80


def test_devices_have_budgets_of_their_own_and_none_means_no_limit() -> None:
    budgets = {"cpu": 50, "cuda:0": None}
    residents = Residents(lambda device: budgets[device])
    load(residents, "a", 50)
    for n in range(5):
        load(residents, f"g{n}", 1000, device="cuda:0")
    assert len(names(residents)) == 6
    load(residents, "b", 50)
    assert "a" not in names(residents)
    assert residents.bytes("cuda:0") == 5000


def test_the_same_files_in_other_numbers_are_another_model() -> None:
    residents = Residents(lambda device: None)
    made = [load(residents, "a", 1, dtype=dtype) for dtype in ("float32", "bfloat16", "float32")]
    assert made[0] is made[2]
    assert made[0] is not made[1]
    assert residents.get(key("a", bits=4), 1, lambda: Weight(1)) is not made[0]
    assert str(key("a", bits=4)) == "a (4 bits on cpu)"


def test_two_that_load_at_once_leave_room_for_each_other() -> None:
    residents = Residents(lambda device: 100)
    began, go = threading.Event(), threading.Event()

    def slow() -> Weight:
        began.set()
        assert go.wait(60)
        return Weight(60)

    loading = threading.Thread(target=residents.get, args=(key("a"), 60, slow))
    loading.start()
    assert began.wait(60)
    assert residents.bytes("cpu") == 60
    with pytest.raises(ModelBusy, match="no room"):
        load(residents, "b", 60)
    load(residents, "c", 40)
    go.set()
    loading.join()
    assert sorted(names(residents)) == ["a", "c"]


def test_a_failed_load_gives_its_room_back() -> None:
    residents = Residents(lambda device: 100)

    def fails() -> Weight:
        raise ModelError("damaged", "Download it again.")

    with pytest.raises(ModelError, match="damaged"):
        residents.get(key("a"), 100, fails)
    assert residents.bytes("cpu") == 0
    load(residents, "b", 100)


def test_a_forgotten_model_is_made_anew_and_one_in_use_only_on_purpose() -> None:
    residents = Residents(lambda device: 100)
    first = load(residents, "a", 40)
    with residents.in_use(first):
        with pytest.raises(ModelBusy, match=r"a .* is in use"):
            residents.forget([key("a")], anyway=False)
        residents.forget([key("a")])
        assert load(residents, "a", 40) is not first
        assert residents.bytes("cpu") == 80
    del first
    gc.collect()
    assert residents.bytes("cpu") == 40


def test_amounts_in_words() -> None:
    assert [in_words(n) for n in (12, 3400, 10_000_000, 1_250_000_000)] == [
        "12 bytes",
        "3.4 kB",
        "10 MB",
        "1.2 GB",
    ]


# The same with models that have weights


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Three tiny models on disk, and a catalogue that holds two of them at a time."""
    from playground.settings import settings

    tokenizer, made = make_tokenizer(TEMPLATE), []
    for name in "abc":
        folder = tmp_path / name
        network = make_network("llama", len(tokenizer))
        network.generation_config.eos_token_id = 1
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        made.append(str(folder))
    size = LocalModel.load(made[0], device="cpu").memory_bytes
    monkeypatch.setenv("PLAYGROUND_MODEL_MEMORY", str(int(size * 2.5)))
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cpu")
    monkeypatch.setattr(catalog, "_keys", {})
    monkeypatch.setattr(catalog, "_residents", Residents(catalog._budget))
    settings.cache_clear()
    yield made
    settings.cache_clear()


def in_memory() -> list[str]:
    return [Path(resident.key.label).name for resident in catalog.in_memory()]


def spec(model: str, **params: Any) -> RunSpec:
    return RunSpec("2 + 2?", "direct", model, {"max_new_tokens": 4, **params})


def test_weights_are_counted_byte_for_byte_and_freed(folders: list[str]) -> None:
    model = catalog.load(folders[0])
    network = model.network._model  # type: ignore[attr-defined]
    tensors = [*network.parameters(), *network.buffers()]
    assert model.memory_bytes == sum(t.nelement() * t.element_size() for t in tensors)  # type: ignore[attr-defined]
    assert catalog.in_memory()[0].bytes == model.memory_bytes  # type: ignore[attr-defined]
    weight = weakref.ref(next(network.parameters()))
    del model, network, tensors
    catalog.load(folders[1])
    assert weight() is not None
    catalog.load(folders[2])
    assert in_memory() == ["b", "c"]
    assert weight() is None


def test_other_numbers_are_another_copy_and_other_spellings_are_not(folders: list[str]) -> None:
    plain = catalog.load(folders[0])
    assert catalog.load(f"{folders[0]}?device=cpu&dtype=float32") is plain
    assert catalog.load(f"{folders[0]}/../a") is plain
    half = catalog.load(f"{folders[0]}?dtype=bfloat16")
    assert half is not plain
    assert (plain.versions["dtype"], half.versions["dtype"]) == ("float32", "bfloat16")
    assert half.memory_bytes < plain.memory_bytes  # type: ignore[attr-defined]
    assert len(catalog.in_memory()) == 2
    catalog.forget(folders[0])
    assert in_memory() == []


def test_one_copy_of_a_model_is_let_go_by_its_options(folders: list[str]) -> None:
    name = folders[0]
    catalog.load(name)
    catalog.load(f"{name}?dtype=bfloat16")
    catalog.forget(f"{name}?device=cuda")
    assert len(catalog.in_memory()) == 2
    catalog.forget(f"{name}?device=cpu&dtype=float32")
    assert [resident.key.dtype for resident in catalog.in_memory()] == ["bfloat16"]
    catalog.forget(f"{name}?device=cpu")
    assert in_memory() == []


def ends(events: list[Event]) -> type[Event]:
    return type(events[-1])


def test_a_run_keeps_its_model_to_its_end_and_no_longer(folders: list[str]) -> None:
    run = execute(spec(folders[0]), load_model=catalog.load)
    assert isinstance(next(run), RunStarted)
    assert [resident.users for resident in catalog.in_memory()] == [1]
    catalog.load(folders[1])
    catalog.load(folders[2])
    assert in_memory() == ["a", "c"]
    with pytest.raises(ModelBusy):
        catalog.forget(folders[0], anyway=False)
    assert ends(list(run)) is RunFinished
    assert [resident.users for resident in catalog.in_memory()] == [0, 0]
    catalog.forget(folders[0], anyway=False)
    assert in_memory() == ["c"]


@pytest.mark.parametrize("how", ["cancelled", "failed", "closed", "refused", "dropped"])
def test_however_a_run_ends_it_lets_go_of_its_model(
    folders: list[str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Event] = []
    asked = spec(folders[0])
    if how == "failed":

        def fails(*args: Any, **kwargs: Any) -> Any:
            raise torch.OutOfMemoryError("out of memory")

        monkeypatch.setattr(LocalModel, "prefill", fails)
    if how == "refused":
        asked = spec(folders[0], max_new_tokens=0)
    run = execute(asked, load_model=catalog.load, cancelled=lambda: how == "cancelled" and len(seen) > 3)
    if how in ("closed", "dropped"):
        seen = [next(run), next(run)]
        assert catalog.in_memory()[0].users == 1
        if how == "closed":
            run.close()
        del run
        gc.collect()
    else:
        for event in run:
            seen.append(event)
        assert ends(seen) is {"cancelled": RunCancelled}.get(how, RunFailed)
    assert all(resident.users == 0 for resident in catalog.in_memory())
    for folder in folders[1:]:
        catalog.load(folder)
    assert in_memory() == ["b", "c"]


def test_a_run_that_finds_no_room_says_so_and_may_be_tried_again(folders: list[str]) -> None:
    others = [execute(spec(folder), load_model=catalog.load) for folder in folders[:2]]
    for run in others:
        next(run)
    events = list(execute(spec(folders[2]), load_model=catalog.load))
    assert isinstance(events[-1], RunFailed)
    assert (events[-1].error, events[-1].retryable) == ("ModelBusy", True)
    for run in others:
        run.close()
    assert ends(list(execute(spec(folders[2]), load_model=catalog.load))) is RunFinished


def test_looking_into_a_model_holds_it_too(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = InThread(catalog.load)
    engine.call("load", model=folders[0])
    users: list[int] = []
    real = LocalModel.prefill

    def prefill(self: LocalModel, *args: Any, **kwargs: Any) -> Any:
        users.append(catalog.in_memory()[0].users)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(LocalModel, "prefill", prefill)
    engine.call("logits", model=folders[0], prompt="The cat")
    assert users == [1]
    [listed] = engine.call("loaded")
    assert (listed["name"], listed["device"], listed["dtype"], listed["in_use"]) == (
        folders[0],
        "cpu",
        "float32",
        0,
    )
    engine.call("unload", model=folders[0])
    assert engine.call("loaded") == []


def test_a_model_is_unloaded_through_the_engine_but_never_under_a_run(folders: list[str]) -> None:
    engine = InThread(catalog.load)
    run = execute(spec(folders[0]), load_model=catalog.load)
    assert isinstance(next(run), RunStarted)
    engine.call("load", model=folders[1])
    assert [model["in_use"] for model in engine.call("loaded")] == [1, 0]
    for model in (folders[0], f"{folders[0]}?device=cpu&dtype=float32"):
        with pytest.raises(ModelBusy, match=r"a \(float32 on cpu\) is in use") as busy:
            engine.call("unload", model=model)
        assert "Wait until its runs have ended" in busy.value.hint
    engine.call("unload", model=folders[1])
    assert in_memory() == ["a"]
    assert ends(list(run)) is RunFinished
    engine.call("unload", model=folders[0])
    assert in_memory() == []
    assert ends(list(execute(spec(folders[0]), load_model=catalog.load))) is RunFinished
