"""The store with 10,000 runs of about two million tokens: how long a person waits, and how many bytes a token takes.

Writes the runs through the real store (`many_runs` says what they are), then measures in one go:

- server time of the Sessions page in Streamlit's own harness: a new visitor's first run, a rerun, a search, a page on;
- the searches and filters behind it, the list and its count together, as the page asks for them;
- opening a run, the forks of one, and the summary as CSV, from the rows and by folding every log;
- the size of the file against one JSON file a run, plain and gzipped; and that of a second file, in which runs have
  forks and lanes that begin alike.

    python benchmarks/store.py [--runs 10000] [--keep FOLDER]

With --keep the database stays in FOLDER and is measured again next time instead of being written anew. Times are the
clock's and the processor's (which say more while the machine is busy with other things). Exit code 1 when a budget is
missed, counted in the processor's time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import many_runs
import numpy as np
from many_runs import Log, Made

from playground import exchange
from playground.events import (
    CallStarted,
    NodeOpened,
    Record,
    RunFinished,
    RunStarted,
    Spent,
    TokenAdded,
    Usage,
    to_json,
)
from playground.settings import settings
from playground.store import Store, Wanted
from playground.store.sessions import Session
from playground.summary import summarise

SCRIPT = Path(__file__).resolve().parents[1] / "pages" / "sessions.py"
PAGE, SEARCH = 300.0, 100.0
"""Budgets in milliseconds."""
RECORDED = 80
REPEATS = 7


@dataclass(frozen=True)
class Row:
    """A line of the table of times, in milliseconds by the clock and of the processor."""

    name: str
    times: Sequence[tuple[float, float]]
    budget: float | None = None
    says: str = ""

    @property
    def missed(self) -> bool:
        return self.budget is not None and self.busy > self.budget

    @property
    def clock(self) -> float:
        return median(clock for clock, _ in self.times)

    @property
    def busy(self) -> float:
        return median(busy for _, busy in self.times)


# What is measured in bytes


@dataclass
class Sizes:
    """How large some runs are in other forms."""

    tokens: int = 0
    plain: int = 0
    zipped: int = 0

    def count(self, log: Log) -> None:
        data = json.dumps([[record.time, to_json(record.event)] for record in log]).encode()
        self.tokens += many_runs.tokens(log)
        self.plain += len(data)
        self.zipped += len(gzip.compress(data))


def fill(path: Path, made: Iterator[Made]) -> Sizes:
    """Write the runs; every one stands in its last form afterwards."""
    sizes, store = Sizes(), Store(path)
    for i, run in enumerate(made, 1):
        many_runs.save(store, run)
        sizes.count(run.log)
        if i % 20 == 0:
            settled(store)
    settled(store)
    many_runs.describe(store)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return sizes


def settled(store: Store) -> None:
    """Wait until no run that has ended is still in the form in which it was written."""
    while True:
        store.flush(60)
        with closing(sqlite3.connect(store.path)) as connection:
            [left] = connection.execute(
                "select count(*) from chunks where rowid in (select rowid from chunks order by rowid desc limit 40) "
                "and substr(data, 1, 1) <> x'77'"
            ).fetchone()
        if not left:
            return
        time.sleep(0.01)


def alike(logs: Sequence[Log], seed: int = 1) -> Iterator[Made]:
    """Runs with what grew from them: each has eight forks of its longest text, each at a token of its own, and the same
    question asked again in a lane with another limit, which begins with the same tokens."""
    rng, numbers = Random(seed), np.random.default_rng(seed)
    for run in many_runs.many(60, [log for log in logs if many_runs.tokens(log) > 60], seed):
        yield run
        texts: dict[str, list[TokenAdded]] = {}
        for record in run.log:
            if isinstance(record.event, TokenAdded):
                texts.setdefault(record.event.node, []).append(record.event)
        longest = max(texts.values(), key=len)
        for i in range(8):
            yield fork(run, longest, rng.randrange(1, len(longest)), f"{run.id}f{i}", rng, numbers)
        cut = [
            r
            for r in run.log
            if not isinstance(r.event, TokenAdded)
            or texts[r.event.node].index(r.event) < len(longest) * 3 // 4
        ]
        yield Made(
            f"{run.id}l", run.session, [replace(r, run_id=f"{run.id}l", seq=i) for i, r in enumerate(cut)]
        )


def fork(
    run: Made, text: Sequence[TokenAdded], at: int, id: str, rng: Random, numbers: np.random.Generator
) -> Made:
    started = run.log[0].event
    assert isinstance(started, RunStarted)
    parent = {"run": run.id, "of": run.id, "node": text[0].node, "index": at}
    written = [replace(token, node="q/fork") for token in text[:at]]
    written += [replace(many_runs.moved(token, {}, rng, numbers), node="q/fork") for token in text[at:]]
    events = [
        replace(started, strategy="fork", parent=parent),
        NodeOpened("q", None, "question"),
        CallStarted("q", "fork", started.question),
        NodeOpened("q/fork", "q", "branch"),
        *written,
        Spent("q/fork", Usage(1, 30, 30, len(written), len(written))),
        RunFinished(),
    ]
    time = run.log[-1].time
    return Made(id, run.session, [Record(id, i, time + i / 1024, event) for i, event in enumerate(events)])


# What is measured in milliseconds


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[list[tuple[float, float]], Any]:
    times, result = [], None
    for _ in range(repeats):
        begun, busy = time.perf_counter(), time.process_time()
        result = work()
        times.append(((time.perf_counter() - begun) * 1000, (time.process_time() - busy) * 1000))
    return times, result


def page_times(script: Path) -> Iterator[Row]:
    """The Sessions page as the server runs it, without a browser."""
    from streamlit.testing.v1 import AppTest

    def visit() -> Any:
        return checked(AppTest.from_file(str(script), default_timeout=60).run())

    cold, _ = timed(visit, 1)
    yield Row("Sessions page, first of a fresh process", cold, None, "with all imports")
    first, page = timed(visit)
    yield Row("Sessions page, a visitor's first run", first, PAGE, f"{len(page.dataframe[0].value)} rows")
    yield Row("Sessions page, rerun", timed(lambda: checked(page.run()))[0], PAGE)
    for words in ("answer is", "coin"):
        times, _ = timed(lambda: checked(page.text_input(key="sessions.text").set_value("").run()), 1)
        times, _ = timed(
            lambda words=words: checked(page.text_input(key="sessions.text").set_value(words).run()), 1
        )
        yield Row(f"Sessions page, search “{words}”", times, PAGE)
    page.text_input(key="sessions.text").set_value("").run()
    if not page.button(key="sessions.older").disabled:
        turned, _ = timed(lambda: checked(page.button(key="sessions.older").click().run()), 3)
        yield Row("Sessions page, a page on", turned, PAGE)


def checked(page: Any) -> Any:
    assert not page.exception, page.exception
    return page


def search_times(store: Store) -> Iterator[Row]:
    newest = store.sessions.find(limit=500)
    rare = rarest(store, newest)
    asked = {
        "everything": Wanted(),
        "a common word: the": Wanted("the"),
        "two common words: answer is": Wanted("answer is"),
        "a beginning: co": Wanted("co"),
        f"a rare word: {rare}": Wanted(rare),
        "a word of a note: margin": Wanted("margin"),
        "no such word": Wanted("quixotic"),
        "a tag": Wanted(tag=many_runs.TAGS[0]),
        "a strategy": Wanted(strategy="cot-decoding"),
        "a model": Wanted(model=many_runs.MODELS[-1]),
        "marked wrong": Wanted(mark="wrong"),
        "all of it": Wanted("answer", None, "cot-decoding", "embedded", "right"),
    }
    for name, wanted in asked.items():
        times, (_, number) = timed(
            lambda wanted=wanted: (store.sessions.find(wanted, limit=50), store.sessions.count(wanted))
        )
        yield Row(f"find, {name}", times, SEARCH, f"{number:,} sessions")


def rarest(store: Store, sessions: Sequence[Session]) -> str:
    """A word that only one of these runs has written: a name."""
    for session in sessions:
        for node in store.trace(session.runs[0]).with_role("branch"):
            for word in node.text.split():
                if word.isalpha() and word.istitle() and store.sessions.count(Wanted(word)) == 1:
                    return word
    return "quixotic"


def reading_times(store: Store) -> Iterator[Row]:
    sessions = store.sessions.find(limit=50)
    longest = max(
        (run for s in sessions for run in store.runs_in(s.id)), key=lambda run: run.completion_tokens
    )
    times, trace = timed(lambda: store.trace(longest.id))
    yield Row("open a run", times, None, f"{trace.usage.completion_tokens} tokens")
    yield Row("its forks", timed(lambda: store.forks(longest.id))[0])
    ids = store.sessions.ids()
    times, table = timed(lambda: exchange.to_csv(store, ids), 3)
    yield Row("CSV of every session, from the rows", times, None, f"{len(table) / 1e6:.1f} MB")
    some = ids[: max(1, len(ids) // 50)]
    times, _ = timed(lambda: [summarise(store.trace(run.id)) for run in store.runs_of(some)], 1)
    whole = [(clock * len(ids) / len(some), busy * len(ids) / len(some)) for clock, busy in times]
    yield Row("… by folding every log (from a fiftieth)", whole)
    times, data = timed(lambda: exchange.to_json(store, ids[:100]), 3)
    yield Row("JSON of 100 sessions", times, None, f"{len(data) / 1e6:.1f} MB")


# The tables


def print_times(rows: Sequence[Row]) -> None:
    print(f"\n{'milliseconds':<46}{'median':>10}{'most':>10}{'cpu':>10}{'budget':>8}")
    for row in rows:
        budget = f"{row.budget:.0f}" if row.budget else "-"
        most = max(clock for clock, _ in row.times)
        print(f"{row.name:<46}{row.clock:>10.1f}{most:>10.1f}{row.busy:>10.1f}{budget:>8}  {row.says}")


def print_sizes(title: str, path: Path, sizes: Sizes) -> None:
    size = path.stat().st_size
    print(f"\n{title:<46}{'MB':>10}{'a token':>10}{'ratio':>8}")
    for name, bytes in (
        ("the database, with search and rows", size),
        ("one JSON file a run", sizes.plain),
        ("one gzipped JSON file a run", sizes.zipped),
    ):
        print(f"{name:<46}{bytes / 1e6:>10.1f}{bytes / sizes.tokens:>10.1f}{bytes / size:>8.2f}")
    with closing(sqlite3.connect(path)) as connection:
        try:
            parts = connection.execute(
                "select case when name like 'search%' then 'search' when name like '%blocks%' then 'tokens in blocks' "
                "when name like '%chunks%' then 'all else of the logs' else 'rows and indices' end, sum(pgsize) "
                "from dbstat group by 1 order by 2 desc"
            ).fetchall()
        except sqlite3.OperationalError:  # this SQLite was built without it
            return
    for name, bytes in parts:
        print(f"  {name:<44}{bytes / 1e6:>10.1f}{bytes / sizes.tokens:>10.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="where the database stays")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(measure(arguments.keep or Path(folder), arguments.runs))


def measure(folder: Path, runs: int) -> int:
    os.environ["PLAYGROUND_DATA_DIR"] = str(folder)
    settings.cache_clear()
    path, known, other = settings().database, folder / "sizes.json", folder / "alike.db"
    if not known.exists():
        folder.mkdir(parents=True, exist_ok=True)
        logs = many_runs.recorded(RECORDED)
        begun = time.perf_counter()
        sizes = [fill(path, many_runs.many(runs, logs)), fill(other, alike(logs))]
        print(f"written in {time.perf_counter() - begun:.0f} s")
        known.write_text(json.dumps([[s.tokens, s.plain, s.zipped] for s in sizes]))
    whole, forked = (Sizes(*values) for values in json.loads(known.read_text()))
    store = Store(path)
    count = len(store.sessions.ids())
    print(f"{runs:,} runs in {count:,} sessions, {whole.tokens:,} tokens, load {os.getloadavg()[0]:.1f}")
    rows = [*page_times(SCRIPT), *search_times(store), *reading_times(store)]
    store.close()
    print_times(rows)
    print_sizes("bytes", path, whole)
    print_sizes("bytes, 60 runs with 8 forks and a lane each", other, forked)
    missed = [row.name for row in rows if row.missed]
    print(f"\nover budget: {', '.join(missed) or 'nothing'}")
    return 1 if missed else 0


if __name__ == "__main__":
    main()
