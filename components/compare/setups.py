"""What a lane runs, what differs between lanes, and the ways to begin that vary one thing.

Boundary: pure functions on setups, strategies and descriptions of models; knows no run and no screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from components.settings_form import Setting, blocked, matters, settings_of
from components.wording import setting_name, setting_value
from playground.models.base import REASONS, ModelInfo
from playground.strategies.base import Params, Strategy, load_all, offered

FEWEST, MOST = 2, 6
"""Lanes of a comparison."""
TEMPERATURES = (0.0, 0.5, 1.0, 1.5)
KS = (1, 2, 5, 10, 20)
_CALM = "zero-shot-cot"
"""Writes a text worth reading side by side, and costs little."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A model, a strategy, its settings (all that are on its form) and the seed of the first run."""

    model: str
    strategy: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Preset:
    """A way to begin. `setups` is empty where it cannot be had, and `reason` says why."""

    name: str
    title: str
    icon: str
    help: str
    setups: tuple[Setup, ...] = ()
    reason: str = ""


def setup(model: str, strategy: Strategy, values: Mapping[str, Any] | None = None, seed: int = 0) -> Setup:
    """A setup with every setting of the strategy's form: those of `values` it has, else its defaults."""
    given = values or {}
    params = {name: given.get(name, s.default) for name, s in _form(strategy.params).items()}
    return Setup(model, strategy.name, params, seed)


def sendable(setup: Setup, model: ModelInfo) -> dict[str, Any]:
    """The settings to run with: those of the form that the model can honour."""
    strategy = load_all().get(setup.strategy)
    if strategy is None:
        return dict(setup.params)
    return {
        name: setup.params[name]
        for name, s in _form(strategy.params).items()
        if name in setup.params and s.kind != "other" and blocked(s, model.capabilities) is None
    }


def why_not(setup: Setup, model: ModelInfo) -> str | None:
    """Why the strategy cannot run on the model, or None."""
    strategy = load_all().get(setup.strategy)
    if strategy is None:
        return f"There is no strategy called {setup.strategy} any more."
    for need in model.capabilities.missing(strategy.needs):
        return f"{strategy.title} cannot run on {model.title}: {REASONS[need]}."
    return None


def title(strategy: str) -> str:
    known = load_all().get(strategy)
    return known.title if known else strategy


# What differs


def chips(setups: Sequence[Setup]) -> list[tuple[str, ...]]:
    """For each lane, in words, what it does not share with all others.

    A setting that only some strategies have is named where it differs among those; one that a single lane has,
    where it is not the default.
    """
    models, strategies = ({getattr(s, name) for s in setups} for name in ("model", "strategy"))
    seeds = {s.seed for s in setups}
    out = []
    for one in setups:
        found = [one.model] if len(models) > 1 else []
        found += [title(one.strategy)] if len(strategies) > 1 else []
        found += [_chip(name, one.params[name]) for name in one.params if _differs(name, one, setups)]
        found += [f"Seed {one.seed}"] if len(seeds) > 1 else []
        out.append(tuple(found))
    return out


def name(setup: Setup, chip: Sequence[str]) -> str:
    """What a lane is called: what is its own, or else its strategy."""
    return ", ".join(chip) or title(setup.strategy)


def _chip(name: str, value: Any) -> str:
    return f"{setting_name(name)} {setting_value(value)}"


@lru_cache(maxsize=128)
def _form(params: type[Params]) -> Mapping[str, Setting]:
    """A strategy's form; looked at for every lane whenever there is news."""
    return {s.name: s for s in settings_of(params)}


def _differs(name: str, one: Setup, setups: Sequence[Setup]) -> bool:
    strategy = load_all().get(one.strategy)
    drawn = _form(strategy.params) if strategy else {}
    if name in drawn and not matters(drawn[name], one.params):
        return False
    values = [s.params[name] for s in setups if name in s.params and s.strategy == one.strategy]
    if len(values) > 1:
        return any(value != values[0] for value in values)
    return name in drawn and one.params[name] != drawn[name].default


# Ways to begin


def first_setups(models: Sequence[ModelInfo]) -> list[Setup]:
    """What a new visitor finds: a temperature ladder, or two equal lanes where no strategy draws."""
    [ladder, *_] = presets(_first(models), models)
    return list(ladder.setups) or [_first(models)] * FEWEST


