"""Puzzles about the letters of words: joining last letters, and counting one letter.

Knows words of each split and how to spell. Must not know which words some tokenizer has as one token.
"""

from __future__ import annotations

from random import Random

from playground.puzzles import words
from playground.puzzles.base import Puzzle, SolutionStep, Split, family

_COUNT_QUESTIONS = (
    "How many {letter}'s are in {word}?",
    "How many times does the letter {letter} appear in {word}?",
    "How many {letter}'s are there in the word {word}?",
    "Count the letter {letter} in {word}.",
)
_LAST_QUESTIONS = (
    "Take the last letters of the words in {list} and join them.",
    "Join the last letters of {list}.",
    "What do the last letters of {list} spell?",
    "Take the last letter of each word in {list} and put them together.",
)


def _ending(i: int, word: str, before: str) -> SolutionStep:
    text = f"{word} ends in {word[-1]}."
    joined = f" {before} and {word[-1]} give {before}{word[-1]}." if before else ""
    return SolutionStep(
        f"Word {i}",
        text,
        f"Up to {word}, what do the last letters give?",
        f"{text}{joined} So the answer is {before}{word[-1]}.",
    )


@family("last_letter", title="Last letters", difficulties=(1, 11))
def _last_letter(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """Join the last letters of a list of words: one word more than the difficulty says."""
    made_up = 0.5 if split == "train" else 0.0
    count = difficulty + 1
    if rng.random() < 0.5:
        chosen = words.names(rng, count, split, made_up=made_up)
    else:
        chosen = words.spelling_words(rng, count, split, made_up=made_up + 0.3)
    listing = ", ".join(chosen[:-1]) + f" and {chosen[-1]}"
    answer = "".join(word[-1] for word in chosen)
    steps = [_ending(i, word, answer[: i - 1]) for i, word in enumerate(chosen, 1)]
    question = rng.choice(_LAST_QUESTIONS).format(list=listing)
    return Puzzle(question, answer, "last_letter", difficulty, tuple(steps), key=" ".join(chosen).lower())


def spell_counting(word: str, letter: str) -> str:
    """The word spelled out, with a running count after each hit: "s-t-r(1)-a-w-b-e-r(2)-r(3)-y"."""
    count = 0
    parts = []
    for character in word:
        if character.lower() == letter:
            count += 1
            parts.append(f"{character}({count})")
        else:
            parts.append(character)
    return "-".join(parts)


@family("letter_count", title="Counting letters", difficulties=(1, 4))
def _letter_count(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """Count one letter in a word of up to 5, 8, 11 or more letters (difficulty 1 to 4)."""
    low, high = {1: (2, 5), 2: (6, 8), 3: (9, 11), 4: (10, 22)}[difficulty]
    if (difficulty == 4 and rng.random() < 0.8) or rng.random() < (0.5 if split == "train" else 0.25):
        word = words.pseudo_word(
            rng, split, syllables=rng.choice(((1, 2), (2, 3), (4,), (4, 5, 6))[difficulty - 1])
        )
    else:
        word = words.spelling_words(rng, 1, split)[0]
    if not low <= len(word) <= high:
        return None
    # Repeated letters are the interesting ones; now and then the letter is not there at all.
    repeated = sorted({c for c in word if word.count(c) > 1})
    if rng.random() < 0.08:
        letter = rng.choice([c for c in "abcdefghijklmnopqrstuvwxyz" if c not in word])
    elif repeated and rng.random() < 0.7:
        letter = rng.choice(repeated)
    else:
        letter = rng.choice(word)
    count = word.count(letter)
    steps = (
        SolutionStep("Spell the word", f"Spell it: {spell_counting(word, letter)}."),
        SolutionStep("Count", f"The count is {count}."),
    )
    question = rng.choice(_COUNT_QUESTIONS).format(letter=letter, word=word)
    return Puzzle(question, str(count), "letter_count", difficulty, steps, key=word)
