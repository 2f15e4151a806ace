"""Offsets: from the characters of a span to the tokens that wrote them.

Knows bytes, characters and token indices. Must not know what an answer is, nor any tokenizer: callers bring
each token's raw bytes.
"""

import codecs
from collections.abc import Iterable, Sequence

from playground.answers.spans import Span


def offsets_from_pieces(pieces: Sequence[bytes]) -> tuple[str, list[tuple[int, int]]]:
    """Decode tokens' raw bytes; return the text and each token's half-open character range in it.

    The text equals `b"".join(pieces).decode("utf-8", errors="replace")`. A token owns every character that
    holds at least one of its bytes, so tokens that split one character share that character's offsets. A
    token without bytes gets an empty range. Linear in the number of bytes.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text: list[str] = []
    length = 0
    owner: list[int] = []  # for each byte: the index of its character
    bounds: list[tuple[int, int]] = []
    for piece in pieces:
        first = len(owner)
        for byte in piece:
            decoded = decoder.decode(bytes([byte]))
            text.append(decoded)
            length += len(decoded)
            # A byte still in the decoder's buffer belongs to the next character, any other to the newest.
            owner.append(length if decoder.getstate()[0] else length - 1)
        bounds.append((first, len(owner)))
    text.append(decoder.decode(b"", final=True))
    length += len(text[-1])

    def characters(first: int, end: int) -> tuple[int, int]:
        if first < end:
            return owner[first], owner[end - 1] + 1
        here = owner[first] if first < len(owner) else length
        return here, here

    return "".join(text), [characters(first, end) for first, end in bounds]


def token_span(span: Span, offsets: Iterable[tuple[int, int]]) -> range:
    """The indices of exactly the tokens that touch `span`.

    `offsets`: each token's half-open character range in the text that `span` was found in, in text order,
    as from `offsets_from_pieces`. A token " 90" that carries the span "90" with its space is in; a token "
    " that ends where the span starts is not; tokens of no width are in only between two that are. An empty
    range when nothing touches.
    """
    touching = [
        index
        for index, (start, end) in enumerate(offsets)
        if start < end and start < span.end and end > span.start
    ]
    return range(touching[0], touching[-1] + 1) if touching else range(0)
