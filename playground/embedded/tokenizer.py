"""The embedded model's tokenizer: a known word is one token, any other word falls into single letters.

A byte-level BPE with an empty merge list and `ignore_merges`: a piece of text that is in the vocabulary as
a whole becomes that one token, everything else its bytes. So the model sees the letters of words it must
spell, and text of any script comes back unchanged. Digits are always single tokens. Knows tokenizers, and
from the corpus module nothing: the words to keep whole come in as an argument.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

END = "<|end|>"
PAD = "<|pad|>"

# Pieces, in this order: one digit; an operator with its spaces between numbers; a word with the space before it;
# punctuation with the space before it (one quotation mark or bracket run is one piece); runs of white space.
PIECES = r"\p{N}| [-+*/=] (?=\p{N})| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s"

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}{{ 'S: ' + message['content'] + '\n' }}"
    "{%- elif message['role'] == 'user' -%}{{ 'Q: ' + message['content'] + '\n' }}"
    "{%- elif message['role'] == 'assistant' -%}{{ 'A: ' + message['content'] + '" + END + "\n' }}"
    "{%- else -%}{{ raise_exception('Unknown role: ' + message['role']) }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'A:' }}{%- endif -%}"
)


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def pieces(text: str) -> list[str]:
    """The pieces a text is cut into, in the byte-level alphabet (a leading space shows as "Ġ")."""
    return [piece for piece, _ in _pre_tokenizer().pre_tokenize_str(text)]


def build(
    texts: Iterable[str], *, at_least: int, keep_as_letters: Iterable[str] = (), always: Iterable[str] = ()
) -> PreTrainedTokenizerFast:
    """A tokenizer whose whole pieces are those that occur `at_least` times in `texts`, and all of `always`.

    Words in `keep_as_letters` (in any case) never become whole, whatever their frequency, and neither do
    single small letters with their space: a spelled letter is the same token wherever it stands.
    """
    letters = {word.lower() for word in keep_as_letters}
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pieces(text))
    wanted = [piece for piece, n in counts.most_common() if n >= at_least]
    for text in always:
        wanted += pieces(text)
    vocabulary = {
        piece: i for i, piece in enumerate([PAD, END, *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }
    for piece in wanted:
        bare = piece.removeprefix("Ġ")
        if bare.lower() in letters or (len(bare) == 1 and bare.islower() and piece != bare):
            continue
        vocabulary.setdefault(piece, len(vocabulary))
    return wrap(vocabulary)


def wrap(vocabulary: dict[str, int]) -> PreTrainedTokenizerFast:
    """A transformers tokenizer with the chat template around a vocabulary of bytes and whole pieces."""
    inner = Tokenizer(BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    inner.pre_tokenizer = _pre_tokenizer()
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(PAD, special=True), AddedToken(END, special=True)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


def carried(old: PreTrainedTokenizerFast, new: PreTrainedTokenizerFast) -> list[list[int]]:
    """For every token of `new`, the tokens of `old` that wrote it: itself where `old` has it, else its letters."""
    known = old.get_vocab()
    by_id = sorted(new.get_vocab().items(), key=lambda item: item[1])
    return [[known[token]] if token in known else [known[letter] for letter in token] for token, _ in by_id]


def load(directory: Path) -> PreTrainedTokenizerFast:
    """The tokenizer saved in a directory."""
    return PreTrainedTokenizerFast.from_pretrained(directory)


def vocabulary_of(directory: Path) -> list[str]:
    """The tokens of a saved tokenizer in id order, for tables and tests."""
    stored = json.loads((directory / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    return sorted(stored, key=stored.__getitem__)
