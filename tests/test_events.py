"""Events survive their JSON form, and what is not an event is refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.events import (
    EVENT_KINDS,
    Alternative,
    Answered,
    AnswerFound,
    Event,
    NodeOpened,
    RunStarted,
    Spent,
    TokenAdded,
    Usage,
    from_json,
    to_json,
)

floats = st.floats(-50, 0, allow_nan=False)
tokens = st.builds(
    TokenAdded,
    node=st.text(),
    id=st.integers(0, 200_000),
    text=st.text(),
    logprob=floats,
    entropy=st.floats(0, 20),
    margin=st.floats(0, 1),
    chosen=st.sampled_from(["greedy", "sampled", "forced"]),
    alternatives=st.lists(st.builds(Alternative, st.integers(0, 9), st.text(), floats), max_size=3).map(
        tuple
    ),
    sampling_logprob=st.none() | floats,
    hex=st.binary(max_size=3).map(bytes.hex),
)
others = st.one_of(
    st.builds(Spent, st.text(), st.builds(Usage, *[st.integers(0, 9)] * 5)),
    st.builds(NodeOpened, st.text(), st.none() | st.text(), st.just("branch"), st.text()),
    st.builds(AnswerFound, st.text(), st.text(), st.text(), st.integers(0, 9), st.integers(0, 9)),
    st.builds(Answered, st.none() | st.text(), info=st.dictionaries(st.text(), st.integers())),
    st.builds(
        RunStarted,
        st.text(),
        st.text(),
        st.text(),
        st.dictionaries(st.text(), st.booleans()),
        st.integers(),
        st.none() | st.text(),
    ),
)


@given(tokens | others)
def test_json_round_trip(event: Event) -> None:
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


def test_every_kind_is_registered_once() -> None:
    assert len(EVENT_KINDS) == len(set(EVENT_KINDS)) == 18


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({}, "kind"),
        ({"kind": "token", "node": "q"}, "token"),
        ({"kind": "spent", "node": "q", "usage": {"calls": -1}}, "spent.usage"),
        ({"kind": "spent", "node": "q", "usage": {"bananas": 1}}, "spent.usage"),
        ({"kind": "node_opened", "node": "q", "parent": None, "role": "king"}, "node_opened.role"),
        ({"kind": "text", "node": "q", "text": 3}, "text.text"),
        ({"kind": "text", "node": "q", "text": "a", "extra": 1}, "text.extra"),
        ({"kind": "run_finished", "correct": "yes"}, "run_finished.correct"),
    ],
)
def test_bad_json_names_the_field(data: dict[str, object], names: str) -> None:
    with pytest.raises(ValueError, match=names.replace(".", r"\.")):
        from_json(data)


def test_a_token_that_splits_a_character_keeps_its_bytes() -> None:
    first = TokenAdded("q", 1, "", -0.1, 0, 1, "greedy", hex="f09f")
    assert first.data == b"\xf0\x9f"
    assert TokenAdded("q", 1, "é", -0.1, 0, 1, "greedy").data == "é".encode()
