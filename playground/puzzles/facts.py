"""Short puzzles about state, size and parity: coin flips, decimal numbers, odd and even years.

Everything needed to decide the answer is in the question. Knows names and the split of number combinations.
"""

from __future__ import annotations

from random import Random

from playground.puzzles import words
from playground.puzzles.base import Puzzle, SolutionStep, Split, family

_FLIPS = ("{who} flips the coin.", "{who} turns the coin over.", "{who} flips it.")
_STAYS = ("{who} does not flip the coin.", "{who} leaves the coin alone.", "{who} does not flip it.")


@family("coin_flip", title="Coin flips", difficulties=(1, 8))
def _coin_flip(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """A coin passes through as many hands as the difficulty says; is it still heads up?"""
    people = words.names(rng, difficulty, split, made_up=0.3 if split == "train" else 0.0)
    flips = [rng.random() < 0.5 for _ in people]
    heads = True
    steps = [SolutionStep("Start", "The coin starts heads up.")]
    sentences = [rng.choice(("A coin is heads up.", "A coin lies heads up.", "The coin is heads up."))]
    for who, flip in zip(people, flips, strict=True):
        sentences.append(rng.choice(_FLIPS if flip else _STAYS).format(who=who))
        heads = heads != flip
        did = "flips it" if flip else "does not flip it"
        steps.append(SolutionStep(who, f"{who} {did}: {'heads' if heads else 'tails'}."))
    sentences.append(rng.choice(("Is the coin still heads up?", "Is the coin heads up now?")))
    answer = "yes" if heads else "no"
    key = " ".join(people).lower()
    return Puzzle(" ".join(sentences), answer, "coin_flip", difficulty, tuple(steps), key)


@family("decimal_compare", title="Comparing decimals", difficulties=(1, 3))
def _decimal_compare(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """Which of two decimal numbers is larger? 1: other whole part; 2: as many digits; 3: like 9.11 and 9.9."""
    whole = rng.randint(0, 99) if rng.random() < 0.3 else rng.randint(0, 12)
    other_whole = whole
    if difficulty == 1:
        while other_whole == whole:
            other_whole = max(0, whole + rng.randint(-5, 5))
        digits = (rng.choice((1, 2)), rng.choice((1, 2)))
    elif difficulty == 2:
        digits = rng.choice(((1, 1), (2, 2)))
    else:
        digits = rng.choice(((2, 1), (1, 2), (2, 1), (1, 2), (3, 2), (2, 3), (3, 1), (1, 3)))
    # The last digit is never 0, so no two spellings of one number meet.
    fractions = []
    for n in digits:
        body = "".join(str(rng.randint(0, 9)) for _ in range(n - 1))
        fractions.append(body + str(rng.randint(1, 9)))
    a, b = f"{whole}.{fractions[0]}", f"{other_whole}.{fractions[1]}"
    if a == b or words.split_of_key("|".join(sorted((a, b)))) != split:
        return None
    width = max(digits)
    pad_a, pad_b = (fraction.ljust(width, "0") for fraction in fractions)
    steps: tuple[SolutionStep, ...]
    if whole != other_whole:
        larger_whole = max(whole, other_whole)
        answer = a if whole > other_whole else b
        steps = (
            SolutionStep("Compare the whole parts", f"The whole parts are {whole} and {other_whole}."),
            SolutionStep("Decide", f"{larger_whole} is larger."),
        )
    else:
        answer = a if pad_a > pad_b else b
        steps = (
            SolutionStep("Compare the whole parts", f"The whole parts are {whole} and {whole}, equal."),
            SolutionStep("Compare the decimals", f"The decimals are {pad_a} and {pad_b}."),
            SolutionStep("Decide", f"{max(pad_a, pad_b)} is larger."),
        )
    question = rng.choice(
        (
            f"Which is larger, {a} or {b}?",
            f"Which number is larger: {a} or {b}?",
            f"Which is bigger, {a} or {b}?",
            f"Is {a} or {b} the larger number?",
        )
    )
    return Puzzle(question, answer, "decimal_compare", difficulty, steps, key="|".join(sorted((a, b))))


_EVENTS = ("moved", "married", "retired", "started school", "won a prize", "wrote a book", "bought a house")


@family("year_parity", title="Odd and even years", difficulties=(1, 4))
def _year_parity(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """Is a year even or odd, after as many shifts (less one) as the difficulty says?"""
    (who,) = words.names(rng, 1, split, made_up=0.3 if split == "train" else 0.0)
    start = year = rng.randint(1750, 2020)
    sentences = [f"{who} was born in {year}."]
    steps = [SolutionStep("Start", f"{who} was born in {year}.")]
    key = str(year)
    event = ""
    for event in rng.sample(_EVENTS, difficulty - 1):
        shift = rng.randint(2, 29)
        line = (
            f"{who} {event} {shift} years later."
            if year == start
            else f"{shift} years after that {who} {event}."
        )
        sentences.append(line)
        steps.append(SolutionStep(f"Add {shift}", f"{year} + {shift} = {year + shift}."))
        year += shift
        key += f"+{shift}"
    if words.split_of_key(key) != split:
        return None
    answer = "even" if year % 2 == 0 else "odd"
    steps.append(
        SolutionStep("Look at the last digit", f"The last digit is {year % 10}, so {year} is {answer}.")
    )
    if not event:
        end = rng.choice(("Is that year even or odd?", f"Was {who} born in an even or odd year?"))
    else:
        end = f"Is the year {who} {event} even or odd?"
    return Puzzle(" ".join([*sentences, end]), answer, "year_parity", difficulty, tuple(steps), key)
