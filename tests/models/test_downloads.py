"""Fetching models, against a hub on this machine: progress, stopping, going on, and everything it may refuse."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.errors import BadInput, DownloadStopped, ModelError, PlaygroundError, UnknownName
from playground.models import downloaded
from playground.models.downloads import Downloads
from playground.models.fetching import SPARE, Progress, wanted
from playground.models.local import LocalModel
from playground.runner import EngineProcess, Runner, RunSpec
from playground.store import Store
from tests.models.hub import Hub, files_of, serving

ROOT = Path(__file__).parents[2]
ID = "tiny/llama"
UNWANTED = {
    "pytorch_model.bin": b"pickle",
    "modeling_evil.py": b"raise SystemExit",
    "README.md": b"# Tiny",
    "onnx/model.onnx": b"onnx",
    "model.fp16.safetensors": b"other",
}


@pytest.fixture
def hub(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving({ID: files_of(saved) | UNWANTED}) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fetching(hub: Hub, cache: Path, **options: Any) -> Downloads:
    return Downloads(cache, hub.url, pause=0.01, **options)


def until(happens: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 100
    while not happens():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def refused(downloads: Downloads, kind: type[PlaygroundError], words: str, name: str = ID) -> PlaygroundError:
    with pytest.raises(kind, match=words) as caught:
        downloads.wait(name)
    assert caught.value.hint.endswith(".")
    progress = downloads.progress(name)
    assert progress is not None
    assert (progress.state, progress.error, progress.hint) == (
        "failed",
        caught.value.message,
        caught.value.hint,
    )
    return caught.value


def weights(hub: Hub) -> bytes:
    return hub.models[ID]["model.safetensors"]


def partial(cache: Path) -> Path:
    [path] = (downloaded.storage(ID, cache) / "blobs").glob("*.partial")
    return path


def test_a_model_is_fetched_into_the_shared_cache_and_loads(hub: Hub, cache: Path, saved: Path) -> None:
    assert downloaded.find(ID, cache) is None
    folder = fetching(hub, cache).wait(ID)
    assert folder == downloaded.find(ID, cache)
    assert folder.name == hub.commit
    assert (folder / "model.safetensors").read_bytes() == weights(hub)
    assert {path.name for path in folder.iterdir()} == set(files_of(saved))
    assert LocalModel.load(str(folder)).capabilities.context_length == 256
    # Other programs of Hugging Face find it there too.
    from huggingface_hub import snapshot_download

    assert snapshot_download(ID, cache_dir=cache, local_files_only=True) == str(folder)


def test_progress_counts_bytes_of_every_file(hub: Hub, cache: Path) -> None:
    hub.gate.clear()
    downloads = fetching(hub, cache)
    assert downloads.progress(ID) is None
    assert downloads.start(ID).active
    seen: list[Progress] = []

    def looked(enough: Callable[[Progress], Any]) -> Callable[[], bool]:
        def look() -> bool:
            seen.append(downloads.all()[0])
            return bool(enough(seen[-1]))

        return look

    until(looked(lambda progress: progress.speed))
    hub.gate.set()
    until(looked(lambda progress: not progress.active))
    last = seen[-1]
    assert last.state == "done"
    assert last.done == last.total == sum(file.total for file in last.files)
    assert {file.name for file in last.files} == set(hub.models[ID]) - set(UNWANTED)
    midway = [progress for progress in seen if 0 < progress.done < progress.total]
    assert midway
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert any(progress.speed for progress in midway)


def test_a_connection_cut_in_the_middle_goes_on_where_it_was(hub: Hub, cache: Path) -> None:
    hub.cut = [30_000, 0, 50_000]
    folder = fetching(hub, cache).wait(ID)
    assert (folder / "model.safetensors").read_bytes() == weights(hub)
    asked = [request.range for request in hub.gets("/cdn/")]
    assert asked == [None, "bytes=30000-", "bytes=30000-", "bytes=80000-"]


def test_a_connection_that_goes_silent_is_opened_again(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.models.fetching.TIMEOUT", 1.0)
    hub.cut, hub.hang = [30_000], 5.0
    folder = fetching(hub, cache).wait(ID)
    assert (folder / "model.safetensors").read_bytes() == weights(hub)
    assert [request.range for request in hub.gets("/cdn/")] == [None, "bytes=30000-"]


def test_after_too_many_cuts_it_stops_and_starts_again_where_it_was(hub: Hub, cache: Path) -> None:
    hub.cut = [40_000, 0, 0, 0, 0, 0]
    downloads = fetching(hub, cache)
    error = refused(downloads, DownloadStopped, "connection broke")
    assert error.retryable
    assert partial(cache).stat().st_size == 40_000
    assert downloaded.find(ID, cache) is None
    hub.asked.clear()
    fetching(hub, cache).wait(ID)
    assert [request.range for request in hub.gets("/cdn/")] == ["bytes=40000-"]
    assert not list(cache.rglob("*.partial*"))


def test_cancelling_keeps_what_came_and_the_next_start_goes_on(hub: Hub, cache: Path) -> None:
    hub.gate.clear()
    downloads = fetching(hub, cache)
    downloads.start(ID)
    waiting: list[Exception] = []

    def wait() -> None:
        try:
            downloads.wait(ID)
        except DownloadStopped as error:
            waiting.append(error)

    run = threading.Thread(target=wait)
    run.start()
    until(lambda: bool(list(cache.rglob("*.partial"))) and partial(cache).stat().st_size > 0)
    downloads.cancel(ID)
    hub.gate.set()
    run.join(60)
    progress = downloads.progress(ID)
    assert progress is not None
    assert progress.state == "cancelled"
    assert "stopped" in str(waiting[0])
    kept = partial(cache).stat().st_size
    assert 0 < kept < len(weights(hub))
    hub.asked.clear()
    folder = downloads.wait(ID)
    assert [request.range for request in hub.gets("/cdn/")] == [f"bytes={kept}-"]
    assert (folder / "model.safetensors").read_bytes() == weights(hub)


def test_a_killed_process_loses_nothing_that_was_written(hub: Hub, cache: Path) -> None:
    hub.gate.clear()
    code = (
        "import sys, pathlib; from playground.models.downloads import Downloads;"
        "Downloads(pathlib.Path(sys.argv[1]), sys.argv[2]).wait(sys.argv[3])"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(cache), hub.url, ID], cwd=ROOT)

    def weights_so_far() -> list[Path]:
        # Small files come first and are partial for a moment too; only the weights are named by 64 digits.
        return [p for p in cache.rglob("*.partial") if len(p.stem) == 64 and p.stat().st_size > 0]

    until(lambda: bool(weights_so_far()))
    child.kill()
    child.wait()
    [part] = weights_so_far()
    kept = part.stat().st_size
    hub.gate.set()
    hub.asked.clear()
    folder = fetching(hub, cache).wait(ID)
    assert [request.range for request in hub.gets("/cdn/")] == [f"bytes={kept}-"]
    assert (folder / "model.safetensors").read_bytes() == weights(hub)


def test_a_server_that_ignores_ranges_starts_the_file_over(hub: Hub, cache: Path) -> None:
    hub.cut, hub.ignore_ranges = [30_000], True
    folder = fetching(hub, cache).wait(ID)
    assert (folder / "model.safetensors").read_bytes() == weights(hub)


def test_damaged_bytes_are_not_kept(hub: Hub, cache: Path) -> None:
    hub.damage = True
    refused(fetching(hub, cache), DownloadStopped, "came damaged")
    assert not list(cache.rglob("*.partial"))
    hub.damage = False
    fetching(hub, cache).wait(ID)


def test_two_who_want_the_same_model_share_one_download(hub: Hub, cache: Path) -> None:
    hub.gate.clear()
    downloads = fetching(hub, cache)
    threads = [threading.Thread(target=downloads.wait, args=(ID,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: bool(hub.gets("/cdn/")))
    hub.gate.set()
    for thread in threads:
        thread.join()
    assert len(hub.gets("/cdn/")) == 1


class Waiter:
    """A thread that waits for a model until `unwanted` is set."""

    def __init__(self, downloads: Downloads) -> None:
        self.unwanted, self.error = threading.Event(), ""
        self.thread = threading.Thread(target=self._wait, args=(downloads,))
        self.thread.start()

    def _wait(self, downloads: Downloads) -> None:
        try:
            downloads.wait(ID, self.unwanted.is_set)
        except DownloadStopped as error:
            self.error = error.message

    def leave(self) -> None:
        self.unwanted.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


def fetchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("fetch ")]


def begun(cache: Path) -> bool:
    return any(path.stat().st_size > 0 for path in cache.rglob("*.partial"))


def test_the_last_who_no_longer_wants_a_model_stops_its_download(hub: Hub, cache: Path) -> None:
    hub.gate.clear()  # the hub says nothing more after a first piece, and nobody waits for that
    downloads = fetching(hub, cache)
    first, second = Waiter(downloads), Waiter(downloads)
    until(lambda: begun(cache))
    first.leave()
    assert "stopped" in first.error
    assert downloads.all()[0].state == "running"
    second.leave()
    until(lambda: fetchers() == [])
    assert downloads.all()[0].state == "cancelled"
    kept = partial(cache).stat().st_size
    assert 0 < kept < len(weights(hub))
    hub.gate.set()
    hub.asked.clear()
    folder = downloads.wait(ID)
    assert [request.range for request in hub.gets("/cdn/")] == [f"bytes={kept}-"]
    assert (folder / "model.safetensors").read_bytes() == weights(hub)


def test_a_download_that_was_asked_for_goes_on_when_nobody_waits(hub: Hub, cache: Path) -> None:
    hub.gate.clear()
    downloads = fetching(hub, cache)
    waiter = Waiter(downloads)
    until(lambda: begun(cache))
    downloads.start(ID)
    waiter.leave()
    hub.gate.set()
    until(lambda: downloads.all()[0].state == "done")


def test_who_wants_a_model_right_after_another_left_gets_it(hub: Hub, cache: Path) -> None:
    hub.gate.clear()
    downloads = fetching(hub, cache)
    waiter = Waiter(downloads)
    until(lambda: begun(cache))
    waiter.leave()
    after = Waiter(downloads)
    hub.gate.set()
    after.thread.join(60)
    assert after.error == ""
    assert (folder := downloaded.find(ID, cache)) is not None
    assert (folder / "model.safetensors").read_bytes() == weights(hub)


def test_a_file_that_another_program_fetches_is_waited_for_and_the_wait_can_be_left(
    hub: Hub, cache: Path
) -> None:
    hub.gate.clear()
    first, second = fetching(hub, cache), fetching(hub, cache)
    holds = Waiter(first)
    until(lambda: begun(cache))
    waits, leaves = Waiter(second), Waiter(third := fetching(hub, cache))
    until(lambda: third.all()[0].state == "running")
    leaves.leave()
    until(lambda: third.all()[0].state == "cancelled")
    hub.gate.set()
    for waiter in (holds, waits):
        waiter.thread.join(60)
        assert waiter.error == ""
    assert len(hub.gets("/cdn/")) == 1


def test_a_gated_model_says_what_to_do(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add(ID)
    downloads = fetching(hub, cache)
    error = refused(downloads, ModelError, "is gated")
    assert "Accept its terms" in error.hint
    assert "set HF_TOKEN" in error.hint
    monkeypatch.setenv("HF_TOKEN", "hf_bad")
    assert "HF_TOKEN" in refused(downloads, ModelError, "does not take the token").message
    hub.token = "hf_other"
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    folder = downloads.wait(ID)
    assert folder.is_dir()
    assert {request.token for request in hub.gets("/resolve/")} == {"hf_other"}
    assert {request.token for request in hub.gets("/cdn/")} == {None}


def test_a_token_that_was_not_let_in_says_whose_terms_are_missing(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(ID)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    real = "tests.models.hub._Handler._resolve"
    monkeypatch.setattr(real, lambda self, id, name, token: self._refuse(403, "GatedRepo", "no"))
    error = refused(fetching(hub, cache), ModelError, "is gated")
    assert "the account that the token in HF_TOKEN belongs to" in error.hint
    assert hub.token not in str(error)


def test_what_the_hub_may_say_is_told_apart(hub: Hub, cache: Path) -> None:
    downloads = fetching(hub, cache)
    refused(downloads, UnknownName, "no model on Hugging Face", "tiny/nothing")
    hub.fail = 500
    assert refused(downloads, DownloadStopped, "answered 500").retryable
    for wrong in ("a/b/c", "no spaces/please", "../up", ""):
        with pytest.raises(BadInput, match="no Hugging Face id"):
            downloads.start(wrong)
    nobody = Downloads(cache, "http://127.0.0.1:9", pause=0.01)
    refused(nobody, ModelError, "cannot be reached")


def test_offline_asks_nobody(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off = fetching(hub, cache, offline=lambda: True)
    assert "PLAYGROUND_OFFLINE" in refused(off, ModelError, "switched off").hint
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(fetching(hub, cache), ModelError, "switched off")
    assert hub.asked == []


def test_a_full_disk_is_noticed_before_anything_is_fetched(hub: Hub, cache: Path) -> None:
    small = fetching(hub, cache, free_bytes=lambda folder: SPARE + 1000)
    error = refused(small, ModelError, "more on disk; .* are free")
    assert "HF_HUB_CACHE" in error.hint
    assert hub.gets("/cdn/") == []
    needed = sum(len(hub.models[ID][name]) for name in wanted(ID, list(hub.models[ID])))
    fetching(hub, cache, free_bytes=lambda folder: SPARE + needed).wait(ID)


def test_a_newer_version_takes_over_only_when_it_is_whole(hub: Hub, cache: Path) -> None:
    old = fetching(hub, cache).wait(ID)
    hub.commit = "f" * 40
    hub.models[ID]["model.safetensors"] = weights(hub)[:-4] + b"\0\0\0\1"
    hub.cut = [0] * 5
    with pytest.raises(DownloadStopped):
        fetching(hub, cache).wait(ID)
    assert downloaded.find(ID, cache) == old
    new = fetching(hub, cache).wait(ID)
    assert new.name == hub.commit
    assert downloaded.find(ID, cache) == new


def test_weights_in_parts(hub: Hub, cache: Path, saved: Path) -> None:
    parts = {f"model-{n:05}-of-00002.safetensors": bytes([n]) * 1000 for n in (1, 2)}
    index = {"metadata": {}, "weight_map": {f"w{n}": name for n, name in enumerate(parts)}}
    files = files_of(saved)
    del files["model.safetensors"]
    hub.models[ID] = files | parts | {downloaded.INDEX: json.dumps(index).encode()}
    folder = fetching(hub, cache).wait(ID)
    assert {path.name for path in folder.glob("*.safetensors")} == set(parts)
    (folder / min(parts)).unlink()
    assert downloaded.find(ID, cache) is None
    fetching(hub, cache).wait(ID)
    assert downloaded.find(ID, cache) == folder


def test_what_is_no_transformers_model_is_refused_before_it_is_fetched(hub: Hub, cache: Path) -> None:
    del hub.models[ID]["model.safetensors"]
    refused(fetching(hub, cache), BadInput, "no weights in safetensors")
    del hub.models[ID]["config.json"]
    refused(fetching(hub, cache), BadInput, "config.json is missing")
    assert hub.gets("/resolve/") == []


def test_removing_a_model_frees_its_bytes_and_leaves_others(hub: Hub, cache: Path) -> None:
    hub.models["tiny/other"] = hub.models[ID]
    for name in (ID, "tiny/other"):
        fetching(hub, cache).wait(name)
    assert downloaded.remove(ID, cache) >= len(weights(hub))
    assert downloaded.find(ID, cache) is None
    assert downloaded.find("tiny/other", cache) is not None
    for name in (ID, "no/such", "../tiny"):
        with pytest.raises(BadInput, match="not in the cache"):
            downloaded.remove(name, cache)


@pytest.mark.timeout(900)
def test_a_question_is_answered_by_a_model_from_the_hub(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PLAYGROUND_"))} | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "PLAYGROUND_DATA_DIR": str(tmp_path / "runs"),
        "PYTHONPATH": str(ROOT),
    }

    def playground(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "playground", *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment | more,
            check=False,
            timeout=200,
            cwd=tmp_path,
        )

    asking = (
        "ask",
        "2 + 2?",
        "--model",
        ID,
        "--strategy",
        "direct",
        "--max-new-tokens",
        "4",
        "--device",
        "cpu",
        "--json",
    )
    first = playground(*asking)
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["model"] == f"{ID}?device=cpu"
    assert "model.safetensors" in first.stderr
    assert len(hub.gets("/cdn/")) == 1
    hub.asked.clear()
    again = playground(*asking, HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert hub.asked == []
    sha = hashlib.sha256(weights(hub)).hexdigest()
    assert (home / "hub" / "models--tiny--llama" / "blobs" / sha).is_file()
    kept = playground("models", "remove", ID)
    assert kept.returncode == 130
    removed = playground("models", "remove", ID, "--yes")
    assert (removed.returncode, "MB" in removed.stdout or "kB" in removed.stdout) == (0, True), removed.stderr
    refused = playground(*asking, PLAYGROUND_OFFLINE="1")
    assert refused.returncode == 2
    assert "switched off" in refused.stderr
    hub.gated.add(ID)
    closed = playground("models", "download", ID)
    assert (closed.returncode, closed.stdout, closed.stderr.count("\n")) == (2, "", 1)
    assert "set HF_TOKEN" in closed.stderr
    opened = playground("models", "download", ID, HF_TOKEN=hub.token)
    assert (opened.returncode, opened.stdout) == (0, f"{ID} is on this machine.\n")


def test_a_run_waits_for_its_model_and_says_how_far_the_download_is(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the engine process, as the pages see it."""
    hub.gate.clear()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cpu")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    runner = Runner(Store(tmp_path / "runs.db"), EngineProcess())
    try:
        run = runner.start(RunSpec("2 + 2?", "direct", ID, {"max_new_tokens": 4}))
        seen: list[dict[str, Any]] = []

        def downloading() -> bool:
            seen.extend(runner.call("downloads"))
            return any(0 < progress["done"] < progress["total"] for progress in seen)

        until(downloading)
        assert runner.status(run) == "waiting"
        assert seen[-1]["name"] == ID
        hub.gate.set()
        assert runner.wait(run, 200) == "finished"
        assert runner.call("downloads")[0]["state"] == "done"
        [loaded] = runner.call("loaded")
        assert (loaded["name"], loaded["in_use"]) == (ID, 0)
        assert runner.records(run)[0].event.versions["weights"] == hub.commit  # type: ignore[union-attr]
    finally:
        runner.close()


