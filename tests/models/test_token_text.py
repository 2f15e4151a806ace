"""Bytes of tokens for the kinds of tokenizer there are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from playground.models.token_text import TokenText, byte_alphabet
from tests.models.tiny import make_tokenizer

PIECES = ["▁", "▁the", "▁cat", "▁so", "s", "o", "t", "h", "e", "é", ".", "\n", ":"]
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def wrap(inner: Tokenizer, *special: str) -> PreTrainedTokenizerFast:
    inner.add_special_tokens([AddedToken(token, special=True) for token in special])
    return PreTrainedTokenizerFast(tokenizer_object=inner)


def llama2() -> PreTrainedTokenizerFast:
    """As converted from SentencePiece: ▁ put in front, unknown characters as bytes, first space stripped."""
    vocabulary = {piece: i for i, piece in enumerate(["<unk>", *BYTES, *PIECES])}
    merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e")]
    for piece in ("▁t", "▁th"):
        vocabulary[piece] = len(vocabulary)
    inner = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return wrap(inner, "<s>", "</s>")


def metaspace() -> PreTrainedTokenizerFast:
    vocabulary = {piece: i for i, piece in enumerate(["<unk>", *PIECES, "▁c", "a"])}
    inner = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    inner.decoder = decoders.Metaspace(prepend_scheme="always")
    return wrap(inner)


def wordpiece() -> PreTrainedTokenizerFast:
    vocabulary = {piece: i for i, piece in enumerate(["[UNK]", "the", "cat", "##s", "a"])}
    inner = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    return wrap(inner)


@pytest.fixture(scope="module")
def byte_level() -> TokenText:
    return TokenText(make_tokenizer())


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_byte_level_text_comes_back_byte_for_byte(byte_level: TokenText, text: str) -> None:
    assert byte_level.join(byte_level.encode(text)) == text.encode()
    assert byte_level.join(byte_level.encode_after(text)) == text.encode()


def test_the_byte_alphabet_is_the_tokenizers_own() -> None:
    assert set(byte_alphabet()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(byte_alphabet().values()) == list(range(256))


def test_an_emoji_is_four_tokens_of_a_byte(byte_level: TokenText) -> None:
    ids = byte_level.encode("🎲")
    assert [byte_level.data(id) for id in ids] == [b"\xf0", b"\x9f", b"\x8e", b"\xb2"]
    assert [byte_level.shown(id) for id in ids] == ["\\xf0", "\\x9f", "\\x8e", "\\xb2"]


def test_control_tokens_are_read_only_where_asked(byte_level: TokenText) -> None:
    assert byte_level.encode("a<|end|>", special=True)[1:] == [1]
    plain = byte_level.encode("a<|end|>")
    assert 1 not in plain
    assert byte_level.join(plain) == b"a<|end|>"
    assert byte_level.encode("a<|end|>", special=True)[1:] == [1], "asking once changes nothing for later"
    assert (byte_level.data(1), byte_level.shown(1)) == (b"<|end|>", "<|end|>")
    assert byte_level.special == {"<|pad|>", "<|end|>"}


def test_ids_beyond_the_tokenizer_have_no_bytes_but_a_name(byte_level: TokenText) -> None:
    assert (byte_level.data(5000), byte_level.shown(5000)) == (b"", "[5000]")
    assert byte_level.encode("") == []


@pytest.mark.parametrize("text", [" the", " the cat", "the", " so the cat.", " é🎲", "s", "\nthe"])
def test_sentencepiece_text_that_goes_on_has_no_space_of_its_own(text: str) -> None:
    tokens = TokenText(llama2())
    assert tokens.join(tokens.encode_after(text)) == text.encode()


def test_sentencepiece_tokens_keep_their_space_and_bytes() -> None:
    tokens = TokenText(llama2())
    tokenizer = llama2()
    for piece, data in (("▁the", b" the"), ("<0xF0>", b"\xf0"), ("é", "é".encode()), ("</s>", b"</s>")):
        assert tokens.data(tokenizer.convert_tokens_to_ids(piece)) == data


def test_metaspace_tokenizers() -> None:
    tokens = TokenText(metaspace())
    assert tokens.join(tokens.encode("the cat")) == b" the cat"


def test_other_tokenizers_are_asked_what_a_piece_adds() -> None:
    tokens = TokenText(wordpiece())
    assert tokens.join(tokens.encode("the cats")) == b" the cats"
    assert tokens.join(tokens.encode_after(" the cats")) == b" the cats"
