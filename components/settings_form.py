"""A strategy's form, generated from the fields of its params model.

Boundary: reads the pydantic fields and draws one widget each; what a widget returns is checked again by
`Strategy.parse` when the run starts. Knows no strategy by name. `page` says whose widgets they are.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from components.wording import plain, setting_name
from playground.models.base import Capabilities
from playground.strategies.base import Params, Strategy

Kind = Literal["bool", "int", "float", "choice", "text", "other"]

PAGE = "ask"
_SLIDER_STEPS = 100
_DRAWN_ONLY = ("temperature", "top_p", "top_k", "min_p")
_MODEL_SETTINGS = ("top_k", "min_p")


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a params model, as a widget needs it.

    `low` and `high` are inclusive bounds; None where the field has none. A strict lower bound of a float is
    moved up by one step. `choices` is filled for kind "choice" only. `when` names other settings and the values
    they must have for this one to matter; it is not drawn otherwise.
    """

    name: str
    kind: Kind
    default: Any
    help: str = ""
    low: float | None = None
    high: float | None = None
    step: float = 1
    choices: tuple[Any, ...] = ()
    multiline: bool = False
    when: tuple[tuple[str, Any], ...] = ()

    @property
    def slider(self) -> bool:
        """Whether the range is short enough to drag through."""
        return (
            self.low is not None
            and self.high is not None
            and (self.high - self.low) / self.step <= _SLIDER_STEPS
        )


def settings_of(params: type[Params]) -> list[Setting]:
    """The settings of a params model, a strategy's own before those it shares with others; without those that say
    they are no form field."""

    def shared(name: str) -> int:
        return max(i for i, base in enumerate(params.__mro__) if name in getattr(base, "__annotations__", {}))

    return [
        _setting(name, params.model_fields[name])
        for name in sorted(params.model_fields, key=shared)
        if _extra(params.model_fields[name]).get("form") is not False
    ]


def widget_key(strategy: str, name: str, page: str = PAGE) -> str:
    """The key of the widget that holds a strategy's setting."""
    return f"{page}.{strategy}.{name}"


def blocked(setting: Setting, capabilities: Capabilities) -> str | None:
    """Why the model cannot honour this setting, or None."""
    if setting.name in _MODEL_SETTINGS and not getattr(capabilities, setting.name):
        return "This model's server does not take this setting."
    return None


def ignored(setting: Setting, values: Mapping[str, Any]) -> str | None:
    """Why this setting has no effect beside the others, or None."""
    if setting.name not in _DRAWN_ONLY:
        return None
    if values.get("do_sample") is False:
        return "Ignored while “Do sample” is off: the likeliest token is taken every time."
    if setting.name != "temperature" and values.get("temperature") == 0:
        return "Ignored at temperature 0: the likeliest token is taken every time."
    return None


def matters(setting: Setting, values: Mapping[str, Any]) -> bool:
    """Whether the other settings leave this one anything to do."""
    return all(values.get(name) == wanted for name, wanted in setting.when)


def settings_form(strategy: Strategy, capabilities: Capabilities, page: str = PAGE) -> dict[str, Any]:
    """Draw the form; returns the settings to run with, those the model cannot honour left at their defaults."""
    values: dict[str, Any] = {}
    for setting in settings_of(strategy.params):
        if not matters(setting, _held(strategy, page)):
            continue
        key = widget_key(strategy.name, setting.name, page)
        unable, idle = blocked(setting, capabilities), ignored(setting, _held(strategy, page))
        reason = unable or idle
        value = _widget(setting, key, disabled=reason is not None, reason=reason)
        if unable is None and setting.kind != "other":
            values[setting.name] = value
    return values


def current_values(strategy: Strategy, capabilities: Capabilities, page: str = PAGE) -> dict[str, Any]:
    """What the form holds now, read from the session, for use in callbacks."""
    held = _held(strategy, page)
    return {
        s.name: held[s.name]
        for s in settings_of(strategy.params)
        if s.kind != "other" and blocked(s, capabilities) is None
    }


