"""The events of a run: the contract between the engine and everything that shows, stores or counts it.

Boundary: plain frozen values and their JSON form. An event says what happened inside a run; which run, in
which order and when is a `Record`, stamped by the runner. Nothing here knows models, strategies or screens.

Node ids are paths chosen by the strategy ("q", "q/branch-3", "q/step-2"), unique within a run and the
same in every run with the same settings.
"""

from playground.events.kinds import (
    EVENT_KINDS,
    Alternative,
    Answered,
    AnswerFound,
    CallStarted,
    Choice,
    EndReason,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Phase,
    Record,
    Role,
    RunCancelled,
    RunEnd,
    RunFailed,
    RunFinished,
    RunStarted,
    Searched,
    Spent,
    Status,
    TextAdded,
    TextEnded,
    Titled,
    TokenAdded,
    Usage,
    Waiting,
    Warned,
)
from playground.events.plain import from_json, to_json

__all__ = [
    "EVENT_KINDS",
    "Alternative",
    "AnswerFound",
    "Answered",
    "CallStarted",
    "Choice",
    "EndReason",
    "Event",
    "NodeClosed",
    "NodeOpened",
    "NodeScored",
    "Phase",
    "Record",
    "Role",
    "RunCancelled",
    "RunEnd",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "Searched",
    "Spent",
    "Status",
    "TextAdded",
    "TextEnded",
    "Titled",
    "TokenAdded",
    "Usage",
    "Waiting",
    "Warned",
    "from_json",
    "to_json",
]
