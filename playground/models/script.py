"""The file that the scripted model plays: its form, and what is wrong with one that has another.

Boundary: JSON in, checked values out; plays nothing. docs/scripted.md describes the same form with examples.

A file is one JSON object (`Script`): what the model can do, and its replies in order. A call is answered by the first
reply whose `when` fits the prompt and whose `times` are not used up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from playground import errors
from playground.errors import BadInput, PlaygroundError
from playground.models.base import Capabilities

MOST_BYTES = 16 * 2**20
TOLERANCE = 0.01
"""How far probabilities that are all there are may be from adding up to 1."""

ERRORS: dict[str, type[PlaygroundError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, PlaygroundError)
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Can(_Strict):
    """What the model is able to do, as `playground.models.base.Capabilities` means it."""

    full_logits: bool = False
    branches: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=100)
    top_k: bool = False
    min_p: bool = False
    seed: bool = True
    prefill: bool = False
    n: bool = False
    json_mode: bool = False
    streaming: bool = True
    cancel: bool = True
    local: bool = True
    context_length: int | None = Field(default=None, ge=1)

    def capabilities(self) -> Capabilities:
        return Capabilities(**self.model_dump() | {"branches": self.open})

    @property
    def open(self) -> bool:
        """Whether branches can be grown: the likeliest next tokens are known at every place."""
        return self.full_logits or self.branches


class Token(_Strict):
    """A token with its log-probability (nats), and (text, log-probability) of others that could have come.

    `margin` (between the two likeliest) and `entropy` (bits) need not be given where they follow from the others.
    """

    text: str
    logprob: float = Field(le=0)
    alternatives: tuple[tuple[str, float], ...] = ()
    margin: float | None = Field(None, ge=0, le=1)
    entropy: float | None = Field(None, ge=0)

    @property
    def known(self) -> dict[str, float]:
        """Log-probabilities by text, this token's own among them."""
        return {**dict(self.alternatives), self.text: self.logprob}


class Failure(_Strict):
    """An error after so many pieces: `type` is a class of `playground.errors`; `retryable` as there if not given."""

    type: str = "ServerFailed"
    message: str = "The script says that this call fails."
    hint: str = "Run it again."
    retryable: bool | None = None
    after: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _is_ours(self) -> Self:
        if self.type not in ERRORS:
            raise ValueError(f"type is one of {', '.join(sorted(ERRORS))}")
        return self

    def error(self) -> PlaygroundError:
        kind = ERRORS[self.type]
        error = kind.__new__(kind)  # some take other arguments than these two
        PlaygroundError.__init__(error, self.message, self.hint)
        if self.retryable is not None:
            error.retryable = self.retryable
        return error


class Way(_Strict):
    """Something to write: one of `text` (a piece a word), `pieces` and `tokens`; or nothing and an `error`.

    Attributes:
        p: how likely this way is, in proportion to the others'. Without sampling the likeliest is taken.
        endless: it begins anew at its end, until the limit.
        forced: where a strategy may force words on the end (" So the answer is"): these words as tokens, and those
            that follow them.
    """

    p: float = Field(1.0, gt=0)
    text: str | None = None
    pieces: tuple[str, ...] | None = None
    tokens: tuple[Token, ...] | None = None
    endless: bool = False
    error: Failure | None = None
    forced: tuple[Token, ...] = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [value for value in (self.text, self.pieces, self.tokens) if value is not None]
        if len(said) > 1:
            raise ValueError("give only one of text, pieces and tokens")
        if not said and self.error is None and not self._others():
            raise ValueError("say what is written: text, pieces, tokens, ways or error")
        if self.endless and not (said and any(said)):
            raise ValueError("what is endless must not be empty")
        return self

    def _others(self) -> Sequence[Way]:
        return ()


class When(_Strict):
    """Which calls a reply is for; all that is given must hold.

    Attributes:
        contains, lacks: texts that the prompt (as `render_plain` writes it) has all of, or none of.
        purpose: what the call is for, such as "step 3" or "final answer"; * stands for anything.
        node: where the reply will stand in the tree, such as "q/sample-2" or "*-try-2".
    """

    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    purpose: str = "*"
    node: str = "*"

    def fits(self, prompt: str, purpose: str, node: str) -> bool:
        return (
            all(text in prompt for text in self.contains)
            and not any(text in prompt for text in self.lacks)
            and fnmatchcase(purpose, self.purpose)
            and fnmatchcase(node, self.node)
        )


class Reply(Way):
    """What the model writes to the calls that `when` describes: one way, or one of several `ways`.

    Attributes:
        times: how many calls it answers, counted from when the file was loaded, whatever run they come from.
        wait: seconds before its first piece. `pace`: seconds before each; None takes the file's.
    """

    when: When = When()
    times: int | None = Field(None, ge=1)
    wait: float = Field(0.0, ge=0, le=3600)
    pace: float | None = Field(None, ge=0, le=3600)
    ways: tuple[Way, ...] = ()

    def _others(self) -> Sequence[Way]:
        return self.ways

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        if self.ways and (self.text, self.pieces, self.tokens, self.error) != (None, None, None, None):
            raise ValueError("what is written stands either in ways or beside them")
        return self

    @property
    def choices(self) -> tuple[Way, ...]:
        return self.ways or (self,)


