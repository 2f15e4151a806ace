"""Titled chain: one call per titled step, then the answer (after Benjamin Klieger's g1)."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from playground import prompts
from playground.errors import ModelError
from playground.events import Event, NodeClosed, NodeOpened, Titled, Warned
from playground.models.base import Model
from playground.prompts import Step
from playground.strategies.answering import conclude, read_path
from playground.strategies.base import Place, Question, Result, SampledParams, strategy


class GivenStep(BaseModel):
    """A step taken as it is, for going on from an edited chain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    content: str


class TitledChainParams(SampledParams):
    max_new_tokens: int = Field(300, ge=1, le=8192, description="Longest step, in tokens.")
    temperature: float = Field(0.2, ge=0, le=5, description="Divides the logits; 0 is greedy, 1 leaves them.")
    format: Literal["JSON", "plain text"] = Field(
        "JSON", description="How steps are written. Forced JSON can cost accuracy; compare both."
    )
    min_steps: int = Field(1, ge=1, le=25, description="The model is asked to go on until it has this many.")
    max_steps: int = Field(25, ge=1, le=100, description="After this many the answer is asked for.")
    answer_tokens: int = Field(1200, ge=1, le=8192, description="Longest final answer, in tokens.")
    retries: int = Field(2, ge=0, le=5, description="Further tries at a step that cannot be read.")
    given: list[GivenStep] = Field(
        default_factory=list,
        description="Steps taken as they are; the chain goes on after them.",
        json_schema_extra={"form": False},
    )


@strategy(
    "titled-chain",
    title="Titled chain",
    group="steps",
    leads=True,
    summary=(
        "Asks for one reasoning step at a time, each with a title and a decision to continue or to answer, and "
        "feeds every step back before asking for the next. At the end one more call states the answer from the "
        "steps alone. It makes the reasoning easy to follow and lets you edit a step and go on from there; it costs "
        "one call per step, each reading the chain so far."
    ),
    paper="Benjamin Klieger's g1, 2024",
    shape="steps",
)
def run(
    question: Question, model: Model, params: TitledChainParams, place: Place
) -> Generator[Event, None, Result]:
    """A call per step until the model asks to answer, then one call for the answer."""
    # 1. Steps given by a person stand at the beginning.
    steps = [Step(given.title, given.content) for given in params.given]
    for number, step in enumerate(steps, 1):
        node = place.child(f"step-{number}")
        yield NodeOpened(node, place.node, "step", step.title)
        yield Titled(node, step.title, step.content, note="given, not written by the model")
        yield NodeClosed(node, "kept")
    # 2. One call per step; each reads all steps before it.
    finished = False
    while len(steps) < params.max_steps and not finished:
        written = yield from next_step(question, model, params, place, steps)
        if written is None:
            break
        finished = written.next_action == "final_answer"
        if finished and len(steps) + 1 < params.min_steps:
            finished, written = False, replace(written, next_action="continue")
        steps.append(written)
    else:
        if not finished:
            yield Warned(
                f"The chain reached its limit of {params.max_steps} steps; the answer is asked for now."
            )
    if not steps:
        raise ModelError(
            "The model did not write a single step that can be read.",
            "Choose the other step format, a lower temperature or another model.",
        )
    # 3. The answer, from the steps above only.
    node = place.child("answer")
    yield NodeOpened(node, place.node, "answer", "Final answer")
    [reply] = yield from model.sample(
        prompts.titled_chain_final(question.text, steps, plain=params.format == "plain text"),
        [node],
        params.sampling(),
        node=node,
        purpose="final answer",
        max_new_tokens=params.answer_tokens,
        seed=place.seed,
    )
    result = yield from conclude(read_path(node, reply.text, reply.tokens, question.family))
    return replace(result, info={"steps": len(steps)})


def next_step(
    question: Question, model: Model, params: TitledChainParams, place: Place, steps: list[Step]
) -> Generator[Event, None, Step | None]:
    """The next step, or None when no try could be read; a failed try stays in the tree as failed."""
    plain = params.format == "plain text"
    prompt = prompts.titled_chain(question.text, steps, plain=plain)
    number = len(steps) + 1
    for attempt in range(params.retries + 1):
        node = place.child(f"step-{number}" + (f"-try-{attempt + 1}" if attempt else ""))
        yield NodeOpened(node, place.node, "step", f"Step {number}")
        [reply] = yield from model.sample(
            prompt,
            [node],
            params.sampling(),
            node=node,
            purpose=f"step {number}",
            max_new_tokens=params.max_new_tokens,
            seed=place.seed,
            json_mode=not plain,
        )
        read = read_plain(reply.text) if plain else read_json(reply.text)
        if read is None:
            yield NodeClosed(node, "failed", f"not a readable {params.format} step")
            continue
        step, note = read
        final = step.next_action == "final_answer"
        if final and number < params.min_steps:
            note = f"{note} The model wanted to answer; it was asked to go on.".strip()
        yield Titled(node, step.title, step.content, final, note)
        yield NodeClosed(node, "kept")
        return step
    yield Warned(
        f"Step {number} could not be read in {params.retries + 1} tries; the answer is asked for from the steps so far."
    )
    return None


def read_json(text: str) -> tuple[Step, str] | None:
    """The step in a reply, with a note on what had to be repaired ("" if nothing), or None.

    Tolerates code fences and prose around the object, a missing last brace or quote, and a missing or unusual
    next_action; wants a title and some content.
    """
    note = ""
    text = text.strip()
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        data, note = _repaired(text)
    if not isinstance(data, dict):
        return None
    title, content = data.get("title"), data.get("content")
    if not isinstance(title, str) or not isinstance(content, str | int | float) or not str(content).strip():
        return None
    action = str(data.get("next_action", "")).strip().lower().replace(" ", "_")
    if action not in ("continue", "final_answer"):
        note = f"{note} next_action was {action!r}, read as continue.".strip()
    return Step(
        title.strip(), str(content).strip(), "final_answer" if action == "final_answer" else "continue"
    ), note


def _repaired(text: str) -> tuple[object, str]:
    start = text.find("{")
    if start < 0:
        return None, ""
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0], "Text around the JSON was left out."
    except RecursionError:
        return None, ""
    except json.JSONDecodeError:
        for closing in ("}", '"}'):
            try:
                return json.loads(text[start:] + closing), "The JSON was cut off and has been closed."
            except json.JSONDecodeError:
                continue
    return None, ""


_PLAIN = re.compile(
    r"\s*(?P<title>[^\n:]{1,120}):\s*(?P<content>.+?)\s*\[(?P<action>continue|final[ _]answer)\]?",
    re.DOTALL | re.IGNORECASE,
)


def read_plain(text: str) -> tuple[Step, str] | None:
    """The step in a reply of the form "Title: reasoning [continue]", with a note, or None."""
    note = ""
    match = _PLAIN.match(text)
    if match is None:
        match = re.match(r"\s*(?P<title>[^\n:]{1,120}):\s*(?P<content>\S.*)", text, re.DOTALL)
        note = "No [continue] or [final answer]; read as continue."
    if match is None:
        return None
    groups = match.groupdict()
    final = groups.get("action", "").lower().startswith("final")
    title = groups["title"].strip(" *#")
    return Step(title, groups["content"].strip(), "final_answer" if final else "continue"), note
