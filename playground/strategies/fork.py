"""Forking: a branch of an earlier run goes on from one of its tokens with another one in its place."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field
from pydantic.config import JsonDict

from playground import answers
from playground.errors import BadInput
from playground.events import Event, NodeOpened, TokenAdded, from_json
from playground.models.base import TokenModel, token_ids
from playground.prompts import Written
from playground.strategies.answering import conclude, lead_to_answer, read_path
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.direct import DirectParams

_UNSEEN: JsonDict = {"form": False}


class ForkParams(DirectParams):
    prompt: str = Field(
        description="The exact text that the model read before the branch.", json_schema_extra=_UNSEEN
    )
    prompt_ids: tuple[int, ...] = Field(
        (), description="Its tokens, where the text alone would give others.", json_schema_extra=_UNSEEN
    )
    begin: tuple[Mapping[str, Any], ...] = Field(
        (),
        description="The tokens before the fork, as the earlier run recorded them.",
        json_schema_extra=_UNSEEN,
        exclude=True,  # they are the first events of the fork's own log
    )
    token: int = Field(ge=0, description="Id of the token to go on with.", json_schema_extra=_UNSEEN)
    state_answer: bool = Field(
        True, description="Append “So the answer is” to a branch that states no answer, and read on."
    )


@strategy(
    "fork",
    title="Fork",
    summary=(
        "Goes on from a token of an earlier branch with another token in its place, and keeps the old branch. "
        "What the two share is not computed again."
    ),
    needs={"full_logits"},
    offered=False,
)
def run(
    question: Question, model: TokenModel, params: ForkParams, place: Place
) -> Generator[Event, None, Result]:
    """Repeat what was written before the fork, force the other token, decode on."""
    node = place.child("fork")
    yield NodeOpened(node, place.node, "branch", f"fork at token {len(params.begin) + 1}")
    # 1. The prompt and the shared beginning are still in the cache, or are read once.
    begin = [_token(data, node) for data in params.begin]
    prefix = yield from model.prefill(
        Written(params.prompt, params.prompt_ids),
        then=token_ids(begin),
        node=place.node,
        purpose="fork",
    )
    # 2. What was recorded of the beginning is told again.
    yield from begin
    # 3. The other token is forced, then decoding goes on as in the earlier run.
    [branch] = prefix.fork([node], [params.token])
    yield from model.decode(
        [branch], params.sampling(), node=place.node, max_new_tokens=params.max_new_tokens, seed=place.seed
    )
    if params.state_answer and answers.locate(_text(begin) + branch.text) is None:
        yield from lead_to_answer(model, [branch], place)
    return (yield from conclude(read_path(node, "", [*begin, *branch.tokens], question.family)))


def _token(data: Mapping[str, Any], node: str) -> TokenAdded:
    try:
        event = from_json(data)
    except ValueError as error:
        raise BadInput(
            f"A token before the fork cannot be read: {error}.", "Fork the branch again."
        ) from error
    if not isinstance(event, TokenAdded):
        raise BadInput(f"A {event.kind} stands where a token should.", "Fork the branch again.")
    return replace(event, node=node)


def _text(tokens: list[TokenAdded]) -> str:
    return b"".join(token.data for token in tokens).decode("utf-8", errors="replace")
