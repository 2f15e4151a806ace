"""One run, from its specification to its last event.

Boundary: checks the specification, loads the model, lets the strategy work and says how it ended. Knows no thread,
no process and no store; whoever iterates decides when the next step is taken. `attempt` is the one place in the
project where any error whatever becomes a value.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from playground import allowance, answers, marking, prices, strategies
from playground.allowance import Allowance
from playground.errors import BadInput, DownloadStopped, PlaygroundError
from playground.events import (
    Answered,
    Event,
    RunCancelled,
    RunEnd,
    RunFailed,
    RunFinished,
    RunStarted,
    Spent,
    TokenAdded,
    Usage,
    Warned,
    to_json,
)
from playground.marking import Equal
from playground.models import patience
from playground.models.base import Model
from playground.models.catalog import holding
from playground.secrecy import hidden
from playground.settings import settings
from playground.strategies.base import Params, Question, Strategy

LoadModel = Callable[[str], Model]
FindStrategy = Callable[[str], Strategy]
T = TypeVar("T")

logger = logging.getLogger(__name__)

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What is to be run; plain values, so that it can be sent and saved.

    Attributes:
        params: the strategy's settings as given; those left out take their defaults.
        seed: of all draws, in [0, 2**63).
        gold: the right answer, where it is known; the run is then marked against it.
        parent: where it comes from: for a fork the run and token it grew from, for a run of a comparison its lane.
        budget: what it may spend, as `allowance.read` takes it; None lets it go on to its end.
    """

    question: str
    strategy: str
    model: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    gold: str | None = None
    family: str | None = None
    parent: Mapping[str, Any] | None = None
    budget: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        copies = {name: values[name] and dict(values[name]) for name in ("parent", "budget")}
        return values | {"params": dict(self.params)} | copies

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """Raises BadInput when a field is missing or unknown; `check` looks at the values."""
        try:
            return cls(**data)
        except TypeError as error:
            raise BadInput(
                f"This is not the description of a run: {error}.",
                f"Give {', '.join(f.name for f in fields(cls))}; all but the first three may be left out.",
            ) from error

    def started(self, params: Mapping[str, Any] | None = None, model: Model | None = None) -> RunStarted:
        """The run's first event; complete once the checked `params` and the loaded `model` are known."""
        return RunStarted(
            question=self.question,
            strategy=self.strategy,
            model=self.model,
            params=self.params if params is None else params,
            seed=self.seed,
            gold=self.gold,
            family=self.family,
            local=model is not None and model.capabilities.local,
            parent=self.parent,
            versions={} if model is None else model.versions,
            budget=self.budget,
            price=None if model is None or model.capabilities.local else _price(self.model),
        )


def check(spec: RunSpec, find_strategy: FindStrategy = strategies.get) -> tuple[Strategy, Params]:
    """Everything that can be found wrong with `spec` before its model is loaded.

    Raises:
        BadInput: an empty or enormous question, a text that is not text, an unknown strategy, a setting out of
            bounds; the message names the first.
    """
    texts = {name: getattr(spec, name) for name in ("question", "strategy", "model", "gold", "family")}
    for name, text in texts.items():
        if not (isinstance(text, str) or (text is None and name in ("gold", "family"))):
            raise BadInput(f"The {name} is not a text: {text!r}.", f"Give the {name} as text.")
        if text is not None and not _is_unicode(text):
            raise BadInput(f"The {name} holds half characters (lone surrogates).", "Paste it again as text.")
    if not spec.question.strip():
        raise BadInput("The question is empty.", "Type a question.")
    most = settings().max_question_chars
    if len(spec.question) > most:
        raise BadInput(
            f"The question has {len(spec.question):,} characters; {most:,} are allowed.",
            "Shorten it, or raise PLAYGROUND_MAX_QUESTION_CHARS.",
        )
    if not spec.model.strip():
        raise BadInput("No model is chosen.", "Choose a model.")
    if not isinstance(spec.seed, int) or isinstance(spec.seed, bool) or not 0 <= spec.seed <= LARGEST_SEED:
        raise BadInput(
            f"seed = {spec.seed!r} cannot be used.", f"Choose a whole number from 0 to {LARGEST_SEED}."
        )
    for name in ("params", "parent", "budget"):
        value = getattr(spec, name)
        if not (_is_plain(value) or (value is None and name != "params")):
            raise BadInput(f"{name} is not a mapping of plain values.", f"Give {name} as a JSON object.")
    if spec.budget is not None:
        allowance.read(spec.budget)
    strategy = find_strategy(spec.strategy)
    return strategy, strategy.parse(spec.params)


