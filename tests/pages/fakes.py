"""A runner without an engine: plays the real strategies on the scripted model and shows their events bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from components.engine import WarmUp
from playground import answers
from playground.errors import PlaygroundError, UnknownName
from playground.events import Event, Record, RunCancelled, RunFailed, RunFinished, RunStarted
from playground.execute import RunSpec, check
from playground.models.base import Capabilities, ModelInfo
from playground.store import SavedRun
from playground.strategies import Question
from playground.strategies.base import Result
from playground.trace import RunStatus, fold
from tests.scripted import Scripted, Way, way
from tests.strategies.players import Rewards

ALL = Scripted.capabilities
SERVER = Capabilities(json_mode=True, streaming=True)
MODELS = [
    ModelInfo("embedded", "Embedded model", "local", ALL, 3_000_000, "Made for small sums. $5 :red[no]"),
    ModelInfo("server:small", "A model on a server", "server", SERVER),
]
WORKED = (
    way(0.5, "", answer="7", answer_margin=0.2),
    way(0.3, "The answer is", answer="7", answer_margin=0.3),
    way(0.1, "First 3 + 6 = 9. So the answer is", 0.4, answer="9", answer_margin=0.95),
    *(way(0.01 / n, f"Way {n} has", 0.3, answer="7", answer_margin=0.1) for n in range(1, 10)),
)


@dataclass
class FakeRunner:
    """Keeps each run's whole log and lets out `per_look` more records at every look.

    `script` says what the model writes after a prompt; `fail_after` makes every run fail after as many records.
    """

    script: Callable[[str], Sequence[Way]] = lambda prompt: WORKED
    per_look: int = 10_000
    fail_after: int | None = None
    logs: dict[str, list[Record]] = field(default_factory=dict)
    out: dict[str, int] = field(default_factory=dict)
    interrupted: set[str] = field(default_factory=set)
    specs: list[RunSpec] = field(default_factory=list)
    looks: int = 0
    warmed: list[str] = field(default_factory=list)
    warmth: WarmUp = field(default_factory=lambda: WarmUp("ready"))

    def start(self, spec: RunSpec, session: str | None = None) -> str:
        strategy, params = check(spec)
        run_id = f"run{len(self.logs) + 1}"
        self.specs.append(spec)
        started = RunStarted(
            spec.question,
            spec.strategy,
            spec.model,
            params.model_dump(),
            spec.seed,
            spec.gold,
            spec.family,
            local=True,
            versions={"scripted": "1"},
        )
        events: list[Event] = [started]
        steps = strategy.run(
            Question(spec.question, spec.gold, spec.family),
            Scripted(self.script),
            params,
            spec.seed,
            Rewards({}).load,
        )
        result: Result | None = None
        while True:
            if self.fail_after is not None and len(events) >= self.fail_after:
                events.append(RunFailed("EngineError", "The engine *process* ended.", "Run it again.", True))
                break
            try:
                events.append(next(steps))
            except StopIteration as done:
                result = done.value
                right = (
                    None
                    if spec.gold is None or result is None
                    else bool(result.answer and answers.equal(result.answer, spec.gold))
                )
                events.append(RunFinished(right))
                break
            except PlaygroundError as error:
                events.append(RunFailed(type(error).__name__, error.message, error.hint))
                break
        self.add(run_id, events)
        return run_id

    def start_with(self, started: RunStarted, events: Sequence[Event]) -> None:
        """A run that is over, with these events after its first."""
        self.specs.append(RunSpec(started.question, started.strategy, started.model))
        self.add(f"run{len(self.logs) + 1}", [started, *events])

    def add(self, run_id: str, events: Sequence[Event]) -> None:
        self.logs[run_id] = [Record(run_id, i, 1000.0 + i * 0.01, e) for i, e in enumerate(events)]
        self.out[run_id] = 0

    def log(self, run_id: str) -> list[Record]:
        if run_id not in self.logs:
            raise UnknownName("run", run_id, ["run1"])
        return self.logs[run_id]

    def records(self, run_id: str, after: int = -1) -> list[Record]:
        self.looks += 1
        log = self.log(run_id)
        if run_id not in self.interrupted:
            self.out[run_id] = min(self.out[run_id] + self.per_look, len(log))
        return log[after + 1 : self.out[run_id]]

    def status(self, run_id: str) -> RunStatus:
        if run_id in self.interrupted:
            return "interrupted"
        return fold(self.log(run_id)[: self.out[run_id]]).status

    def cancel(self, run_id: str) -> None:
        seen = self.out[run_id]
        self.logs[run_id] = [
            *self.logs[run_id][:seen],
            Record(run_id, seen, 1000.0 + seen * 0.01, RunCancelled()),
        ]
        self.out[run_id] = seen + 1

    def warm(self, model: str) -> WarmUp:
        self.warmed.append(model)
        return self.warmth

    @property
    def store(self) -> FakeRunner:
        return self

    def run(self, run_id: str) -> SavedRun:
        trace = fold(self.log(run_id)[: self.out[run_id]])
        spec = self.specs[int(run_id.removeprefix("run")) - 1]
        return SavedRun(
            run_id,
            run_id,
            1000.0,
            self.status(run_id),
            spec.question,
            spec.strategy,
            spec.model,
            spec.params,
            spec.seed,
            spec.gold,
            spec.family,
            None,
            {},
            trace.answered.text if trace.answered else None,
            None,
            trace.correct,
            None,
            0,
            0,
            0,
            0,
            0.0,
        )

    def runs(self, limit: int, *, forks: bool = True) -> list[SavedRun]:
        listed = (self.run(run_id) for run_id in reversed(self.logs))
        return [run for run in listed if forks or run.strategy != "fork"][:limit]

    def forks(self, run_id: str) -> list[SavedRun]:
        parents = (spec.parent or {} for spec in self.specs)
        return [self.run(f"run{i}") for i, parent in enumerate(parents, 1) if parent.get("run") == run_id]
