"""The events themselves, and what they are made of: frozen values without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal[
    "question",
    "step",
    "branch",
    "thought",
    "proposal",
    "rollout",
    "vote",
    "verdict",
    "revision",
    "answer",
]
Status = Literal["kept", "pruned", "chosen", "failed"]
Choice = Literal["greedy", "sampled", "forced"]
Phase = Literal["select", "expand", "simulate", "back up"]
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
        varentropy: Σ p (log2 p + entropy)² of that distribution, in bits², ≥ 0: how much the surprise differs from
            token to token; None where it is not known.
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
    varentropy: float | None = None
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
class Searched:
    """A phase of a round of tree search has been gone through at `node`; rounds count from 1.

    Attributes:
        phase: "select": the walk down from the root ended here; "expand": it got its children; "simulate": what
            was written from here on was worth `value`; "back up": `value` is added to this node and to every node
            above it, and each of them counts a visit more.
        value: in [0, 1] as a rule; None for a phase that has none.
    """

    node: str
    round: int
    phase: Phase
    value: float | None = None
    kind: Literal["searched"] = "searched"


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
    | Searched
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


TYPES: dict[str, type[Event]] = {t.__dataclass_fields__["kind"].default: t for t in get_args(Event)}
EVENT_KINDS: tuple[str, ...] = tuple(TYPES)
