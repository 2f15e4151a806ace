"""Saved runs for the tests of the Sessions and Explore pages: some of a scripted model, some of the embedded one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.events import Record, RunStarted, TokenAdded
from playground.execute import RunSpec, execute
from playground.store import Store
from tests.browser.conftest import ROOT
from tests.exchange.samples import HOSTILE, model, new_store, save

PENS = "Sue has 35 pens. Sue gives 25 to Leo. How many pens does Sue have now?"
NAME = "playground"
FILLED = ("run1", "run2", "run3", "run4")


def script(store: Store, run_id: str, question: str, strategy: str = "cot-decoding", **more: Any) -> None:
    """Run a strategy on the scripted model, which is none that a server could load, and save it."""
    spec = RunSpec(question, strategy, "scripted", gold=more.pop("gold", "9"), **more)
    save(store, run_id, execute(spec, load_model=lambda name: model()))


def fill(folder: Path) -> None:
    """Four sessions, the latest last: those of `FILLED`."""
    store = new_store(folder, NAME)
    script(store, "run1", "How many shells?", params={"k": 3})
    script(store, "run2", "How many coins?", "direct", params={})
    script(store, "run3", "How many steps?", "titled-chain", params={})
    script(store, "run4", f"Odd? {HOSTILE}", params={"k": 3}, gold=None)
    store.close()


def as_made(folder: Path) -> None:
    """Take back what was done to the sessions of `fill`."""
    store = Store(folder / f"{NAME}.db")
    for session in FILLED:
        store.sessions.restore([session])
        store.sessions.rename(session, "")
        store.sessions.set_note(session, "")
        store.sessions.set_tags(session, [])
    store.close()


def ask(env: Mapping[str, str], question: str, *options: str) -> None:
    """Ask the embedded model from the command line."""
    command = [sys.executable, "-m", "playground", "ask", question, *options, "--json"]
    subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(env),
        check=True,
        capture_output=True,
    )


def latest(folder: Path, strategy: str) -> str:
    """The id of the embedded model's latest run of a strategy."""
    store = Store(folder / f"{NAME}.db")
    [first, *_] = [run.id for run in store.runs(50) if (run.strategy, run.model) == (strategy, "embedded")]
    store.close()
    return first


def cut(folder: Path, run_id: str, tokens: int) -> str:
    """A copy of a run that was killed after so many tokens: its id."""
    store = new_store(folder, NAME)
    records: list[Record] = []
    left = tokens
    for record in store.records(run_id):
        left -= isinstance(record.event, TokenAdded)
        if left < 0:
            break
        records.append(replace(record, run_id=f"{run_id}-cut"))
    started = records[0].event
    assert isinstance(started, RunStarted)
    store.create_run(f"{run_id}-cut", started)
    store.append(f"{run_id}-cut", records)
    assert store.flush()
    store.close()
    return f"{run_id}-cut"