class Script(_Strict):
    """A whole file. `pace`: seconds before each piece of its replies."""

    title: str = ""
    about: str = ""
    capabilities: Can = Can()
    pace: float = Field(0.0, ge=0, le=3600)
    replies: tuple[Reply, ...] = Field(min_length=1)

    def vocabulary(self) -> tuple[str, ...]:
        """Every token of the file, in the order of their first place; its place here is a token's id."""
        texts: dict[str, None] = {}
        for _, way in _ways(self):
            for token in (*(way.tokens or ()), *way.forced):
                texts |= dict.fromkeys((token.text, *(text for text, _ in token.alternatives)))
        return tuple(texts)


def read(path: Path) -> tuple[Script, bytes]:
    """The script in a file, and the file's bytes.

    Raises:
        BadInput: there is none, or it is wrong; the message names the first wrong field.
    """
    try:
        if not path.is_file():
            raise BadInput(f"There is no script {str(path)!r}.", "Give the path of a script's JSON file.")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(f"The script {str(path)!r} cannot be read.", "Give another file.") from error
    if len(data) > MOST_BYTES:
        raise BadInput(f"The script {path.name} has more than {MOST_BYTES:,} bytes.", "Make it shorter.")
    try:
        script = Script.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _wrong(path, where, first["msg"].removeprefix("Value error, ")) from error
    for where, what in _contradictions(script):
        raise _wrong(path, where, what)
    return script, data


def _wrong(path: Path, where: str, what: str) -> BadInput:
    place = f" at {where}" if where else ""
    return BadInput(
        f"The script {path.name} is wrong{place}: {what[:1].lower()}{what[1:]}.",
        "Mend the file; docs/scripted.md says what may stand there.",
    )


def _ways(script: Script) -> Iterator[tuple[str, Way]]:
    for i, reply in enumerate(script.replies):
        for j, way in enumerate(reply.choices):
            yield f"replies.{i}" + (f".ways.{j}" if reply.ways else ""), way


def _contradictions(script: Script) -> Iterator[tuple[str, str]]:
    """Where replies say more, or less, than the capabilities allow."""
    can = script.capabilities
    if can.branches and not (can.full_logits or can.top_logprobs):
        yield "capabilities.branches", "branches begin with likely tokens: declare top_logprobs too"
    for where, way in _ways(script):
        if can.open:
            if way.tokens is None and way.error is None:
                yield where, "a model with full_logits or branches writes tokens"
            if "p" in way.model_fields_set:
                yield f"{where}.p", "the log-probabilities of its tokens say how likely this way is"
        elif (way.tokens or way.forced) and not can.top_logprobs:
            yield f"{where}.tokens", "a model gives tokens only with full_logits or top_logprobs"
        for name, tokens in (("tokens", way.tokens or ()), ("forced", way.forced)):
            for k, token in enumerate(tokens):
                yield from _unfounded(token, f"{where}.{name}.{k}", can)
    if can.full_logits:
        for i, reply in enumerate(script.replies):
            yield from _gaps(reply.choices, f"replies.{i}")


def _unfounded(token: Token, where: str, can: Can) -> Iterator[tuple[str, str]]:
    if any(logprob > 0 for _, logprob in token.alternatives):
        yield f"{where}.alternatives", "a log-probability is at most 0"
    if sum(map(math.exp, token.known.values())) > 1 + TOLERANCE:
        yield f"{where}.alternatives", "the probabilities add up to more than 1"
    if not can.full_logits and token.margin is None and len(token.known) < 2:
        yield where, "give a margin or an alternative; neither is made up"


def _gaps(ways: Sequence[Way], where: str) -> Iterator[tuple[str, str]]:
    """Places where ways with the same beginning do not give one whole distribution of what comes next."""
    together = [(0, list(ways))]
    while together:
        depth, same = together.pop()
        going = [way for way in same if depth < len(way.tokens or ())]
        found: dict[str, float] = {}
        for text, logprob in (pair for way in going for pair in _at(way, depth).known.items()):
            if abs(found.setdefault(text, logprob) - logprob) > TOLERANCE:
                yield where, f"token {depth}, {text!r}, has two log-probabilities after the same beginning"
        total = sum(map(math.exp, found.values()))
        if going and abs(total - 1) > TOLERANCE:
            yield (
                where,
                f"full_logits wants the whole distribution, and that of token {depth} adds up to {total:.3g}",
            )
        for text in dict.fromkeys(_at(way, depth).text for way in going):
            together.append((depth + 1, [way for way in going if _at(way, depth).text == text]))


def _at(way: Way, depth: int) -> Token:
    return (way.tokens or ())[depth]


def options(ways: Sequence[Way], depth: int) -> Mapping[str, float]:
    """Log-probabilities of what may come at `depth` of ways with the same beginning, likeliest first."""
    found: dict[str, float] = {}
    for way in ways:
        if way.tokens and (depth < len(way.tokens) or way.endless):
            found |= _at(way, depth % len(way.tokens)).known
    return dict(sorted(found.items(), key=lambda item: -item[1]))
