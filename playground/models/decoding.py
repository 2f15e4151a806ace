"""Growing branches: all in one batch, one token each a step, every number of the trace measured on the way.

Boundary: token ids, events and a `Network`; knows no prompts, templates or strategies. A step does three things:
read the newest tokens in one forward pass, measure the distributions that come out and choose on the device (one
transfer brings all of it back), and tell what was written. Branches that have ended leave the batch. Settings that ask
(see `quadrants`) stop them all before a token that needs a decision; each then holds what it has read.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from playground.events import (
    Alternative,
    Choice,
    EndReason,
    Event,
    Spent,
    TextEnded,
    TokenAdded,
    Usage,
    Warned,
)
from playground.models.measures import (
    CHOSEN,
    ENTROPY,
    MARGIN,
    SAMPLING_LOGPROB,
    VARENTROPY,
    likeliest,
    look,
    token_added,
)
from playground.models.network import Network
from playground.models.prefix import Batch, Reading
from playground.models.stopping import StopText, period
from playground.models.token_text import TokenText
from playground.quadrants import Adaptive
from playground.sampling import Sampling, not_a_distribution, uniforms

LOOP_CHECK = 8
"""Every so many tokens a branch is checked for going round in circles."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for all branches of one decode.

    Attributes:
        node: charged with the cost.
        ends: ids that end a text.
        stops: texts that end it, as bytes.
        context_length: tokens that a row can hold, None without limit.
        alternatives: how many of the likeliest tokens are recorded, ≥ 2.
        stop_loops: end a branch that repeats itself instead of only warning.
    """

    node: str
    sampling: Sampling
    max_new_tokens: int
    seed: int
    ends: frozenset[int]
    stops: tuple[bytes, ...] = ()
    context_length: int | None = None
    alternatives: int = 10
    stop_loops: bool = False


class LocalBranch:
    """One continuation of a prefix; see `playground.models.base.Branch`.

    Its text is exactly its tokens' bytes. A token that ends the text (end of turn) is not among them, and neither
    is a stop text: of a token that runs over into one, the part before it is recorded.
    """

    def __init__(
        self, network: Network, text: TokenText, node: str, reading: Reading, first: int | None
    ) -> None:
        self.node = node
        self.network = network
        self.tokens: list[TokenAdded] = []
        self.end: EndReason | None = None
        self.options: tuple[Alternative, ...] = ()
        self.context = list(reading.ids)
        self.prompt_length = len(reading)
        self.queue: deque[int] = deque(() if first is None else (first,))
        self.reading: Reading | None = reading
        self.started = self.warned = False
        self._text = text

    @property
    def text(self) -> str:
        return b"".join(token.data for token in self.tokens).decode("utf-8", errors="replace")

    @property
    def may_grow(self) -> bool:
        """Whether a decode would add to it: it was cut off by a limit, or text waits to be written."""
        return self.end in {None, "length"} or bool(self.queue)

    def force(self, text: str) -> None:
        self.queue.extend(self._text.encode_after(text))
        self.end = None

    def choose(self, id: int) -> None:
        """Queue one token; see `force`."""
        self.queue.append(id)
        self.end = None

    def twin(self, node: str) -> LocalBranch:
        """The same text at another node, with what was read of it."""
        twin = copy.copy(self)
        twin.node = node
        twin.tokens = [replace(token, node=node) for token in self.tokens]
        twin.context, twin.queue = list(self.context), deque(self.queue)
        twin.started = False
        return twin


class Row:
    """A branch while one decode grows it."""

    def __init__(self, branch: LocalBranch, settings: Settings) -> None:
        self.branch = branch
        self.settings = settings
        # After a stop text that began inside a token: how much of the context is as it was read.
        self.intact: int | None = None
        room = math.inf if settings.context_length is None else settings.context_length - len(branch.context)
        self.left = min(settings.max_new_tokens, room)
        self.limit: EndReason = "length" if settings.max_new_tokens <= room else "context full"
        self.draws: Iterator[float] | None = None
        if not settings.sampling.greedy:
            self.draws = uniforms(settings.seed, branch.node, start=len(branch.tokens))
        self.stop = StopText(settings.stops) if settings.stops else None

    def asks(self, values: list[float]) -> bool:
        """Whether a decision is needed before the next token; not while a stop text may be under way, because what
        is held back would stand between the branch and the decision."""
        sampling = self.settings.sampling
        return (
            isinstance(sampling, Adaptive)
            and sampling.asks(values[ENTROPY], values[VARENTROPY])
            and not self.branch.queue
            and not (self.stop is not None and self.stop.holding)
        )

    def write(self, id: int, token: TokenAdded | None, text: TokenText) -> list[Event]:
        """The chosen token becomes part of the branch; what that means, as events. None ends the text."""
        branch = self.branch
        if branch.queue:
            branch.queue.popleft()
        self.left -= 1
        released: list[TokenAdded] = []
        events: list[Event] = []
        if token is None:
            branch.end = "stop"
        else:
            branch.context.append(id)
            released = [token]
            if self.stop is not None:
                released, stopped = self.stop.take(token)
                if stopped:
                    branch.end = "stop text"
                    self.intact = len(branch.context) - self.stop.cut
                    branch.context[self.intact :] = text.encode_after(self.stop.remainder)
        if branch.end is None:
            written = len(branch.context) - branch.prompt_length
            loop = period(branch.context, written) if written % LOOP_CHECK == 0 else 0
            if loop and not branch.warned:
                branch.warned = True
                events.append(Warned(f"The text repeats its last {loop} tokens over and over.", branch.node))
            if loop and self.settings.stop_loops:
                branch.end = "loop"
            elif self.left <= 0:
                branch.end = self.limit
        if branch.end in {"stop", "stop text", "loop"}:
            # Text that was still waiting to be written ends with it.
            branch.queue.clear()
        if branch.end is not None and self.stop is not None:
            released += self.stop.release()
        branch.tokens += released
        events[:0] = released
        if branch.end is not None:
            events.append(TextEnded(branch.node, branch.end))
        return events

    def let_go(self) -> None:
        """Forget tokens still held back."""
        held = len(self.stop.release()) if self.stop is not None else 0
        del self.branch.context[len(self.branch.context) - held :]


class Decoding:
    """One call of `decode`; `events` runs it."""

    def __init__(
        self, network: Network, text: TokenText, branches: Sequence[LocalBranch], settings: Settings
    ) -> None:
        self._network = network
        self._text = text
        self._settings = settings
        self._rows = [Row(branch, settings) for branch in branches if branch.may_grow]
        self._readings: list[Reading] = []
        self._batch: Batch
        self._logits: Tensor
        self._passes = 0

    def events(self) -> Generator[Event, None, None]:
        """TokenAdded for every row and one Spent after every step; see `TokenModel.decode`."""
        for row in self._rows:
            row.branch.end = None if row.left > 0 else row.limit
            if row.branch.end is not None:
                yield TextEnded(row.branch.node, row.branch.end)
        self._rows = [row for row in self._rows if row.branch.end is None]
        if not self._rows:
            return
        try:
            yield from self._grow()
        finally:
            # Closed or failed on the way: what was never told is no part of a branch.
            for row in self._rows:
                row.let_go()

    def _grow(self) -> Generator[Event, None, None]:
        calls = sum(not row.branch.started for row in self._rows)
        self._readings = yield from self._recall()
        seen = self._network.turn(self._begin)
        while self._rows:
            if any(row.asks(values) for row, values in zip(self._rows, seen, strict=True)):
                self._network.turn(partial(self._ask, seen))
                yield Spent(self._settings.node, Usage(calls=calls, forward_passes=self._passes))
                return
            for row, values in zip(self._rows, seen, strict=True):
                yield from row.write(*self._token(row, values), self._text)
            yield Spent(
                self._settings.node,
                Usage(calls=calls, completion_tokens=len(self._rows), forward_passes=self._passes),
            )
            calls = self._passes = 0
            seen = self._network.turn(self._step)

    def _recall(self) -> Generator[Event, None, list[Reading]]:
        """What each row's branch has read so far, ready to go on; read again where it was forgotten."""
        readings: list[Reading] = []
        behind: list[int] = []
        for i, row in enumerate(self._rows):
            branch = row.branch
            reading = branch.reading
            # From here on the network's bounded memory holds it, not the branch.
            branch.reading, branch.started, branch.options = None, True, ()
            if reading is None:
                reading = self._network.turn(partial(self._network.readings.find, branch.context))
                if len(reading) == len(branch.context) - 1:
                    behind.append(i)
                elif len(reading) < len(branch.context):
                    reading = yield from self._read_again(branch.context)
            readings.append(reading)
        if behind:
            self._passes += 1
            late = [readings[i] for i in behind]
            newest = [self._rows[i].branch.context[-1] for i in behind]
            caught_up = self._network.turn(partial(self._network.catch_up, late, newest))
            for i, reading in zip(behind, caught_up, strict=True):
                readings[i] = reading
        return readings

    def _read_again(self, context: Sequence[int]) -> Generator[Event, None, Reading]:
        reading = self._network.read(context)
        while True:
            try:
                usage = next(reading)
            except StopIteration as end:
                result: Reading = end.value
                return result
            new = usage.prompt_tokens - usage.cached_tokens
            yield Spent(self._settings.node, Usage(prompt_tokens=new, forward_passes=usage.forward_passes))

    def _begin(self) -> list[list[float]]:
        self._batch = Batch(self._network.config, self._readings)
        self._logits = torch.stack(
            [reading.logits for reading in self._readings if reading.logits is not None]
        )
        self._readings = []
        return self._look()

    def _step(self) -> list[list[float]]:
        """Let ended rows go, read every other row's newest token, and look at what may come next."""
        going = [i for i, row in enumerate(self._rows) if row.branch.end is None]
        if len(going) < len(self._rows):
            for i, row in enumerate(self._rows):
                if row.branch.end is not None:
                    self._remember(i, row)
            self._rows = [self._rows[i] for i in going]
            if not going:
                return []
            self._batch.keep(going)
        newest = torch.tensor([row.branch.context[-1:] for row in self._rows], device=self._network.device)
        self._logits = self._network.forward(self._batch, newest)
        self._passes += 1
        return self._look()

    def _ask(self, seen: list[list[float]]) -> None:
        """Stop where every branch stands. What the others were about to write, they write when they go on."""
        for i, (row, values) in enumerate(zip(self._rows, seen, strict=True)):
            branch = row.branch
            if row.asks(values):
                branch.options = likeliest(values, self._text)
            row.let_go()
            if len(branch.context) == self._batch.lengths[i]:
                branch.reading = self._batch.row(i, branch.context, self._logits[i].float().clone())
        self._rows = []

    def _remember(self, i: int, row: Row) -> None:
        """Keep what an ended row has read, for texts that go on from it."""
        context, read = row.branch.context, self._batch.lengths[i]
        usable = min(len(context) if row.intact is None else row.intact, read)
        readings = self._network.readings
        if not readings.has_room_for(usable) or (usable < read and not readings.can_shorten(read)):
            return
        at_end = usable == read == len(context)
        logits = self._logits[i].float().clone() if at_end else None
        readings.add(self._batch.row(i, context[:usable], logits))

    def _look(self) -> list[list[float]]:
        draws = [next(row.draws) for row in self._rows if row.draws is not None]
        forced = {i: row.branch.queue[0] for i, row in enumerate(self._rows) if row.branch.queue}
        seen = look(self._logits, self._settings.alternatives, self._settings.sampling, draws, forced)
        for row, values in zip(self._rows, seen, strict=True):
            if not math.isfinite(values[MARGIN]):
                raise not_a_distribution(f" at token {len(row.branch.context)} of {row.branch.node!r}")
        return seen

    def _token(self, row: Row, values: list[float]) -> tuple[int, TokenAdded | None]:
        """The chosen id and its event, None if it ends the text."""
        id = int(values[CHOSEN])
        if id in self._settings.ends:
            return id, None
        greedy = row.draws is None or math.isnan(values[SAMPLING_LOGPROB])
        chosen: Choice = "greedy" if greedy else "sampled"
        if row.branch.queue:
            chosen = "forced"
        return id, token_added(row.branch.node, values, chosen, self._text)
