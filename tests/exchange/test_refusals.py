"""Files that are no export, or a damaged or hostile one: refused in one sentence that names the place."""

from __future__ import annotations

import copy
import json
import math
import tracemalloc
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.errors import BadInput
from playground.exchange import Bundle, bring_in, form, read_json
from playground.exchange.writing import written
from playground.store import Store
from tests.exchange.samples import odd_events

OPENING = [
    1.0,
    {"kind": "run_started", "question": "Q?", "strategy": "s", "model": "m", "params": {}, "seed": 0},
]
TOKEN = [2.0, {"kind": "token", "node": "q", "id": 1, "text": "x", "logprob": -1, "entropy": 0, "margin": 1.0,
               "chosen": "greedy"}]  # fmt: skip
END = [3.0, {"kind": "run_finished"}]


def document(*events: Any, **session: Any) -> dict[str, Any]:
    run = {"id": "r", "created": 1.0, "events": [OPENING, *events]}
    whole = {"id": "s", "created": 1.0, "name": None, "note": "", "tags": [], "runs": [run]} | session
    return copy.deepcopy({"format": form.FORMAT, "version": 1, "sessions": [whole]})


def read(value: Any) -> Bundle:
    return read_json(json.dumps(value).encode())


def refusal(data: bytes) -> str:
    with pytest.raises(BadInput) as refused:
        read_json(data)
    assert refused.value.hint
    message = refused.value.message
    assert len(message) < 600
    assert message.isprintable()
    return message


def refused(value: Any) -> str:
    return refusal(json.dumps(value).encode())


def with_run(**changes: Any) -> dict[str, Any]:
    whole = document(END)
    whole["sessions"][0]["runs"][0] |= changes
    return whole


def token(**changes: Any) -> dict[str, Any]:
    return document([2.0, TOKEN[1] | changes])


def started(**changes: Any) -> dict[str, Any]:
    return with_run(events=[[1.0, OPENING[1] | changes]])


def opened(node: str, parent: str | None) -> list[Any]:
    return [2.0, {"kind": "node_opened", "node": node, "parent": parent, "role": "branch"}]


