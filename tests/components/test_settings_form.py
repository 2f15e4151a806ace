"""The form that a params model asks for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.settings_form import blocked, ignored, settings_of
from playground.models.base import Capabilities
from playground.strategies.base import Params, SampledParams


class Everything(Params):
    flag: bool = Field(True, description="On or off.")
    whole: int = Field(3, ge=1, le=9)
    many: int = Field(3, ge=1, le=5000)
    above: int = Field(3, gt=2, lt=8)
    part: float = Field(0.5, gt=0, le=1)
    free: float = 1.5
    mode: Literal["a", "b"] = "a"
    text: str = "t"
    long: str = Field("t", json_schema_extra={"multiline": True})
    hidden: list[int] = Field(default_factory=list, json_schema_extra={"form": False})
    odd: list[int] = Field(default_factory=list)


def test_every_kind_of_field() -> None:
    by_name = {s.name: s for s in settings_of(Everything)}
    assert {n: s.kind for n, s in by_name.items() if n != "max_new_tokens"} == {
        "flag": "bool",
        "whole": "int",
        "many": "int",
        "above": "int",
        "part": "float",
        "free": "float",
        "mode": "choice",
        "text": "text",
        "long": "text",
        "odd": "other",
    }
    assert by_name["whole"].slider
    assert not by_name["many"].slider
    assert (by_name["above"].low, by_name["above"].high) == (3, 7)
    assert (by_name["part"].low, by_name["part"].high, by_name["part"].step) == (0.01, 1, 0.01)
    assert (by_name["free"].low, by_name["free"].slider) == (None, False)
    assert by_name["mode"].choices == ("a", "b")
    assert by_name["long"].multiline
    assert by_name["flag"].help == "On or off."


def test_every_value_a_widget_can_give_is_allowed() -> None:
    for setting in settings_of(Everything):
        for value in (setting.low, setting.high, *setting.choices):
            if value is not None:
                Everything(**{setting.name: int(value) if setting.kind == "int" else value})


def test_what_has_no_effect_says_why() -> None:
    settings = {s.name: s for s in settings_of(SampledParams)}
    idle = {n: ignored(s, {"do_sample": False}) for n, s in settings.items()}
    assert {n for n, reason in idle.items() if reason} == {"temperature", "top_p", "top_k", "min_p"}
    zero = {n for n, s in settings.items() if ignored(s, {"do_sample": True, "temperature": 0})}
    assert zero == {"top_p", "top_k", "min_p"}


def test_what_a_model_cannot_do_says_why() -> None:
    settings = {s.name: s for s in settings_of(SampledParams)}
    unable = Capabilities(min_p=True)
    assert {n for n, s in settings.items() if blocked(s, unable)} == {"top_k"}
