"""The corpus: reproducible, trained on what the assistant says and on nothing else, always right."""

import json
import re
from itertools import islice
from random import Random

import pytest

from playground import prompts
from playground.embedded import corpus, lessons, lessons_answering, lessons_search
from playground.embedded.tokenizer import END
from playground.puzzles import FAMILIES, draw
from playground.strategies import titled_chain

SAYS = sorted(set(corpus.KINDS) - {"sentence"})


def some(kind: str, n: int = 25):
    rng = Random(kind)
    return [corpus.KINDS[kind](rng, corpus.STAGES["all"]) for _ in range(n)]


def test_the_same_seed_gives_the_same_stream(tokenizer):
    first, second = (list(islice(corpus.examples("all", 4, tokenizer), 30)) for _ in range(2))
    assert first == second
    assert first != list(islice(corpus.examples("all", 5, tokenizer), 30))


@pytest.mark.parametrize("kind", sorted(corpus.KINDS))
def test_segments_encode_as_the_whole_text_does(kind, tokenizer):
    for segments in some(kind):
        whole = "".join(segment.text for segment in segments)
        assert corpus.encode(segments, kind, tokenizer).ids == tokenizer.encode(whole)


@pytest.mark.parametrize("kind", SAYS)
def test_mask_covers_exactly_what_the_assistant_says(kind, tokenizer):
    for segments in some(kind):
        text = "".join(segment.text for segment in segments)
        example = corpus.encode(segments, kind, tokenizer)
        learned = tokenizer.decode([i for i, m in zip(example.ids, example.mask, strict=True) if m])
        replies = re.findall(r"(?<=\nA:)(.*?<\|end\|>)", text, flags=re.DOTALL)
        if kind == "titled":
            assert replies.pop(0).strip() == prompts.texts.TITLED_CHAIN_PRIMING + END
        if kind == "titled_plain":
            assert replies.pop(0).strip() == prompts.texts.TITLED_CHAIN_PLAIN_PRIMING + END
        if kind == "state_answer":
            replies.pop(0)
        if kind == "subquestion":
            replies = replies[-1:]
        if kind == "zero_shot":
            replies = [reply.replace(" " + prompts.texts.STEP_BY_STEP, "") for reply in replies]
        if kind == "few_shot":
            known = {f" {exemplar.worked}{END}" for exemplar in prompts.exemplars()}
            shown = [reply for reply in replies if reply in known]
            replies = [reply for reply in replies if reply not in known]
            if not shown:
                first = corpus.encode([lessons.Segment(replies[0], True, True)], kind, tokenizer)
                dropped = tokenizer.decode(first.ids[:1])
                replies[0] = replies[0].removeprefix(dropped)
        # Of the work that a prompt shows, what is right is learned too; see the next test.
        parts = [segment.text for segment in segments[:-1] if segment.learned]
        if kind in lessons_search.SHOWING:
            learned = learned.removeprefix("".join(parts))
        assert learned == "".join(replies)


@pytest.mark.parametrize("kind", sorted(lessons_search.SHOWING))
def test_of_the_work_that_a_prompt_shows_only_what_is_right_is_learned(kind):
    seen = 0
    for segments in some(kind, 80):
        for part in segments[:-1]:
            if not part.learned:
                continue
            seen += 1
            assert part.text[0] in " \n"
            for a, sign, b, made in re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", part.text):
                assert eval(f"{a} {sign} {b}") == int(made)  # digits and an operator
            for word, letter in re.findall(r"(\w+) ends in (\w)", part.text):
                assert word[-1] == letter
    assert seen > 20


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_worked_answers_end_in_the_right_answer(family):
    rng = Random(family)
    for seed in range(30):
        puzzle = draw(family, seed=seed, split="train")
        assert lessons_answering.worked_answer(rng, puzzle).endswith(f"So the answer is {puzzle.answer}.")
        assert puzzle.answer in lessons_answering.direct_answer(rng, puzzle)
        assert lessons_answering.band(puzzle) in prompts.texts.DIFFICULTIES


def test_titled_steps_are_valid_json_and_end_with_the_final_answer():
    for segments in some("titled"):
        learned = [segment.text.removesuffix(END) for segment in segments if segment.learned]
        steps = [prompts.Step(**json.loads(text)) for text in learned[:-1]]
        assert [step.next_action for step in steps] == ["continue"] * (len(steps) - 1) + ["final_answer"]
        answer = re.search(r"answer is (.+)\.$", learned[-1])[1]
        assert answer in steps[-1].content


def test_stages_name_only_known_kinds_and_families():
    for stage in corpus.STAGES.values():
        assert set(stage.kinds) <= set(corpus.KINDS)
        assert set(stage.families) <= set(FAMILIES)
        for family, weights in stage.levels.items():
            assert len(weights) <= FAMILIES[family].max_difficulty


def test_no_held_out_name_is_ever_trained_on():
    from playground.puzzles import words

    held_out = {word for word in (*words.NAMES, *words.SPELLING) if words.split_of(word) == "test"}
    text = " ".join(s.text for _, segments in islice(corpus.texts("all", 9), 1500) for s in segments)
    assert not held_out & set(re.findall(r"\w+", text))


def test_plain_titled_steps_are_read_back():
    for segments in some("titled_plain"):
        learned = [segment.text.removesuffix(END) for segment in segments if segment.learned][:-1]
        steps = [titled_chain.read_plain(text) for text in learned]
        assert all(step is not None and not step[1] for step in steps)
        assert steps[-1][0].next_action == "final_answer"