AT = "sessions[0].runs[0]"
E1 = f"{AT}.events[1]"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "not a file of saved sessions"),
        ({}, "not a file of saved sessions"),
        ({"format": "csv"}, "not a file of saved sessions"),
        ({"format": form.FORMAT}, "version: None is not the number"),
        ({"format": form.FORMAT, "version": "1"}, "version: '1' is not the number"),
        ({"format": form.FORMAT, "version": 0}, "version: 0 is not the number"),
        ({"format": form.FORMAT, "version": True}, "version: True is not the number"),
        ({"format": form.FORMAT, "version": 3, "new": 1}, "written by a newer version"),
        ({"format": form.FORMAT, "version": 1}, "sessions: is missing"),
        (document() | {"extra": 1}, "the file: it has no field 'extra'"),
        (document() | {"sessions": {}}, "sessions: an object of 0 is not a list"),
        (document() | {"sessions": [7]}, "sessions[0]: 7 is not an object"),
        (document() | {"sessions": document()["sessions"] * 2}, "sessions[1].id: 's' stands there twice"),
        (document(id="../../etc"), "sessions[0].id: '../../etc' is not an id"),
        (document(id="s\n"), "sessions[0].id: 's\\n' is not an id"),
        (document(id=""), "sessions[0].id: '' is not an id"),
        (document(id=None), "sessions[0].id: None is not an id"),
        (document(created=-1), "sessions[0].created: -1 is not a time"),
        (document(created="now"), "sessions[0].created: 'now' is not a time"),
        (document(created=1e300), "sessions[0].created: 1e+300 is not a time"),
        (document(created=False), "sessions[0].created: False is not a time"),
        (document(name=""), "sessions[0].name: '' is empty"),
        (document(name="a\nb"), "sessions[0].name: 'a\\nb' is empty, or not one line"),
        (document(name="x" * 201), "sessions[0].name: it has 201 characters"),
        (document(name=7), "sessions[0].name: 7 is not str"),
        (document(note=None), "sessions[0].note: None is not str"),
        (document(note="x" * 20_001), "sessions[0].note: it has 20,001 characters"),
        (document(note="\ud800"), "sessions[0].note: it holds half characters"),
        (document(tags="a"), "sessions[0].tags: 'a' is not a list"),
        (document(tags=["a", " b"]), "sessions[0].tags[1]: ' b' is empty, or"),
        (document(tags=["a", "a"]), "sessions[0].tags[1]: 'a' stands there twice"),
        (document(tags=["x" * 61]), "sessions[0].tags[0]: it has 61"),
        (document(tags=[f"t{i}" for i in range(101)]), "sessions[0].tags: it has 101 entries"),
        (document(runs=None), "sessions[0].runs: None is not a list"),
        (document(runs=[None]), f"{AT}: None is not an object"),
        (with_run(id=5), f"{AT}.id: 5 is not an id"),
        (with_run(created=[]), f"{AT}.created: a list of 0 is not a time"),
        (with_run(events={}), f"{AT}.events: an object of 0 is not a list"),
        (with_run(events=[]), f"{AT}.events: a log has at least its run_started"),
        (with_run(events=[END]), f"{AT}.events[0]: the log begins with run_finished"),
        (with_run(events=[[1.0]]), f"{AT}.events[0]: a list of 1 is not [time, event]"),
        (with_run(events=[["x", OPENING[1]]]), f"{AT}.events[0][0]: 'x' is not a time"),
        (with_run(more=1), f"{AT}: it has no field 'more'"),
        (document(OPENING), f"{E1}: this is a second run"),
        (document(END, TOKEN), f"{AT}.events[2]: a token after the run's end"),
        (document(END, END), f"{AT}.events[2]: a run_finished after the run's end"),
        (document([1.0, "token"]), f"{E1}: 'token' is not an event"),
        (document([1.0, {}]), f"{E1}.kind: None is not an event kind"),
        (document([1.0, {"kind": ["token"]}]), f"{E1}.kind: a list of 1 is not an event kind"),
        (document([1.0, {"kind": "tokens"}]), f"{E1}.kind: 'tokens' is not an event kind"),
        (document([1.0, {"kind": "token"}]), f"{E1}.token.node: is missing"),
        (token(colour=1), f"{E1}.token: it has no field 'colour'"),
        (token(logprob="x"), f"{E1}.token.logprob: 'x' is not float"),
        (token(logprob=True), f"{E1}.token.logprob: True is not float"),
        (token(logprob=None), f"{E1}.token.logprob: None is not float"),
        (token(logprob={"$number": "nan"}), f'{E1}.token.logprob: an object of 1 is not {{"$number"'),
        (token(logprob={"$number": "NaN", "x": 1}), f"{E1}.token.logprob: an object of 2 is not"),
        (token(logprob={"$number": ["NaN"]}), f"{E1}.token.logprob: an object of 1 is not"),
        (token(logprob=10**400), f"{E1}.token.logprob: so large"),
        (token(id=2**63), f"{E1}.token.id: so large"),
        (token(id=1.5), f"{E1}.token.id: 1.5 is not int"),
        (token(id="1"), f"{E1}.token.id: '1' is not int"),
        (token(node=None), f"{E1}.token.node: None is not str"),
        (token(node="n" * 501), f"{E1}.token.node: it has 501 characters"),
        (token(text="x" * 5_000_001), f"{E1}.token.text: it has 5,000,001 characters"),
        (token(chosen="guessed"), f"{E1}.token.chosen: 'guessed' is not one of greedy, sampled, forced"),
        (token(chosen=[]), f"{E1}.token.chosen: a list of 0 is not one of"),
        (token(hex="e"), f"{E1}.token.hex: 'e' is not a few bytes"),
        (token(hex="zz"), f"{E1}.token.hex: 'zz' is not"),
        (token(alternatives={}), f"{E1}.token.alternatives: an object of 0 is not a list"),
        (token(alternatives="abc"), f"{E1}.token.alternatives: wants a list"),
        (token(alternatives=[[1, "a"]]), f"{E1}.token.alternatives: a list of 2 is not [id, text, logprob]"),
        (token(alternatives=[["a", 1, 2]]), f"{E1}.token.alternatives: ['a', 1, 2.0] is not [id, text, logprob]"),
        (token(alternatives=[[1, "a", {}]]), f"{E1}.token.alternatives: an object of 0 is not"),
        (token(sampling_logprob=[]), f"{E1}.token.sampling_logprob: [] is not"),
        (document([1.0, {"kind": "call_started", "node": "q", "purpose": "", "prompt": "", "ids": {}}]),
         f"{E1}.call_started.ids: an object of 0 is not a list"),
        (document([1.0, {"kind": "call_started", "node": "q", "purpose": "", "prompt": "", "ids": [-1]}]),
         f"{E1}.call_started.ids: wants a list of token ids"),
        (document([1.0, {"kind": "spent", "node": "q", "usage": {"calls": 10**13}}]), f"{E1}.spent.usage: so many"),
        (document([1.0, {"kind": "spent", "node": "q", "usage": {"calls": 1.5}}]), f"{E1}.spent.usage: wants counts"),
        (document([1.0, {"kind": "spent", "node": "q", "usage": {"tea": 1}}]), f"{E1}.spent.usage"),
        (document([1.0, {"kind": "run_finished", "correct": 1}]), f"{E1}.run_finished.correct: 1 is not"),
        (started(question="\udc80"), f"{AT}.events[0].run_started.question: it holds half"),
        (started(gold="\udc80"), f"{AT}.events[0].run_started.gold: it holds half"),
        (started(seed=-1), f"{AT}.events[0].run_started.seed: -1 is below 0"),
        (started(seed=2**63), f"{AT}.events[0].run_started.seed: so large"),
        (started(params=[]), f"{AT}.events[0].run_started.params: a list of 0 is not a dict"),
        (started(params={"$number": "NaN"}), f"{AT}.events[0].run_started.params"),
        (started(params={"a": {"$x": 1}}), f"{AT}.events[0].run_started.params: the name '$x' begins with one $"),
        (started(versions={"torch": 2}), f"{AT}.events[0].run_started.versions: its values are not all str"),
        (started(parent={"run": 7}), f"{AT}.events[0].run_started.parent.run: 7 is not the id of a run"),
        (started(parent={"of": "x y"}), f"{AT}.events[0].run_started.parent.of: 'x y' is not the id"),
        (started(parent={"index": {"$number": "NaN"}}), f"{AT}.events[0].run_started.parent: nan has no meaning"),
        (document(opened("a", "a")), f"{E1}.node_opened.parent: 'a' is not a node that was opened before"),
        (document(opened("a", "b"), opened("b", "a")), f"{E1}.node_opened.parent"),
        (document(opened("a", None), opened("b", "a"), opened("a", "b")), "'a' was opened elsewhere before"),
        (document(*(opened(f"n{i}", f"n{i - 1}" if i else None) for i in range(300))), "more than 200 deep"),
    ],
)  # fmt: skip
def test_the_place_is_named(value: Any, says: str) -> None:
    assert says in refused(value)