def presets(base: Setup, models: Sequence[ModelInfo]) -> list[Preset]:
    """The ways to vary one thing about `base`, on its model as far as that one can."""
    model = next((info for info in models if info.name == base.model), None)
    able = [s for s in offered().values() if model is None or not model.capabilities.missing(s.needs)]
    return [
        _ladder(
            base, able, "temperature", TEMPERATURES,
            Preset("temperature", "Temperature ladder", ":material/thermostat:",
                   "The same question at rising temperatures: first greedy, then ever hotter draws."),
            lambda t: {"temperature": t, "do_sample": True},
        ),
        _ladder(
            base, able, "k", KS,
            Preset("k", "k ladder", ":material/account_tree:",
                   "The same question with ever more branches."),
            lambda k: {"k": k},
        ),
        _all_strategies(base, able),
        _greedy_and_sampled(base, able),
        _two_models(base, models),
    ]  # fmt: skip


def _first(models: Sequence[ModelInfo]) -> Setup:
    known = offered()
    strategy = known.get(_CALM) or next(iter(known.values()))
    return setup(models[0].name if models else "", strategy)


def _with(base: Setup, able: Sequence[Strategy], *fields: str) -> Strategy | None:
    """The base's own strategy if it has these settings, else the calmest one that has."""
    having = [s for s in able if all(field in s.params.model_fields for field in fields)]
    return next(
        (s for s in having if s.name == base.strategy),
        next((s for s in having if s.name == _CALM), next(iter(having), None)),
    )


def _ladder(
    base: Setup,
    able: Sequence[Strategy],
    field: str,
    rungs: Sequence[Any],
    preset: Preset,
    change: Callable[[Any], Mapping[str, Any]],
) -> Preset:
    strategy = _with(base, able, field)
    if strategy is None:
        return replace(
            preset, reason=f"No strategy that this model can run has a setting {setting_name(field)}."
        )
    kept = base.params if strategy.name == base.strategy else {}
    return replace(
        preset,
        setups=tuple(setup(base.model, strategy, {**kept, **change(rung)}, base.seed) for rung in rungs),
    )


def _all_strategies(base: Setup, able: Sequence[Strategy]) -> Preset:
    preset = Preset(
        "strategies",
        "Different strategies",
        ":material/psychology_alt:",
        f"One strategy of every kind that this model can run, each with its own defaults, at most {MOST}.",
    )
    if len(able) < FEWEST:
        return replace(preset, reason="This model can run only one strategy.")
    # The first of every group; where there are few groups, others of them too.
    first = {strategy.group: strategy for strategy in reversed(able)}
    order = sorted(able, key=lambda strategy: first[strategy.group] is not strategy)
    chosen = sorted(order[:MOST], key=able.index)
    return replace(preset, setups=tuple(setup(base.model, s, None, base.seed) for s in chosen))


def _greedy_and_sampled(base: Setup, able: Sequence[Strategy]) -> Preset:
    preset = Preset(
        "greedy",
        "Greedy against sampled",
        ":material/casino:",
        "The likeliest token every time, against tokens drawn at temperature 1.",
    )
    strategy = _with(base, able, "do_sample", "temperature")
    if strategy is None:
        return replace(preset, reason="No strategy that this model can run draws its tokens.")
    kept = base.params if strategy.name == base.strategy else {}
    ways: tuple[Mapping[str, Any], ...] = ({"do_sample": False}, {"do_sample": True, "temperature": 1.0})
    return replace(
        preset, setups=tuple(setup(base.model, strategy, {**kept, **way}, base.seed) for way in ways)
    )


def _two_models(base: Setup, models: Sequence[ModelInfo]) -> Preset:
    preset = Preset(
        "models", "Two models", ":material/compare:", "The same strategy and settings on two models."
    )
    strategy = load_all().get(base.strategy)
    others = [
        info
        for info in models
        if info.name != base.model and strategy and not info.capabilities.missing(strategy.needs)
    ]
    if not others:
        return replace(
            preset,
            reason="Only one listed model can run this strategy. Any other can be named in a lane's settings.",
        )
    return replace(preset, setups=(base, replace(base, model=others[0].name)))
