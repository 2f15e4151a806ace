"""Plain English sentences with natural ambiguity, from a small grammar of our own.

Knows words only. They give the embedded model several believable next words after "The cat sat on the".
"""

from __future__ import annotations

from random import Random

_PLACES = {
    "cat": ("mat", "sofa", "bed", "roof", "chair"),
    "dog": ("mat", "grass", "floor", "bed", "porch"),
    "bird": ("roof", "branch", "fence", "wall"),
    "child": ("chair", "floor", "grass", "bed"),
    "teacher": ("chair", "table", "bench"),
}
_ADJECTIVES = ("small", "old", "happy", "quiet", "big", "young")
_LIKES = {
    "cat": ("milk", "fish", "the sun"),
    "dog": ("bones", "the park", "long walks"),
    "bird": ("seeds", "the morning", "the sky"),
    "child": ("stories", "music", "the sea"),
    "teacher": ("books", "tea", "music"),
}
_WEATHER = ("sunny", "cold", "warm", "windy", "rainy")
_TIMES = ("In the morning", "In the evening", "On Sunday", "In the winter", "In the summer")
_COLOURS = {
    "sky": ("blue", "grey", "red"),
    "grass": ("green", "wet", "tall"),
    "house": ("red", "white", "old"),
    "sea": ("blue", "calm", "cold"),
    "snow": ("white", "cold", "deep"),
}


def sentence(rng: Random) -> str:
    """One sentence."""
    who = rng.choice(list(_PLACES))
    subject = f"The {rng.choice(_ADJECTIVES)} {who}" if rng.random() < 0.3 else f"The {who}"
    form = rng.randrange(6)
    if form <= 1:
        verb = rng.choices(("sat", "slept", "stood"), (5, 3, 1))[0]
        return f"{subject} {verb} on the {rng.choices(_PLACES[who], range(len(_PLACES[who]) + 1, 1, -1))[0]}."
    if form == 2:
        return f"{subject} likes {rng.choice(_LIKES[who])}."
    if form == 3:
        return f"{rng.choice(_TIMES)} it is {rng.choice(_WEATHER)}."
    if form == 4:
        thing = rng.choice(list(_COLOURS))
        return f"The {thing} is {rng.choices(_COLOURS[thing], (3, 2, 1))[0]}."
    other = rng.choice([name for name in _PLACES if name != who])
    return f"{subject} looked at the {other}."