def fill(strategy: Strategy, values: Mapping[str, Any], page: str = PAGE) -> None:
    """Put values into the form; for use in callbacks, before the widgets are drawn."""
    for setting in settings_of(strategy.params):
        if setting.kind != "other":
            st.session_state[widget_key(strategy.name, setting.name, page)] = _fitting(
                setting, values.get(setting.name, setting.default)
            )


def _held(strategy: Strategy, page: str) -> dict[str, Any]:
    return {
        s.name: st.session_state.get(widget_key(strategy.name, s.name, page), s.default)
        for s in settings_of(strategy.params)
    }


def _widget(setting: Setting, key: str, *, disabled: bool, reason: str | None) -> Any:
    label = setting_name(setting.name)
    help_text = plain(setting.help) if reason is None else f"**{plain(reason)}** {plain(setting.help)}"
    st.session_state.setdefault(key, setting.default)
    common: dict[str, Any] = {
        "key": key,
        "help": help_text or None,
        "disabled": disabled,
        "persist_state": "session",
    }
    match setting.kind:
        case "bool":
            return st.toggle(label, **common)
        case "int" | "float":
            return _number(setting, label, common)
        case "choice":
            return _choice(setting, label, common)
        case "text" if setting.multiline:
            return st.text_area(label, height=160, **common)
        case "text":
            return st.text_input(label, **common)
        case _:
            st.caption(f"{plain(label)}: {plain(str(setting.default), 60)} (set it from the command line)")
            return setting.default


def _number(setting: Setting, label: str, common: dict[str, Any]) -> Any:
    cast = int if setting.kind == "int" else float
    low = None if setting.low is None else cast(setting.low)
    high = None if setting.high is None else cast(setting.high)
    if setting.slider:
        return st.slider(label, min_value=low, max_value=high, step=cast(setting.step), **common)
    return st.number_input(label, min_value=low, max_value=high, step=cast(setting.step), **common)


def _choice(setting: Setting, label: str, common: dict[str, Any]) -> Any:
    if sum(len(str(c)) for c in setting.choices) <= 24:
        return st.segmented_control(label, setting.choices, required=True, **common)
    return st.selectbox(label, setting.choices, **common)


def _fitting(setting: Setting, value: Any) -> Any:
    """`value` made acceptable to the widget: inside the bounds, of the right type, one of the choices."""
    if setting.kind == "choice":
        return value if value in setting.choices else setting.default
    if setting.kind in ("int", "float") and isinstance(value, int | float):
        low = setting.low if setting.low is not None else value
        high = setting.high if setting.high is not None else value
        inside = min(max(value, low), high)
        return int(inside) if setting.kind == "int" else float(inside)
    return value


def _setting(name: str, field: FieldInfo) -> Setting:
    annotation, optional = _unwrap(field.annotation)
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        default = None
    kind = _kind(annotation, optional)
    low, high, strict_low = _bounds(field)
    step: float = 1
    if kind == "float":
        span = high - low if low is not None and high is not None else 1.0
        step = 0.05 if span > 1 else 0.01
    if strict_low and low is not None:
        low += step
    return Setting(
        name,
        kind,
        default,
        field.description or "",
        low,
        high,
        step,
        typing.get_args(annotation) if kind == "choice" else (),
        bool(_extra(field).get("multiline")),
        tuple(_extra(field).get("when", {}).items()),
    )


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """The type without "| None", and whether None was allowed."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False


def _kind(annotation: Any, optional: bool) -> Kind:
    if typing.get_origin(annotation) is Literal:
        return "other" if optional else "choice"
    kinds: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    kind = kinds.get(annotation, "other")
    return "other" if optional and kind in ("bool", "text") else kind


def _bounds(field: FieldInfo) -> tuple[float | None, float | None, bool]:
    """Lowest and highest value, and whether the lowest is itself excluded."""
    low = high = None
    strict = False
    for item in field.metadata:
        for attribute in ("ge", "gt"):
            if (value := getattr(item, attribute, None)) is not None:
                low, strict = float(value), attribute == "gt"
        for attribute in ("le", "lt"):
            if (value := getattr(item, attribute, None)) is not None:
                high = float(value) - (1 if attribute == "lt" and field.annotation is int else 0)
    return low, high, strict
