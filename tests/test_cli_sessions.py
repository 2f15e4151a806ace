"""The command line on what is saved: list, show, export, import."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground import cli
from playground.exchange import form, read_json
from playground.settings import settings
from playground.store import Store
from tests.exchange.samples import fill

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Runs the command line in this process on a store in a folder of its own."""
    monkeypatch.setenv("PLAYGROUND_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["playground", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    yield run
    settings.cache_clear()


@pytest.fixture
def full(call: Call) -> Call:
    store = Store(settings().database)
    fill(store)
    store.close()
    return call


def good(call: Call, *arguments: str) -> str:
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    return out


def test_list_and_its_filters(full: Call) -> None:
    lines = good(full, "sessions", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["odd", "empty", "cot", "all-strategies"]
    assert "How many?" in lines[2]
    for arguments, found in (
        (["--text", "äpfel"], ["odd"]),
        (["--tag", "zoo"], ["odd"]),
        (["--strategy", "cot-decoding"], ["cot"]),
        (["--model", "m/ü"], ["odd"]),
        (["--mark", "right"], ["all-strategies"]),
        (["--limit", "4", "--mark", "unmarked"], ["odd", "cot"]),
        (["--text", "nowhere"], []),
    ):
        listed = json.loads(good(full, "sessions", "list", "--json", *arguments))
        assert [session["id"] for session in listed] == found, arguments
    code, out, err = full("sessions", "list", "--limit", "1")
    assert (code, len(out.splitlines())) == (0, 1)
    assert "3 more; --skip 1 goes on" in err
    code, out, err = full("sessions", "list", "--limit", "2", "--skip", "2")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["cot", "all-strategies"]


def test_show(full: Call) -> None:
    out = good(full, "sessions", "show", "all-strategies")
    assert "titled-chain" in out
    assert "right" in out
    assert "Tags: class 7, zoo, Äpfel" in good(full, "sessions", "show", "odd")
    shown = json.loads(good(full, "sessions", "show", "odd", "--json"))
    assert (shown["name"], len(shown["runs"])) == ("Ünamed 'session' =1+1", 5)


def test_runs_show(full: Call) -> None:
    out = good(full, "runs", "show", "cot")
    assert "Answer: 9" in out
    assert "\n* begins with ' First'" in out
    assert json.loads(good(full, "runs", "show", "cot", "--json"))["answer"] == "9"
    lines = good(full, "runs", "show", "odd", "--events").splitlines()
    assert json.loads(lines[0])[1]["kind"] == "run_started"
    assert [json.loads(line) for line in lines] == json.loads(
        good(full, "runs", "show", "odd", "--events", "--json")
    )
    for run in ("odd", "odd-failed", "odd-cut", "odd-never-begun"):
        good(full, "runs", "show", run)
        json.loads(good(full, "runs", "show", run, "--json"))
    assert "\x1b" not in good(full, "runs", "show", "odd")


@pytest.mark.parametrize(
    ("kind", "begins"), [("json", "{"), ("csv", "\ufeffsession"), ("md", "# "), ("html", "<!doctype")]
)
def test_export_to_a_file_and_to_standard_output(full: Call, tmp_path: Path, kind: str, begins: str) -> None:
    by_flag, by_name = tmp_path / "x", tmp_path / f"y.{kind}"
    assert good(full, "sessions", "export", "cot", "odd", "--format", kind, "-o", str(by_flag)) == ""
    assert good(full, "sessions", "export", "cot", "odd", "-o", str(by_name)) == ""
    assert by_flag.read_bytes() == by_name.read_bytes()
    assert by_name.read_text("utf-8").startswith(begins)
    out = good(full, "sessions", "export", "cot", "odd", "--format", kind)
    assert out.replace("\r\n", "\n") == by_name.read_bytes().decode().replace("\r\n", "\n")


def test_export_everything_and_import_it_elsewhere(
    full: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.json"
    good(full, "sessions", "export", "--all", "-o", str(file))
    assert len(read_json(file.read_bytes()).sessions) == 4
    monkeypatch.setenv("PLAYGROUND_DATA_DIR", str(tmp_path / "other"))
    settings.cache_clear()
    assert good(full, "sessions", "import", str(file)) == "4 sessions: 13 new runs.\n"
    assert good(full, "sessions", "import", str(file)) == "4 sessions: 0 new runs, 13 already there.\n"
    assert good(full, "sessions", "export", "--all") == file.read_text()


def test_what_is_too_large_for_a_file_becomes_several(
    full: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = good(full, "sessions", "export", "--all")
    monkeypatch.setattr(form, "MOST_SESSIONS", 2)
    code, out, err = full("sessions", "export", "--all", "-o", str(tmp_path / "all.json"))
    assert (code, out) == (0, "")
    assert "all-001.json to all-002.json: 2 files" in err
    files = sorted(str(path) for path in tmp_path.glob("all-*.json"))
    assert len(files) == 2
    code, out, err = full("sessions", "export", "--all")
    assert (code, out) == (2, "")
    assert "several files" in err
    monkeypatch.setenv("PLAYGROUND_DATA_DIR", str(tmp_path / "other"))
    settings.cache_clear()
    said = good(full, "sessions", "import", *files).splitlines()
    assert [line.startswith(f"{file}: 2 sessions: ") for line, file in zip(said, files, strict=True)] == [
        True
    ] * 2
    monkeypatch.undo()
    monkeypatch.setenv("PLAYGROUND_DATA_DIR", str(tmp_path / "other"))
    assert good(full, "sessions", "export", "--all") == whole
    code, out, err = full("sessions", "import", files[0], __file__, files[1])
    assert code == 2
    assert len(out.splitlines()) == 1
    assert err.startswith(f"{__file__}: The file is not JSON")


def test_schema(call: Call) -> None:
    assert json.loads(good(call, "sessions", "schema"))["title"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sessions", "show", "nothing"], "no session 'nothing'"),
        (["sessions", "export", "nothing"], "no session 'nothing'"),
        (["sessions", "export"], "give --all"),
        (["sessions", "export", "a", "--all"], "give --all"),
        (["sessions", "export", "--all", "--format", "pdf"], "pdf"),
        (["sessions", "export", "--all", "-o", "/no/such/folder/x.json"], "cannot be written"),
        (["sessions", "import", "/no/such/file"], "cannot be read"),
        (["sessions", "import", "/"], "cannot be read"),
        (["sessions", "import"], "Missing argument"),
        (["sessions", "list", "--skip", "-1"], "skip"),
        (["sessions", "import", __file__], "not JSON"),
        (["sessions", "list", "--mark", "great"], "great"),
        (["runs", "show", "nothing"], "no saved run 'nothing'"),
        (["runs", "nonsense"], "nonsense"),
    ],
)
def test_what_can_be_mended_is_one_line_and_exit_code_2(call: Call, arguments: list[str], says: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_a_huge_file_is_not_read(call: Call, tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(200 * 2**20)
    assert form.MOST_BYTES < 200 * 2**20
    assert "more than 64 MB" in call("sessions", "import", str(huge))[2]
