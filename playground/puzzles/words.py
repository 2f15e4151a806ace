"""The words puzzles are made of, and which of them are held out for testing.

Knows lists of names, countable things and words to spell, and one stable hash. A word belongs to the test
split because of its own letters, so no seed, order or list change can move it. It must not know puzzles or
tokenizers.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from random import Random
from typing import Literal

Split = Literal["train", "test"]

_TEST_SHARE = 4  # one in four words and one in four number combinations are held out


def _listed(text: str) -> tuple[str, ...]:
    """The words of a text, so that long lists stay readable."""
    return tuple(text.split())


NAMES = _listed("""
    Ada Alan Alba Alex Alice Amir Amy Ana Andy Anna Anton Arlo Asha Axel Bea Bella Ben Beth Bill Bob
    Boris Bruno Cal Cara Carl Carol Chen Chloe Clara Cody Cora Dale Dan Dana Dave Dina Dora Drew Earl
    Eddie Ella Elsa Emil Emma Eric Erin Esme Eva Ezra Fay Femi Finn Flora Fran Fred Gail Gina Glen Grace
    Greta Gus Hank Hana Hal Heidi Helen Hugo Ian Ida Igor Ines Iris Isla Ivan Ivy Jack Jade Jan Jane Jay
    Jean Jill Joan Joe John Jon Jude Julia Juan Kai Kara Kate Keith Ken Kim Kira Kofi Kurt Lara Lars
    Laura Lena Leo Liam Lily Lisa Liz Lola Luca Lucy Luis Lynn Mara Marc Maria Mark Mary Matt Maud Max
    May Meg Mia Mike Mila Mina Moe Mona Nadia Nell Ned Nia Nick Nina Noah Nora Olga Oli Omar Oscar Otto
    Owen Pam Pat Paul Peg Pete Phil Pia Priya Quinn Ralph Raj Ray Rita Rob Ron Rosa Rose Roy Ruby Ruth
    Ryan Sal Sam Sara Sean Seth Sid Sofia Stan Sue Tara Ted Tess Theo Tia Tim Tina Toby Todd Tom Tony
    Uma Vera Vic Viv Wade Walt Wendy Will Xena Yara Yuri Zack Zara Zoe
""")

THINGS = _listed("""
    apples acorns badges balls beads beans bells berries books bottles boxes bricks brushes buttons
    cakes candles cans caps cards carrots chairs clips coats coins combs cones cookies crayons cups
    dolls drums ducks eggs envelopes erasers feathers figs flags flowers forks frogs games gems gloves
    grapes hats hens jars kites keys ladders lamps leaves lemons letters limes magnets maps marbles
    masks melons mugs muffins nails nuts olives oranges pages paints pancakes papers peaches pears
    pebbles pencils pens photos pies pins plants plates plums posters potatoes prizes puzzles rabbits
    ribbons rings robots rocks ropes roses rulers sandwiches scarves seeds shells shirts shoes socks
    spoons stamps stars stickers sticks stones straws strings tickets tiles tomatoes toys trains trucks
    tulips turnips vases walnuts whistles wheels yo-yos
""")

# Words to spell. They stay out of the embedded model's whole-word vocabulary, so it sees their letters.
SPELLING = _listed("""
    accordion alligator almanac avocado balloon banana barbecue bassoon bicycle blueberry bookkeeper
    broccoli bubble butterfly cabbage cactus calendar caramel carnival cathedral cinnamon coconut coffee
    committee compass cranberry crocodile cucumber daffodil diamond dinosaur dolphin dragonfly elephant
    emerald engineer envelope feather festival firefly flamingo galaxy garlic giraffe glacier goggles
    grammar grasshopper guitar hammock harmonica hazelnut hedgehog helicopter hippopotamus hummingbird
    iceberg igloo illusion jellyfish jigsaw kangaroo kettle kitchen ladder lantern lavender lemonade
    leopard lighthouse lollipop lullaby mammoth mandarin mango marmalade meadow mirror mississippi
    molasses mosquito mountain mushroom necklace noodle notebook nutmeg octopus omelette orchestra
    ostrich paddle palette pancake paprika papaya parrot peanut penguin pepper pineapple pillow planet
    platypus popcorn porcupine pumpkin pyramid quarrel quilt raccoon raspberry rhubarb river saddle
    saffron salamander scissors seagull seahorse skeleton snowball sparrow spinach squirrel strawberry
    success sunflower tangerine telescope tennessee thunder toffee tomorrow trumpet tunnel turtle
    umbrella unicorn vanilla velvet village violin volcano waffle walrus waterfall weather whisper
    willow window woodpecker xylophone yellow yogurt zebra zeppelin zigzag zucchini
""")


def bucket(text: str, of: int, salt: str = "") -> int:
    """A number 0..of-1 that depends on the text alone: the same on every machine and in every version."""
    return int.from_bytes(blake2b(f"{salt}|{text}".encode(), digest_size=8).digest(), "big") % of


@cache
def split_of(word: str) -> Split:
    """Which split a word belongs to, whatever its case."""
    return "test" if bucket(word.lower(), _TEST_SHARE, "word") == 0 else "train"


def split_of_key(key: str) -> Split:
    """Which split a number combination belongs to (one in four is held out)."""
    return "test" if bucket(key, _TEST_SHARE, "key") == 0 else "train"


@cache
def _of_split(words: tuple[str, ...], split: Split) -> tuple[str, ...]:
    return tuple(word for word in words if split_of(word) == split)


_ONSETS = _listed(
    "b br c ch cl d dr f fl g gl gr h j k kl l m n p pl pr qu r s sh sk sl sp st t th tr v w y z"
)
_VOWELS = _listed("a a e e i i o o u u ai ea ee oo")
_CODAS = _listed("b ck d f g k l ll m n nd ng nt p r rd rk s ss st t x z")


def pseudo_word(rng: Random, split: Split, syllables: int | None = None) -> str:
    """A pronounceable made-up word of the asked split, 2 to about 9 letters."""
    while True:
        count = syllables or rng.choice((1, 1, 2, 2, 2, 3))
        word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(count))
        if rng.random() < 0.2:
            word = word[1:] if word[1:] else word
        if rng.random() < 0.6:
            word += rng.choice(_CODAS)
        if len(word) > 1 and split_of(word) == split:
            return word


def names(rng: Random, n: int, split: Split, *, made_up: float = 0.0) -> list[str]:
    """`n` different names of the split; each is made up with probability `made_up`."""
    chosen: list[str] = []
    pool = _of_split(NAMES, split)
    while len(chosen) < n:
        name = pseudo_word(rng, split).capitalize() if rng.random() < made_up else rng.choice(pool)
        if name not in chosen:
            chosen.append(name)
    return chosen


def things(rng: Random, n: int, split: Split, *, made_up: float = 0.0) -> list[str]:
    """`n` different countable things (plural nouns) of the split."""
    chosen: list[str] = []
    pool = _of_split(THINGS, split)
    while len(chosen) < n:
        thing = rng.choice(pool)
        if rng.random() < made_up:
            thing = pseudo_word(rng, split) + "s"
            if split_of(thing) != split:
                continue
        if thing not in chosen:
            chosen.append(thing)
    return chosen


def spelling_words(rng: Random, n: int, split: Split, *, made_up: float = 0.0) -> list[str]:
    """`n` different words to be spelled, of the split."""
    chosen: list[str] = []
    pool = _of_split(SPELLING, split)
    while len(chosen) < n:
        word = pseudo_word(rng, split) if rng.random() < made_up else rng.choice(pool)
        if word not in chosen:
            chosen.append(word)
    return chosen
