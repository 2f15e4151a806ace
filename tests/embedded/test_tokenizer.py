"""The tokenizer: whole word or letters, exact round trips, the chat template to the letter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from playground.embedded import lessons
from playground.embedded.tokenizer import END, PAD, pieces
from playground.puzzles import words


@pytest.fixture(scope="module")
def saved(tokenizer, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(directory)
    return AutoTokenizer.from_pretrained(directory)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_comes_back(tokenizer, text):
    if END in text or PAD in text:
        return
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=False) == text


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet='abcdeSu 0123456789.,"{}:-=+*/\n', max_size=60))
def test_every_piece_is_whole_or_bytes(saved, text):
    vocabulary = saved.get_vocab()
    expected = [[piece] if piece in vocabulary else list(piece) for piece in pieces(text)]
    assert saved.tokenize(text) == [token for tokens in expected for token in tokens]


def test_known_words_are_one_token_and_others_letters(saved):
    assert saved.tokenize(" starts") == ["Ġstarts"]
    assert saved.tokenize(" Snorb") == ["Ġ", "S", "n", "o", "r", "b"]
    assert saved.tokenize(" 90.") == ["Ġ", "9", "0", "."]
    assert saved.tokenize("35 - 25 = 10.") == ["3", "5", "Ġ-Ġ", "2", "5", "Ġ=Ġ", "1", "0", "."]
    assert saved.tokenize("a-b(1)")[:3] == ["a", "-", "b"]


def test_words_to_spell_and_held_out_words_are_letters(saved):
    pool = {*words.SPELLING, *(w for w in (*words.NAMES, *words.THINGS) if words.split_of(w) == "test")}
    for word in pool:
        if "-" not in word:
            assert saved.tokenize(" " + word) == ["Ġ", *word]
            assert saved.tokenize(word) == list(word)


def test_some_training_names_are_whole_and_some_letters(saved):
    lengths = [len(saved.tokenize(" " + n)) for n in words.NAMES if words.split_of(n) == "train"]
    assert min(lengths) == 1
    assert max(lengths) > 3


def test_chat_template_renders_the_q_and_a_form(saved):
    def render(*turns, **options):
        messages = [{"role": role, "content": content} for role, content in turns]
        return saved.apply_chat_template(messages, tokenize=False, **options)

    assert render(("user", "Why?"), add_generation_prompt=True) == "Q: Why?\nA:"
    assert render(("user", "Why?")) == "Q: Why?\n"
    conversation = (("system", "Be kind."), ("user", "Why?"), ("assistant", "One."), ("assistant", "Two."))
    expected = f"S: Be kind.\nQ: Why?\nA: One.{END}\nA: Two.{END}\n"
    assert render(*conversation) == expected
    assert render(*conversation, add_generation_prompt=True) == expected + "A:"
    assert (
        render(("user", "Why?"), ("assistant", "Let's"), continue_final_message=True) == "Q: Why?\nA: Let's"
    )


def test_end_and_padding_are_their_own_tokens(saved):
    assert saved.convert_tokens_to_ids([PAD, END]) == [0, 1]
    assert (saved.pad_token, saved.eos_token, saved.bos_token) == (PAD, END, None)
    assert saved.encode(f"90.{END}")[-1] == 1


def test_corpus_prompts_render_like_the_chat_template(saved):
    from playground import prompts
    from playground.embedded.probe import render

    steps = [prompts.Step("Start", "Sue starts with 35 pens.")]
    for prompt in (
        prompts.plain("Why?"),
        prompts.zero_shot_cot("Why?"),
        prompts.few_shot_cot("Why?"),
        prompts.titled_chain("Why?", steps),
        prompts.titled_chain_final("Why?", steps),
        prompts.classify_difficulty("Why?"),
    ):
        assert lessons.segments_of(prompt)[0].text == render(prompt, saved)