def test_a_run_id_stands_twice() -> None:
    whole = document()
    whole["sessions"].append(copy.deepcopy(whole["sessions"][0]) | {"id": "t"})
    assert "sessions[1].runs[0].id: 'r' stands there twice" in refused(whole)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"\x00\x01", "not JSON"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"{", "not JSON"),
        (b'{"a": "', "not JSON"),
        (b"nul", "not JSON"),
        (b"[NaN]", 'NaN is not a number of JSON; it is written {"$number": "NaN"}'),
        (b"[-Infinity]", "-Infinity is not a number of JSON"),
        (b"9" * 5000, "not JSON"),
        (b'"' + b'\\"' * 10**6, "not JSON"),
        (b"PK\x03\x04 a zip file", "not JSON"),
        (b"[" * 41 + b"]" * 41, "more than 40 deep"),
        (b'{"a":' * 10**6, "more than 40 deep"),
        (b"[" * (form.MOST_CONTAINERS + 1), "too many values"),
        (b"[" + b"1," * (form.MOST_VALUES + 1), "too many values"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_json_or_too_much(data: bytes, says: str) -> None:
    assert says in refusal(data)


def test_depth_is_not_counted_in_texts() -> None:
    bundle = read(document(note="[" * 1000 + '{"\\"[[' * 100))
    assert len(bundle.sessions[0].note) == 1600


@pytest.mark.parametrize("fill", [b"[", b" ", b"[[],", b'"', b"\\"], ids=repr)
def test_200_mb_are_refused_before_they_are_looked_at(fill: bytes) -> None:
    data = fill * (200 * 2**20 // len(fill))
    tracemalloc.start()
    began = perf_counter()
    message = refusal(data)
    took = perf_counter() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "more than 64 MB" in message
    assert took < 1
    assert peak < 2**20


def test_older_whole_numbers_and_a_byte_order_mark_are_fine() -> None:
    data = b"\xef\xbb\xbf" + json.dumps(document([2, TOKEN[1] | {"margin": 1}], END)).encode()
    [(_, first), (time, event), _] = read_json(data).sessions[0].runs[0].log
    assert (time, event.margin, first.kind) == (2.0, 1.0, "run_started")  # type: ignore[union-attr]


# A hundred and more hostile files: an export with anything in any of its places

junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from([[[]], {"$number": "NaN"}, {"$x": 1}, "\ud800", "x" * 10_000, 2**70, -1, 1e308, "__class__"]),
    st.recursive(
        st.none(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is a value, in an order that does not depend on it."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def changed(whole: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    copied = copy.deepcopy(whole)
    at = copied
    for key in path[:-1]:
        at = at[key]
    change(at, path[-1])
    return copied


def sample() -> dict[str, Any]:
    from tests.exchange.test_there_and_back import run, session

    log = tuple((1.0 + i, event) for i, event in enumerate(odd_events()))
    odd = form.SharedRun("odd", 1.0, log)
    parent = {"run": "odd", "of": "odd", "node": "q/a", "index": 0}
    bundle = Bundle((session("odd", odd, run("fork", parent=parent), name="N", note="n", tags=("a", "b")),))
    value: dict[str, Any] = json.loads(written(bundle))
    return value


SAMPLE = sample()
PLACES = list(places(SAMPLE))[1:]


def test_the_sample_itself_is_good() -> None:
    assert len(PLACES) > 250
    assert read(SAMPLE).sessions[0].runs[0].id == "odd"


def read_or_refused(data: bytes) -> Bundle | None:
    try:
        return read_json(data)
    except BadInput as error:
        says = error
    assert says.hint
    assert says.message.isprintable()
    return None


def survives(value: Any, store: Store) -> None:
    """A file is either refused with a sentence, or it can be brought in, read and written again."""
    bundle = read_or_refused(json.dumps(value).encode())
    if bundle is None:
        return
    done = bring_in(store, bundle)
    for id in done.sessions:
        store.sessions.get(id)
        for run in store.runs_in(id):
            trace = store.trace(run.id)
            assert sum(1 for node in trace.nodes.values() for _ in node.text) >= 0
            assert math.isfinite(trace.seconds)
    store.sessions.delete(done.sessions)
    store.sessions.purge(older_than=-1)
    assert repr(read_json(written(bundle))) == repr(bundle)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("target") / "runs.db")
    yield store
    store.close()


@settings(max_examples=300)
@given(st.sampled_from(PLACES), junk)
def test_anything_in_any_place(target: Store, path: tuple[Any, ...], value: Any) -> None:
    survives(changed(SAMPLE, path, lambda at, key: at.__setitem__(key, value)), target)


@settings(max_examples=100)
@given(st.sampled_from(PLACES), st.sampled_from(PLACES))
def test_values_in_each_others_places(target: Store, path: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    value = SAMPLE
    for key in other:
        value = value[key]
    survives(changed(SAMPLE, path, lambda at, key: at.__setitem__(key, copy.deepcopy(value))), target)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_a_wrong_type_or_nothing_in_every_place(target: Store, path: tuple[Any, ...]) -> None:
    for value in (None, [], {}, "", 0, True, -1.5, "\ud800", {"$number": "Infinity"}):
        survives(changed(SAMPLE, path, lambda at, key, value=value: at.__setitem__(key, value)), target)
    survives(changed(SAMPLE, path, lambda at, key: at.__delitem__(key)), target)
    more = changed(
        SAMPLE, path, lambda at, key: at.update(surplus=1) if isinstance(at, dict) else at.append(1)
    )
    survives(more, target)


@settings(max_examples=100)
@given(st.data())
def test_broken_bytes(exported: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(exported) - 1))
    broken = exported[:at] + data.draw(st.binary(max_size=4)) + exported[at + data.draw(st.integers(0, 20)) :]
    read_or_refused(broken)
