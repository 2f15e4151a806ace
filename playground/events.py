"""The events of a run: the contract between the engine and everything that shows, stores or counts it.

Boundary: plain frozen values and their JSON form. An event says what happened inside a run; which run, in
which order and when is a `Record`, stamped by the runner. Nothing here knows models, strategies or screens.

Node ids are paths chosen by the strategy ("q", "q/branch-3", "q/step-2"), unique within a run and the
same in every run with the same settings.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

Role = Literal[
    "question",
    "step",
    "branch",
    "thought",
    "rollout",
    "vote",
    "verdict",
    "revision",
    "answer",
]
Status = Literal["kept", "pruned", "chosen", "failed"]
Choice = Literal["greedy", "sampled", "forced"]
EndReason = Literal["stop", "length", "stop text", "loop", "context full"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent. Adds up; every losing branch, judge and classifier is in it.

    Attributes:
        calls: sequences asked of a model; each branch, sample, step, judge or classification counts one.
        prompt_tokens: prompt tokens read, once for a prompt shared by a batch of branches.
        cached_tokens: those of `prompt_tokens` whose keys and values were still in the cache.
        completion_tokens: tokens written, forced first tokens included.
        forward_passes: times the network ran; one batch counts once.
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    forward_passes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.forward_passes + other.forward_passes,
        )


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have come: its id (None where a server tells only the text), text and log-probability on
    raw logits (nats)."""

    id: int | None
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The configuration, complete enough to run it again. `local`: the model runs on this machine, so calls
    cost nothing. `price`: US dollars for a million tokens ("input", "output", "cached"), where they are known, with
    the "date" and the "source" of the price. `budget`: what it was allowed to spend, such as {"tokens": 500}."""

    question: str
    strategy: str
    model: str
    params: Mapping[str, Any]
    seed: int
    gold: str | None = None
    family: str | None = None
    local: bool = False
    parent: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    budget: Mapping[str, Any] | None = None
    price: Mapping[str, Any] | None = None
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class NodeOpened:
    """A node of the tree appears under `parent` (None for the root)."""

    node: str
    parent: str | None
    role: Role
    title: str = ""
    kind: Literal["node_opened"] = "node_opened"


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A prompt is sent. `prompt` is the exact text the model reads, special tokens written out; `ids` are its
    tokens where reading that text again would give others (a question that spells a special token)."""

    node: str
    purpose: str
    prompt: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[int, ...] = ()
    kind: Literal["call_started"] = "call_started"


@dataclass(frozen=True, slots=True)
class TokenAdded:
    """One token is written at the end of `node`.

    Log-probability, entropy, margin and alternatives are those of the model's raw logits over the full
    vocabulary, before temperature and truncation (log-softmax in float32).

    Attributes:
        id: None where a server tells only the text.
        text: the token's text; "" while its bytes do not form a whole character (then see `hex`).
        hex: the token's own bytes in hexadecimal when they are not valid UTF-8 by themselves, else "".
        logprob: ln p(token), nats, ≤ 0.
        entropy: of the distribution it was taken from, in bits, ≥ 0; None where only its likeliest tokens are known.
        margin: p(first) − p(second) of that distribution, in [0, 1].
        chosen: arg-max of the raw logits ("greedy"), drawn ("sampled") or put there by the strategy ("forced").
        sampling_logprob: ln of the probability with which sampling drew it, after all processors; None
            when it was not drawn.
        alternatives: the likeliest tokens there, best first.
    """

    node: str
    id: int | None
    text: str
    logprob: float
    entropy: float | None
    margin: float
    chosen: Choice
    alternatives: tuple[Alternative, ...] = ()
    sampling_logprob: float | None = None
    hex: str = ""
    kind: Literal["token"] = "token"

    @property
    def data(self) -> bytes:
        """The token's own bytes (UTF-8 of its text unless `hex` says otherwise); half a character makes bytes that
        are no UTF-8."""
        return bytes.fromhex(self.hex) if self.hex else self.text.encode(errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class TextAdded:
    """A piece of text is written at the end of `node` by a backend that gives no tokens."""

    node: str
    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Titled:
    """A node's title and readable content become known (a chain's step, once it is parsed).

    `final` says that the model asked to go on to its answer; `note` says what had to be repaired.
    """

    node: str
    title: str
    content: str
    final: bool = False
    note: str = ""
    kind: Literal["titled"] = "titled"


@dataclass(frozen=True, slots=True)
class TextEnded:
    """No more text comes at the end of `node`."""

    node: str
    reason: EndReason
    kind: Literal["text_ended"] = "text_ended"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call has cost since the last such event; charged to `node`."""

    node: str
    usage: Usage
    kind: Literal["spent"] = "spent"


@dataclass(frozen=True, slots=True)
class NodeScored:
    """`by` (delta, votes, checker …) gives `node` the value `value`; `what` says what it measures."""

    node: str
    by: str
    value: float
    what: str = ""
    kind: Literal["node_scored"] = "node_scored"


@dataclass(frozen=True, slots=True)
class NodeClosed:
    """The strategy is done with `node`."""

    node: str
    status: Status
    reason: str = ""
    kind: Literal["node_closed"] = "node_closed"


@dataclass(frozen=True, slots=True)
class AnswerFound:
    """An answer stands in the text of `node`, characters [start, end), tokens [first_token, last_token).

    `text` is the answer as written; `canonical` is its normalised form. Token bounds are None for
    backends without tokens.
    """

    node: str
    text: str
    canonical: str
    start: int
    end: int
    first_token: int | None = None
    last_token: int | None = None
    kind: Literal["answer_found"] = "answer_found"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know that did not stop the run."""

    message: str
    node: str | None = None
    kind: Literal["warning"] = "warning"


@dataclass(frozen=True, slots=True)
class Waiting:
    """`node` waits for its server, `seconds` so far or as the server asked (0 where that is unknown)."""

    node: str
    seconds: float
    reason: str
    kind: Literal["waiting"] = "waiting"


@dataclass(frozen=True, slots=True)
class Answered:
    """The strategy's result. `confidence_kind` says what `confidence` is; both None where nothing measures it."""

    text: str | None
    node: str | None = None
    confidence: float | None = None
    confidence_kind: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run came to its end. `correct` is None where the right answer is not known."""

    correct: bool | None = None
    kind: Literal["run_finished"] = "run_finished"


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run stopped on an error; everything before it stands."""

    error: str
    message: str
    hint: str = ""
    retryable: bool = False
    kind: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, slots=True)
