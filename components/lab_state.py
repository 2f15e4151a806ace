"""What the logits page remembers for one visitor, as one typed object in the session.

Boundary: state and the ways it changes; draws nothing. Widgets keep their own values under `logits.<widget>`; the
text is one of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from components import lab_engine
from components.lab.settings import LabSettings
from components.lab.view import Drawn, Token
from components.lab_engine import Place
from playground.errors import BadInput, PlaygroundError

_KEY = "logits"
TEXT_KEY = "logits.text"
FORM_KEY = "logits.form"
LAB_KEY = "logits.lab"
QUESTION, TEXT = "question", "text"


def _stamp() -> str:
    return uuid.uuid4().hex


@dataclass(slots=True)
class LabState:
    """One visitor's logits page.

    Attributes:
        model: the model whose tokens the path is made of; "" before the first look.
        path: the tokens after the text; `cursor` of them stand before the open position, at least `first`.
        spelled: how many tokens at the path's beginning spell the text itself, so that positions inside the text can
            be opened: the engine is then asked for a path after nothing. 0 while the path goes on from the text.
        settings: as the sliders stand.
        given: the settings that Python last gave the sliders; `revision` names that occasion.
        drawn: the last draw, while its token is the one before the cursor.
        address: the address when it was last followed or written.
        problem: what was wrong with the last thing asked for.
        allowed: models named by hand that may be loaded for a look.
        asked: the last place that a server was told to look at, which may cost money.
    """

    model: str = ""
    path: tuple[Token, ...] = ()
    cursor: int = 0
    first: int = 0
    spelled: int = 0
    settings: LabSettings = LabSettings()
    given: LabSettings = LabSettings()
    revision: str = field(default_factory=_stamp)
    drawn: Drawn | None = None
    address: dict[str, str] | None = None
    problem: PlaygroundError | None = None
    allowed: set[str] = field(default_factory=set)
    asked: Place | None = None

    def use(self, model: str) -> None:
        """Look into this model from now on. Another model's tokens are others, so the path begins anew."""
        if model != self.model:
            if self.model:
                self.start()
            self.model = model

    @property
    def place(self) -> Place:
        """The open position."""
        return self._place(self.cursor)

    @property
    def whole(self) -> Place:
        """The end of the path."""
        return self._place(len(self.path))

    def _place(self, length: int) -> Place:
        ids = tuple(token.id for token in self.path[:length])
        if self.spelled:
            return Place(self.model, "", False, ids)
        return Place(self.model, text(), as_question(), ids)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to look at yet."""
        return not self.path and not text().strip()

    def name(self) -> None:
        """Look up the texts of the path's tokens, where an address gave only their ids.

        Raises:
            PlaygroundError: the engine's.
        """
        if any(not token.text for token in self.path):
            self.path = lab_engine.look(self.whole).path

    def append(self, tokens: Sequence[Token], drawn: Drawn | None = None) -> None:
        """Go on from the open position; what stood behind it goes, unless it says the same."""
        behind = self.path[self.cursor : self.cursor + len(tokens)]
        if [token.id for token in behind] != [token.id for token in tokens]:
            self.path = (*self.path[: self.cursor], *tokens)
            if self.cursor < self.spelled:
                # The path leaves the text in its middle, so the box no longer says what was read.
                self.spelled = 0
                st.session_state[TEXT_KEY], st.session_state[FORM_KEY] = "", TEXT
        self.cursor += len(tokens)
        self.drawn = drawn

    def open(self, at: int) -> None:
        """Open the position after `at` tokens of the path."""
        self.cursor, self.drawn = min(max(self.first, at), len(self.path)), None

    def open_token(self, index: int) -> None:
        """Open the position before token `index` of text and path together, as `read_text` counts them.

        Raises:
            BadInput: nothing stands before it, or the model cannot be asked there.
        """
        nothing = BadInput("Nothing that can be read stands before this token.", "Choose a later one.")
        if index == 0:
            raise nothing
        read = lab_engine.read_text(self.whole)
        behind = len(read) - len(self.path)
        if index >= behind:
            self.open(index - behind)
            return
        tokens = [token.token for token in read[:behind]]
        # What the model puts before every text by itself must not stand in the path a second time.
        lead = lab_engine.beginning(self.model, tokens[0].id)
        if tuple(token.id for token in tokens[: len(lead)]) != lead:
            raise nothing
        self.path = (*tokens[len(lead) :], *self.path)
        self.spelled = behind - len(lead)
        self.first = 0 if lead else 1
        self.open(index - len(lead))

    def ask_server(self) -> None:
        """Let the server be asked about the open position."""
        self.asked = self.place

    def start(self) -> None:
        """Forget the path: the text is another one."""
        self.path, self.cursor, self.first, self.spelled, self.drawn, self.problem = (), 0, 0, 0, None, None

    def give(self, settings: LabSettings) -> None:
        """Set the sliders."""
        self.settings = self.given = settings
        self.revision = _stamp()

    def seed_next(self) -> None:
        """Take the next seed."""
        self.give(replace(self.settings, seed=self.settings.seed + 1))


def current() -> LabState:
    """This visitor's state."""
    state: LabState = st.session_state.setdefault(_KEY, LabState())
    return state


def text() -> str:
    """What the box holds."""
    return str(st.session_state.get(TEXT_KEY) or "")


def as_question() -> bool:
    """Whether the text is put in the model's own form for questions."""
    return bool(st.session_state.get(FORM_KEY, QUESTION) == QUESTION)
