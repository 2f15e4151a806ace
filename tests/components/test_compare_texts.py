"""Where the texts of lanes differ, and how each is cut so that all can be scrolled to the same place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from components.compare import texts
from components.compare.texts import Piece, Reading, compared, reading, split
from playground.events import Answered, Event, NodeClosed, NodeOpened, RunStarted, TextAdded, Titled
from playground.trace import Trace, fold


def text(words: str, *, open: bool = False) -> Reading:
    return Reading(tuple(split(words)), frozenset(), open)


def marked(pieces: list[Piece]) -> list[str]:
    return [piece.text.strip() for piece in pieces if piece.differs]


def whole(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


class TestDifferences:
    def test_equal_texts_have_none(self) -> None:
        pieces, places = compared([text("a b c"), text("a  b\nc")])
        assert places == []
        assert [marked(lane) for lane in pieces] == [[], []]

    def test_a_replaced_word(self) -> None:
        pieces, places = compared([text("one two three four"), text("one 2 three four")])
        assert places == [1]
        assert [marked(lane) for lane in pieces] == [["two"], ["2"]]
        assert [(p.text, p.at, p.differs) for p in pieces[1]] == [
            ("one ", 0, False),
            ("2 ", 1, True),
            ("three four", 2, False),
        ]

    def test_all_lanes_are_cut_at_every_difference(self) -> None:
        """So that a jump finds the same place in each, also where a lane agrees with the first."""
        pieces, places = compared([text("a b c d e f"), text("a X c d e f"), text("a b c d Y f")])
        assert places == [1, 4]
        assert [marked(lane) for lane in pieces] == [["b", "e"], ["X"], ["Y"]]
        assert [p.at for p in pieces[1]] == [0, 1, 2, 4, 5]
        assert [p.at for p in pieces[2]] == [0, 1, 2, 4, 5]

    def test_words_that_only_one_has(self) -> None:
        pieces, places = compared([text("a b c"), text("a b and more c"), text("a c")])
        assert places == [1]  # "b" missing, then words put in after it: one stretch
        assert [marked(lane) for lane in pieces] == [["b"], ["and more"], []]

    def test_what_is_not_written_yet_is_no_difference(self) -> None:
        pieces, places = compared([text("a b c d"), text("a b", open=True)])
        assert places == []
        assert whole(pieces[1]) == "a b"
        pieces, places = compared([text("a b", open=True), text("a b c d")])
        assert places == []
        assert whole(pieces[1]) == "a b c d"

    def test_once_written_it_is(self) -> None:
        assert compared([text("a b c d"), text("a b")])[1] == [2]

    def test_lanes_without_a_text_do_not_count(self) -> None:
        pieces, places = compared([Reading(), text("a b"), text("a c")])
        assert places == [1]
        assert pieces[0] == []
        assert [marked(lane) for lane in pieces[1:]] == [["b"], ["c"]]
        assert compared([]) == ([], [])

    def test_very_long_texts_are_compared_at_their_ends_only(self) -> None:
        a = text("start " + "x y " * 500 + "end")
        b = text("start " + "y z " * 500 + "end")
        pieces, places = compared([a, b])
        assert places == [1]
        assert whole(pieces[1]) == whole(compared([b, b])[0][0])
        assert texts.MOST_PAIRS < 1000 * 1000


words = st.lists(st.sampled_from(["a ", "b ", "c ", "a\n", "ü ", " "]), max_size=12).map(tuple)
readings = st.builds(lambda w, o: Reading(tuple(split("".join(w))), frozenset(), o), words, st.booleans())


@given(st.lists(readings, min_size=1, max_size=4))
def test_nothing_is_lost_and_places_rise(lanes: list[Reading]) -> None:
    pieces, places = compared(lanes)
    assert places == sorted(set(places))
    for lane, cut in zip(lanes, pieces, strict=True):
        assert whole(cut) == "".join(lane.words)
        assert [p.at for p in cut] == sorted(p.at for p in cut)
        assert all(p.text for p in cut)


def told(*events: Event, strategy: str = "direct") -> Trace:
    return fold([RunStarted("Q?", strategy, "m", {}, 0), NodeOpened("q", None, "question"), *events])


class TestReading:
    def test_a_chain_is_its_steps_under_their_titles(self) -> None:
        trace = told(
            NodeOpened("q/1", "q", "step"),
            Titled("q/1", "Begin", "First this."),
            NodeOpened("q/2", "q", "step"),
            NodeClosed("q/2", "failed"),
            NodeOpened("q/3", "q", "step"),
            TextAdded("q/3", '{"title": "Go on", "content": "Then th'),
            strategy="titled-chain",
        )
        found = reading(trace)
        assert "".join(found.words) == "Begin\nFirst this.\nGo on\nThen th\n"
        assert [found.words[i] for i in sorted(found.titles)] == ["Begin\n", "Go ", "on\n"]
        assert found.open

    def test_of_branches_it_is_the_one_that_answers(self) -> None:
        branches = [
            NodeOpened("q/1", "q", "branch"),
            TextAdded("q/1", " The first."),
            NodeOpened("q/2", "q", "branch"),
            TextAdded("q/2", " The best."),
        ]
        assert "".join(reading(told(*branches)).words) == "The first.\n"
        assert "".join(reading(told(*branches, NodeClosed("q/2", "chosen"))).words) == "The best.\n"
        assert "".join(reading(told(*branches, Answered("x", "q/2"))).words) == "The best.\n"

    def test_nothing_yet(self) -> None:
        assert reading(Trace()).words == ()
