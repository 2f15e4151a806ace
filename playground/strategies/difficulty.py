"""How many paths a question deserves: one cheap classification call, or a rule that stops early."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from playground import prompts
from playground.events import Event, NodeClosed, NodeOpened, Titled, Warned
from playground.models.base import Model
from playground.sampling import GREEDY
from playground.strategies.base import Place, Question

PATHS: Mapping[str, int] = {"easy": 3, "simple": 4, "general": 7, "complex": 10, "expert": 10}
UNCLASSIFIED = "general"


def classify(question: Question, model: Model, place: Place) -> Generator[Event, None, str]:
    """Ask the model how hard the question is; returns one of the names in `PATHS`.

    A reply that is none of them counts as "general", with a warning.
    """
    node = place.child("difficulty")
    yield NodeOpened(node, place.node, "verdict", "How hard is it?")
    [reply] = yield from model.sample(
        prompts.classify_difficulty(question.text),
        [node],
        GREEDY,
        node=node,
        purpose="classify difficulty",
        max_new_tokens=8,
        seed=place.seed,
    )
    words = [word.strip(".,:;!\"'*").lower() for word in reply.text.split()]
    name = next((word for word in words if word in PATHS), None)
    if name is None:
        yield Warned(
            f"The difficulty reply {reply.text.strip()!r} is none of {', '.join(PATHS)}; taken as {UNCLASSIFIED}.",
            node,
        )
    label = name or UNCLASSIFIED
    yield Titled(node, "How hard is it?", label)
    yield NodeClosed(node, "kept", f"{label}: {PATHS[label]} paths")
    return label


def overtaken_reason(totals: Mapping[str, float], paths_left: int) -> str | None:
    """Why no more paths need opening, or None.

    A path can add at most 1 to its answer's sum of Δ, so once the lead over the runner-up (or over an answer
    not seen yet) is at least the number of paths left, the leader stays.
    """
    if not totals or paths_left <= 0:
        return None
    ranked = sorted(totals.values(), reverse=True)
    lead = ranked[0] - (ranked[1] if len(ranked) > 1 else 0.0)
    if lead >= paths_left:
        return f"the leading answer is {lead:.2f} ahead and {paths_left} more paths could add at most {paths_left}"
    return None
