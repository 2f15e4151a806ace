"""What a strategy is, how one is registered, and how it is found.

Boundary: the protocol and the registry; no algorithm lives here. A strategy is one file with one generator
function: it yields events and returns a `Result`, so it can be run alone or inside another one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from playground import extensions
from playground.errors import BadInput, CapabilityError, UnknownName
from playground.events import Answered, Event, NodeOpened
from playground.models.base import REASONS, Capabilities, Model, Need
from playground.sampling import Sampling
from playground.strategies.help import HELP, Help


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the right answer and puzzle family where they are known."""

    text: str
    gold: str | None = None
    family: str | None = None


LoadModel = Callable[[str], Any]


def _no_other_models(name: str) -> Any:
    raise CapabilityError(
        f"The model {name!r} cannot be loaded here.", "Run the strategy through the engine."
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the tree a strategy works, the seed of its draws, and where it finds other models.

    `load` gives the model of a name, in memory as long as the run lasts.
    """

    node: str = "q"
    seed: int = 0
    load: LoadModel = field(default=_no_other_models, compare=False)

    def child(self, name: str) -> str:
        """The id of a node under this place."""
        return f"{self.node}/{name}"

    def at(self, name: str) -> Place:
        """The place at a node under this one, for a strategy that another one uses."""
        return replace(self, node=self.child(name))


@dataclass(frozen=True, slots=True)
class Result:
    """What a strategy came to. `confidence` is in [0, 1] and `confidence_kind` says what it measures."""

    answer: str | None
    node: str | None = None
    confidence: float | None = None
    confidence_kind: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


class Params(BaseModel):
    """A strategy's settings. Form, command-line flags and HTTP schema are generated from the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_new_tokens: int = Field(256, ge=1, le=8192, description="Longest continuation, in tokens.")


class SampledParams(Params):
    """Settings of a strategy that draws its tokens."""

    do_sample: bool = Field(True, description="Draw tokens; off takes the likeliest one every time.")
    temperature: float = Field(0.7, ge=0, le=5, description="Divides the logits; 0 is greedy, 1 leaves them.")
    top_p: float = Field(
        1.0, gt=0, le=1, description="Keep the smallest set of tokens with this probability."
    )
    top_k: int = Field(0, ge=0, description="Keep this many tokens; 0 keeps all.")
    min_p: float = Field(0.0, ge=0, le=1, description="Keep tokens this likely relative to the likeliest.")

    def sampling(self) -> Sampling:
        return Sampling(self.do_sample, self.temperature, self.top_k, self.top_p, self.min_p)


Run = Callable[[Question, Any, Any, Place], Generator[Event, None, Result]]


Group = Literal[
    "one reply", "steps", "branches", "many answers", "tree search", "choosing a strategy", "other"
]
"""Kinds of strategies, in the order in which lists show them."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A registered strategy.

    Attributes:
        summary: one paragraph for the picker.
        paper: where it comes from.
        needs: what the model must be capable of.
        shape: which picture tells its story best: "branches", "steps" or "tree".
        offered: whether a person chooses it from a list; the others are begun from a picture.
        help: its page of help; those of this package stand in `playground.strategies.help`.
        group: with which others a list shows it. `leads`: it stands first there, as the one to begin with.
    """

    name: str
    title: str
    summary: str
    paper: str
    needs: frozenset[Need]
    shape: str
    params: type[Params]
    steps: Run
    offered: bool = True
    help: Help | None = None
    group: Group = "other"
    leads: bool = False

    def parse(self, values: Mapping[str, Any]) -> Params:
        """The settings, checked.

        Raises:
            BadInput: an unknown setting or one out of bounds; names the first.
        """
        try:
            return self.params(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            known = ", ".join(self.params.model_fields)
            if first["type"] == "extra_forbidden":
                raise BadInput(f"{self.name} has no setting {name!r}.", f"It has: {known}.") from error
            value = first["input"]
            raise BadInput(
                f"{name} = {value!r} cannot be used: {first['msg'].lower()}.", f"Change {name}."
            ) from error

    def on_form(self, name: str) -> bool:
        """Whether people set this setting themselves."""
        info = self.params.model_fields.get(name)
        extra = info.json_schema_extra if info else None
        return info is not None and not (isinstance(extra, dict) and extra.get("form") is False)

    def require(self, model_name: str, capabilities: Capabilities) -> None:
        """Raises CapabilityError when the model lacks something this strategy needs."""
        for need in capabilities.missing(self.needs):
            raise CapabilityError(
                f"{self.title} cannot run on {model_name}: {REASONS[need]}.",
                "Choose the embedded model or another local one, or another strategy.",
            )

    def run(
        self,
        question: Question,
        model: Model,
        params: Params,
        seed: int = 0,
        load: LoadModel = _no_other_models,
    ) -> Generator[Event, None, Result]:
        """The whole run from its root node to its `Answered` event; `load` finds other models it may need."""
        self.require(model.name, model.capabilities)
        place = Place(seed=seed, load=load)
        yield NodeOpened(place.node, None, "question", question.text)
        result = yield from self.steps(question, model, params, place)
        yield Answered(result.answer, result.node, result.confidence, result.confidence_kind, result.info)
        return result


_STRATEGIES: dict[str, Strategy] = {}


def strategy(
    name: str,
    *,
    title: str,
    summary: str,
    paper: str = "",
    needs: frozenset[Need] | set[Need] = frozenset(),
    shape: str = "branches",
    offered: bool = True,
    help: Help | None = None,
    group: Group = "other",
    leads: bool = False,
) -> Callable[[Run], Run]:
    """Register a generator function as a strategy; its params model is read from its annotation.

    Raises:
        BadInput: another module has registered the name.
    """

    def register(function: Run) -> Run:
        before = _STRATEGIES.get(name)
        if before is not None and before.steps.__module__ != function.__module__:
            raise BadInput(
                f"There is a strategy called {name!r} in {before.steps.__module__} already.",
                "Choose another name.",
            )
        params = get_type_hints(function)["params"]
        page = help or HELP.get(name)
        _STRATEGIES[name] = Strategy(
            name,
            title,
            summary,
            paper,
            frozenset(needs),
            shape,
            params,
            function,
            offered,
            page,
            group,
            leads,
        )
        return function

    return register


@cache
def _discover() -> None:
    package = importlib.import_module("playground.strategies")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"playground.strategies.{module.name}")
    extensions.load(entry_points(group="playground.strategies"))


def load_all() -> dict[str, Strategy]:
    """Every strategy by name, group after group and the leading one of each first: those of this package, and those of
    installed packages that name one under the entry point group `playground.strategies`."""
    _discover()
    groups = get_args(Group)
    return {
        s.name: s
        for s in sorted(_STRATEGIES.values(), key=lambda s: (groups.index(s.group), not s.leads, s.name))
    }


def offered() -> dict[str, Strategy]:
    """The strategies that lists show, by name."""
    return {name: strategy for name, strategy in load_all().items() if strategy.offered}


def get(name: str) -> Strategy:
    """The strategy called `name`.

    Raises:
        UnknownName: none is; the hint has the nearest names.
    """
    known = load_all()
    if name not in known:
        raise UnknownName("strategy", name, known)
    return known[name]