class RunCancelled:
    """The run was stopped; everything before it stands. `reason` is empty where a person did it."""

    reason: str = ""
    kind: Literal["run_cancelled"] = "run_cancelled"


Event = (
    RunStarted
    | NodeOpened
    | CallStarted
    | TokenAdded
    | TextAdded
    | Titled
    | TextEnded
    | Spent
    | NodeScored
    | NodeClosed
    | AnswerFound
    | Warned
    | Waiting
    | Answered
    | RunFinished
    | RunFailed
    | RunCancelled
)
RunEnd = RunFinished | RunFailed | RunCancelled


@dataclass(frozen=True, slots=True)
class Record:
    """An event with its place: `seq` counts from 0 within the run, `time` is Unix seconds."""

    run_id: str
    seq: int
    time: float
    event: Event


_TYPES: dict[str, type[Event]] = {t.__dataclass_fields__["kind"].default: t for t in get_args(Event)}
EVENT_KINDS: tuple[str, ...] = tuple(_TYPES)


def to_json(event: Event) -> dict[str, Any]:
    """The event as a dict of plain JSON values; defaults are left out, `kind` never is."""
    out: dict[str, Any] = {"kind": event.kind}
    for name, default in _DEFAULTS[event.kind]:
        value = getattr(event, name)
        if value != default:
            out[name] = _plain(value)
    return out


def from_json(data: Mapping[str, Any]) -> Event:
    """The event that `to_json` wrote.

    Raises:
        ValueError: unknown kind, missing or unexpected field, or a field of the wrong type; names the field.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"kind: {kind!r} is not an event kind")
    hints = _HINTS[kind]
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name == "kind":
            continue
        if name not in hints:
            raise ValueError(f"{kind}.{name}: no such field")
        values[name] = _read(value, hints[name], f"{kind}.{name}")
    try:
        return _TYPES[kind](**values)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Usage):
        return {f.name: getattr(value, f.name) for f in fields(value) if getattr(value, f.name)}
    if isinstance(value, tuple) and value and isinstance(value[0], Alternative):
        return [[a.id, a.text, a.logprob] for a in value]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return value


def _read(value: Any, hint: Any, where: str) -> Any:
    if hint is Usage:
        if not isinstance(value, Mapping) or not all(_is_count(v) for v in value.values()):
            raise ValueError(f"{where}: wants counts by name")
        try:
            return Usage(**value)
        except TypeError as error:
            raise ValueError(f"{where}: {error}") from error
    if hint == tuple[int, ...]:
        if not isinstance(value, Iterable) or isinstance(value, str) or not all(map(_is_count, value)):
            raise ValueError(f"{where}: wants a list of token ids")
        return tuple(value)
    if hint == tuple[Alternative, ...]:
        if not isinstance(value, Iterable) or isinstance(value, str):
            raise ValueError(f"{where}: wants a list of [id, text, logprob]")
        return tuple(_alternative(v, where) for v in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not _fits(value, hint):
        raise ValueError(f"{where}: {value!r} is not {getattr(hint, '__name__', hint)}")
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _alternative(value: Any, where: str) -> Alternative:
    match value:
        case [int() | None as id, str(text), float() | int() as logprob]:
            return Alternative(id, text, float(logprob))
    raise ValueError(f"{where}: {value!r} is not [id, text, logprob]")


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin = typing.get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if origin is not None:
        return isinstance(value, Mapping)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


_HINTS = {kind: typing.get_type_hints(t) for kind, t in _TYPES.items()}
_MISSING = object()


def _default(f: Any) -> Any:
    if f.default is not MISSING:
        return f.default
    if f.default_factory is not MISSING:
        return f.default_factory()
    return _MISSING


_DEFAULTS = {
    kind: [(f.name, _default(f)) for f in fields(t) if f.name != "kind"] for kind, t in _TYPES.items()
}
