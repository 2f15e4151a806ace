"""The bytes behind token ids, and the ids of a piece of text.

Boundary: knows tokenizers, not models. A token need not be a whole character: an emoji may be four tokens of a byte
each. So every token is known by its bytes, and text is what bytes say together. A reply's first token keeps its
leading space ("▁Paris" is " Paris"): it stands after a prompt, not at the beginning of a text.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def byte_alphabet() -> dict[str, int]:
    """The printable character that byte-level tokenizers (GPT-2's and its heirs) write for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


class TokenText:
    """A tokenizer seen from the side of bytes. Safe to share between threads.

    Args:
        tokenizer: any transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # Special-token switches are state of the tokenizer, so one thread encodes at a time.
        self._guard = threading.Lock()
        self._added = {int(id): str(token.content) for id, token in tokenizer.added_tokens_decoder.items()}
        self.special = {str(t.content) for t in tokenizer.added_tokens_decoder.values() if t.special}
        self._piece_bytes = _reader(tokenizer)
        self._data: dict[int, bytes] = {}
        self._shown: dict[int, str] = {}

    def data(self, id: int) -> bytes:
        """The token's own bytes; b"" for an id the tokenizer does not know (padding of the embedding table)."""
        data = self._data.get(id)
        if data is None:
            data = self._data[id] = self._read(id)
        return data

    def shown(self, id: int) -> str:
        """The token's text for a person: incomplete characters as "\\xe2\\x98", unknown ids as "[151700]"."""
        text = self._shown.get(id)
        if text is None:
            text = self._shown[id] = self.data(id).decode("utf-8", errors="backslashreplace") or f"[{id}]"
        return text

    def _read(self, id: int) -> bytes:
        if id in self._added:
            return self._added[id].encode()
        piece = self._tokenizer.convert_ids_to_tokens(id)
        return b"" if piece is None else self._piece_bytes(piece)

    def encode(self, text: str, *, special: bool = False, beginning: bool = False) -> list[int]:
        """Ids of a text.

        Args:
            special: read "<|end|>" and its like as the control tokens they name, not as plain characters.
            beginning: add what the tokenizer puts at a text's beginning (and nothing at its end).
        """
        if not text and not beginning:
            return []
        with self._guard:
            encoded = self._tokenizer(text, add_special_tokens=beginning, split_special_tokens=not special)
        ids: list[int] = list(encoded["input_ids"])
        if beginning and len(ids) > 1 and ids[-1] == self._tokenizer.eos_token_id:
            ids.pop()
        return ids

    def encode_after(self, text: str) -> list[int]:
        """Ids of a text that goes on after other text: without the space some tokenizers put in front."""
        ids = self.encode(text)
        if self.join(ids) == text.encode():
            return ids
        for anchor in (":", "\n"):
            before, both = self.encode(anchor), self.encode(anchor + text)
            after = both[len(before) :]
            if both[: len(before)] == before and self.join(after) == text.encode():
                return after
        return ids

    def join(self, ids: Sequence[int]) -> bytes:
        return b"".join(self.data(id) for id in ids)


def _reader(tokenizer: Any) -> Callable[[str], bytes]:
    """How this tokenizer's vocabulary entries spell bytes, as its decoder says."""
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    kinds = _kinds(json.loads(decoder.__getstate__())) if decoder is not None else {}
    if "ByteLevel" in kinds:
        alphabet = byte_alphabet()
        return lambda piece: _from_alphabet(piece, alphabet)
    space = kinds.get("Metaspace", {}).get("replacement") or _replaced_by_space(kinds)
    if space is not None:
        return lambda piece: _from_sentencepiece(piece, space)
    return lambda piece: _from_decoder(piece, tokenizer)


def _kinds(decoder: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The decoder's parts by type."""
    if decoder.get("type") != "Sequence":
        return {str(decoder.get("type")): decoder}
    return {kind: part for inner in decoder["decoders"] for kind, part in _kinds(inner).items()}


def _replaced_by_space(kinds: Mapping[str, Mapping[str, Any]]) -> str | None:
    replace = kinds.get("Replace", {})
    pattern = replace.get("pattern", {}).get("String")
    return pattern if replace.get("content") == " " else None


def _from_alphabet(piece: str, alphabet: Mapping[str, int]) -> bytes:
    if all(character in alphabet for character in piece):
        return bytes(alphabet[character] for character in piece)
    return piece.encode()


def _from_sentencepiece(piece: str, space: str) -> bytes:
    byte = _BYTE_PIECE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace(space, " ").encode()


def _from_decoder(piece: str, tokenizer: Any) -> bytes:
    """For any other tokenizer: what the piece adds to the text of an unremarkable piece before it."""
    anchor = tokenizer.convert_ids_to_tokens(tokenizer("a", add_special_tokens=False)["input_ids"])
    before = tokenizer.convert_tokens_to_string(anchor)
    both = tokenizer.convert_tokens_to_string([*anchor, piece])
    return str(both[len(before) :] if both.startswith(before) else piece).encode()