def execute(
    spec: RunSpec,
    *,
    load_model: LoadModel,
    cancelled: Callable[[], bool] = lambda: False,
    find_strategy: FindStrategy = strategies.get,
    equal: Equal = answers.equal,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Event, None, None]:
    """The run's events: `RunStarted` first, then the strategy's, one of `RunEnd` last. Raises nothing.

    `cancelled` is asked before the model is loaded, while it is downloaded and after every event, so a run stops
    within one token.
    A budget of seconds is counted on `clock` from the moment the model is there. Closing the generator closes the
    strategy's. Until it is closed or at its end, its models are in use and stay in memory.
    """
    begun = False
    with (
        holding(patience.until(cancelled, load_model)) as load,
        closing(_steps(spec, load, cancelled, find_strategy, equal, clock)) as steps,
    ):
        while (event := attempt(lambda: _sendable(next(steps, None)))) is not None:
            if isinstance(event, RunFailed) and event.error == DownloadStopped.__name__ and cancelled():
                event = RunCancelled()
            if not begun and not isinstance(event, RunStarted):
                yield spec.started()
            begun = True
            yield event
            if isinstance(event, RunEnd):
                return


def _steps(
    spec: RunSpec,
    load_model: LoadModel,
    cancelled: Callable[[], bool],
    find_strategy: FindStrategy,
    equal: Equal,
    clock: Callable[[], float],
) -> Generator[Event, None, None]:
    strategy, params = check(spec, find_strategy)
    if cancelled():
        yield RunCancelled()
        return
    model = load_model(spec.model)
    yield spec.started(params.model_dump(mode="json"), model)
    strategy.require(spec.model, model.capabilities)
    allowed = Allowance(spec.budget, clock)
    answered: Answered | None = None
    written = ""
    with closing(
        strategy.run(Question(spec.question, spec.gold, spec.family), model, params, spec.seed, load_model)
    ) as run:
        for event in run:
            if allowed.refuses(event):
                if allowed.unbilled != Usage():
                    yield Spent(written, allowed.unbilled)
                if answered is not None:  # what it goes on for is not its answer
                    break
                yield RunCancelled(allowed.reason)
                return
            yield event
            if cancelled():
                yield RunCancelled()
                return
            match event:
                case TokenAdded():
                    written = event.node
                case Answered():
                    answered = event
    answer = answered.text if answered else None
    correct: bool | None = None
    if marking.known(spec.gold, spec.family):
        try:
            correct = answer is not None and marking.right(
                spec.question, answer, spec.gold, spec.family, equal
            )
        except PlaygroundError as error:  # the answer stands; only its mark is missing
            yield Warned(f"The answer could not be compared with the right one. {error}")
    yield RunFinished(correct)


def _price(model: str) -> dict[str, Any] | None:
    price = prices.price_of(model)
    return None if price is None else price.to_json()


def _sendable(event: Event | None) -> Event | None:
    """The same event. One with a value that is not plain JSON fails here, next to whoever made it."""
    if event is not None:
        json.dumps(to_json(event))
    return event


def attempt(step: Callable[[], T]) -> T | RunFailed:
    """What `step` returns, or how it failed, in words a person can act on; surprises go to the log in full."""
    try:
        return step()
    except PlaygroundError as error:
        return RunFailed(type(error).__name__, hidden(error.message), hidden(error.hint), error.retryable)
    except Exception as error:  # noqa: BLE001 the one place; logged in full, but for keys
        logger.error("Unexpected error in the engine\n%s", hidden(traceback.format_exc()))
        if _is_out_of_memory(error):
            return RunFailed(
                "OutOfMemory",
                "The memory of this machine is too small for this.",
                "Lower max_new_tokens or the number of branches, or choose a smaller model.",
            )
        return RunFailed(
            type(error).__name__,
            hidden(str(error)) or type(error).__name__,
            "This is a fault of the program: please report it, with the traceback from the log.",
        )


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python or torch (on a CPU or an accelerator) could not get the memory it asked for."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in said or "not enough memory" in said)
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_plain(value: Any) -> bool:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return False
    try:
        json.dumps(dict(value))
    except (TypeError, ValueError):
        return False
    return True
