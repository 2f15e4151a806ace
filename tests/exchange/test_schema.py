"""The published schema is the generated one, and says what real files hold."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from playground.errors import BadInput
from playground.exchange import schema
from playground.exchange.form import HINTS, KINDS
from tests.exchange.test_refusals import PLACES, SAMPLE, changed, read

PUBLISHED = Path(__file__).parents[2] / "docs" / "session.schema.json"
VALIDATOR = Draft202012Validator(schema.schema())


def test_the_published_schema_is_the_generated_one() -> None:
    """If not: python -m playground sessions schema > docs/session.schema.json"""
    assert PUBLISHED.read_text("utf-8") == schema.text()


def test_it_is_a_schema_and_knows_every_event() -> None:
    Draft202012Validator.check_schema(schema.schema())
    definitions = schema.schema()["$defs"]
    for kind, hints in HINTS.items():
        assert set(definitions[kind]["properties"]) == {"kind", *hints}
        assert definitions[kind]["description"]
    assert len(definitions["event"]["oneOf"]) == len(KINDS)


def test_real_exports_fit(exported: bytes) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(json.loads(exported))] == []
    assert VALIDATOR.is_valid(SAMPLE)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_what_is_read_fits_whatever_stands_in_a_place(path: tuple[Any, ...]) -> None:
    """Reading is nowhere laxer than the schema, so that other programs can rely on it."""
    for value in (None, [], {}, 7, "x", 0.5, False, {"$number": "NaN"}):
        whole = changed(SAMPLE, path, lambda at, key, value=value: at.__setitem__(key, copy.deepcopy(value)))
        try:
            read(whole)
        except BadInput:
            continue
        assert VALIDATOR.is_valid(whole), (path, value)


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(TypeError, match="add it"):
        schema._of(bytes)
