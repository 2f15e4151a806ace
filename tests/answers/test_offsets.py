"""From characters to tokens: exact for any bytes and any way to cut them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.answers import Span, locate, offsets_from_pieces, token_span


def span(start: int, end: int) -> Span:
    return Span(start, end, "x" * (end - start), "text")


@pytest.mark.parametrize(
    ("pieces", "text", "offsets"),
    [
        ([], "", []),
        ([b"The", b" answer"], "The answer", [(0, 3), (3, 10)]),
        ([b"a", b"", b"b"], "ab", [(0, 1), (1, 1), (1, 2)]),
        # one emoji over three tokens, the last of which goes on
        ([b"a\xf0\x9f", b"\x98", b"\x80b"], "a😀b", [(0, 2), (1, 2), (1, 3)]),
        # two Chinese characters cut inside each
        ([b"\xe7\xad", b"\x94\xe6", b"\xa1\x88"], "答案", [(0, 1), (0, 2), (1, 2)]),
        # bytes that are no character
        ([b"a", b"\xff", b"b"], "a\ufffdb", [(0, 1), (1, 2), (2, 3)]),
        ([b"\xf0\x9f", b"a"], "\ufffda", [(0, 1), (1, 2)]),
        # cut off in the middle of a character
        ([b"a", b"\xe7", b"\xad"], "a\ufffd", [(0, 1), (1, 2), (1, 2)]),
    ],
)
def test_offsets(pieces: list[bytes], text: str, offsets: list[tuple[int, int]]) -> None:
    assert offsets_from_pieces(pieces) == (text, offsets)


@given(st.lists(st.binary(max_size=5) | st.text(max_size=3).map(str.encode)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_cover_their_text(pieces: list[bytes]) -> None:
    text, offsets = offsets_from_pieces(pieces)
    assert text == b"".join(pieces).decode("utf-8", errors="replace")
    assert len(offsets) == len(pieces)
    covered = 0
    for piece, (start, end) in zip(pieces, offsets, strict=True):
        assert bool(piece) == (start < end)
        assert covered - 1 <= start <= covered <= max(covered, end)  # at most one character is shared
        covered = max(covered, end)
    assert covered == len(text)


@given(st.text(), st.data())
@settings(max_examples=300, deadline=None)
def test_a_token_owns_every_character_it_holds_a_byte_of(text: str, data: st.DataObject) -> None:
    raw = text.encode("utf-8", errors="replace")
    text = raw.decode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    bounds = list(zip([0, *cuts], [*cuts, len(raw)], strict=True))
    owner = [index for index, character in enumerate(text) for _ in character.encode()]
    decoded, offsets = offsets_from_pieces([raw[start:end] for start, end in bounds])
    assert decoded == text
    for (first, end), (start, stop) in zip(bounds, offsets, strict=True):
        assert set(range(start, stop)) == set(owner[first:end])


@pytest.mark.parametrize(
    ("pieces", "touched"),
    [
        (["The answer is", " ", "90", "."], ["90"]),
        (["The answer is", " 90", "."], [" 90"]),
        (["The answer is", " 9", "0."], [" 9", "0."]),
        (["The answer is", " 9", "", "0", "", "."], [" 9", "", "0"]),
        (["The answer is 90."], ["The answer is 90."]),
    ],
)
def test_tokens_of_an_answer(pieces: list[str], touched: list[str]) -> None:
    text, offsets = offsets_from_pieces([piece.encode() for piece in pieces])
    answer = locate(text)
    assert answer is not None
    tokens = token_span(answer, offsets)
    assert [pieces[index] for index in tokens] == touched


def test_split_character_brings_all_its_tokens() -> None:
    _, offsets = offsets_from_pieces([b"a", b"\xf0\x9f", b"\x98\x80", b"b"])
    assert token_span(span(1, 2), offsets) == range(1, 3)


@pytest.mark.parametrize("offsets", [[], [(0, 1)], [(1, 1), (3, 5)]])
def test_nothing_touched(offsets: list[tuple[int, int]]) -> None:
    assert len(token_span(span(1, 3), offsets)) == 0


@given(st.lists(st.integers(0, 4), max_size=12), st.integers(0, 20), st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_exactly_the_touching_tokens(widths: list[int], start: int, width: int) -> None:
    ends = [sum(widths[: index + 1]) for index in range(len(widths))]
    offsets = [(end - w, end) for end, w in zip(ends, widths, strict=True)]
    wanted = set(range(start, start + width))
    tokens = token_span(span(start, start + width), offsets)
    for index, token in enumerate(offsets):
        if token[0] < token[1]:
            assert (index in tokens) == bool(wanted & set(range(*token)))
    if tokens:
        assert all(offsets[edge][0] < offsets[edge][1] for edge in (tokens[0], tokens[-1]))
