"""Running a saved run again, and whether every token came out the same.

Boundary: traces in; a description of a run, or of a difference, out. Starts nothing and draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from playground import forking
from playground.errors import BadInput
from playground.events import to_json
from playground.execute import RunSpec
from playground.trace import Node, Trace


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two runs part: token `index` (from 0) of `node`; None where a text has ended there."""

    node: str
    index: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of a run that was run again.

    Attributes:
        tokens: how many tokens (or, without tokens, texts) of the old run were compared.
        first: where they part; None if every token is the same.
        changed: what differs in the versions, old and new ("" where one does not say).
    """

    tokens: int
    first: Difference | None
    changed: dict[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        return self.first is None


def spec_of(trace: Trace) -> RunSpec:
    """The description of the same run again.

    Raises:
        BadInput: the log does not say how the run was started.
    """
    started = trace.started
    if started is None:
        raise BadInput("The log does not say how this run was started.", "Ask the question anew.")
    params = dict(started.params)
    if started.strategy == forking.STRATEGY:
        # What a fork began with stands in its log, not in its settings.
        written = next((node.tokens for node in trace.with_role("branch")), [])
        before = (started.parent or {}).get("index", 0)
        params["begin"] = [to_json(token) for token in written[:before]]
    return RunSpec(
        started.question, started.strategy, started.model, params, started.seed, started.gold, started.family,
        started.parent, started.budget,
    )  # fmt: skip


def compare(old: Trace, new: Trace) -> Comparison:
    """Whether `new` wrote what `old` wrote, node by node."""
    compared = 0
    first: Difference | None = None
    for node in [*old.nodes.values(), *(node for node in new.nodes.values() if node.id not in old.nodes)]:
        mine, theirs = _written(old.nodes.get(node.id)), _written(new.nodes.get(node.id))
        compared += len(mine)
        parted = _parted(node.id, mine, theirs)
        if parted is not None and (first is None or parted.index < first.index):
            first = parted
    return Comparison(compared, first, _changed(old, new))


def _written(node: Node | None) -> list[tuple[int | None, str]]:
    """(id, text) of a node's tokens, or its text as one of them."""
    if node is None:
        return []
    if node.tokens:
        return [(token.id, token.text or token.hex) for token in node.tokens]
    return [(-1, node.text)] if node.text else []


def _parted(
    node: str, mine: list[tuple[int | None, str]], theirs: list[tuple[int | None, str]]
) -> Difference | None:
    same = next(
        (i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), min(len(mine), len(theirs))
    )
    if same == len(mine) == len(theirs):
        return None
    texts = (texts[same][1] if same < len(texts) else None for texts in (mine, theirs))
    return Difference(node, same, *texts)


def _changed(old: Trace, new: Trace) -> dict[str, tuple[str, str]]:
    before, after = (dict(trace.started.versions) if trace.started else {} for trace in (old, new))
    names = sorted(before.keys() | after.keys())
    return {n: (before.get(n, ""), after.get(n, "")) for n in names if before.get(n) != after.get(n)}