def test_a_run_stopped_while_its_model_is_fetched_lets_go_of_thread_and_download(
    hub: Hub, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gate.clear()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cpu")
    monkeypatch.setenv("PLAYGROUND_MAX_CONCURRENT_RUNS", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    runner = Runner(Store(tmp_path / "runs.db"), EngineProcess())
    try:
        run = runner.start(RunSpec("2 + 2?", "direct", ID, {"max_new_tokens": 4}))
        until(lambda: begun(tmp_path / "home"))
        assert runner.call("downloads")[0]["state"] == "running"
        runner.cancel(run)
        assert runner.wait(run, 10) == "cancelled"
        # The hub is silent still. The only thread for runs is free all the same, and the download has ended.
        other = runner.start(RunSpec("2 + 2?", "direct", str(saved), {"max_new_tokens": 4}))
        assert runner.wait(other, 200) == "finished"
        until(lambda: runner.call("downloads")[0]["state"] == "cancelled")
        kept = next((tmp_path / "home").rglob("*.partial")).stat().st_size
        hub.gate.set()
        hub.asked.clear()
        again = runner.start(RunSpec("2 + 2?", "direct", ID, {"max_new_tokens": 4}))
        assert runner.wait(again, 200) == "finished"
        assert [request.range for request in hub.gets("/cdn/")] == [f"bytes={kept}-"]
    finally:
        runner.close()
