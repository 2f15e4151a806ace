"""Vote: ask the same question many times and take the commonest answer (Chen et al. 2024)."""

from __future__ import annotations

from collections.abc import Generator

from pydantic import Field

from playground.events import Event
from playground.models.base import Model
from playground.strategies import self_consistency
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.samples import Asked
from playground.strategies.self_consistency import SelfConsistencyParams


class VoteParams(SelfConsistencyParams):
    prompt: Asked = Field("plain", description="What each sample is asked with.")


@strategy(
    "vote",
    title="Vote",
    group="many answers",
    summary=(
        "Asks the same question n times, without asking for a working, and takes the commonest answer. More calls "
        "help with questions that the model gets right more often than not, and hurt with those it gets wrong more "
        "often than not: over a mixture of both, accuracy can rise with n and then fall. It costs n replies."
    ),
    paper="Chen et al. 2024, arXiv:2403.02419",
)
def run(question: Question, model: Model, params: VoteParams, place: Place) -> Generator[Event, None, Result]:
    """Draw n answers and take the plurality (§3, "Vote")."""
    # 1. With the chains of thought left out, this is self-consistency.
    return (yield from self_consistency.run(question, model, params, place))
