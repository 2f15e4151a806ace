"""How a local model is chosen: its name, and after a question mark where and in which numbers it is computed.

Boundary: text and the settings' defaults; knows no file and no tensor. "Qwen/Qwen2.5-0.5B?device=cpu&dtype=float32" is
one text, so that a saved run, a fork and a comparison carry it without knowing of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from urllib.parse import parse_qsl, urlencode

from playground.errors import BadInput
from playground.settings import settings

DTYPES = ("float32", "bfloat16", "float16")
BITS = (4, 8)
_QUANTISERS = ("bitsandbytes", "accelerate")


@dataclass(frozen=True, slots=True)
class Choice:
    """A local model as it was asked for; what is None is left to the machine.

    Attributes:
        name: "embedded", a Hugging Face id or a directory.
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: one of DTYPES, the numbers that are computed with.
        bits: one of BITS, what a weight takes in memory.
    """

    name: str
    device: str | None = None
    dtype: str | None = None
    bits: int | None = None

    def __str__(self) -> str:
        options = {"device": self.device, "dtype": self.dtype, "bits": self.bits}
        given = {option: value for option, value in options.items() if value is not None}
        return f"{self.name}?{urlencode(given, safe=':')}" if given else self.name

    @property
    def remarks(self) -> str:
        """What differs from the plain model, for its title: "float32 on cpu"."""
        numbers = self.dtype or (f"{self.bits} bits" if self.bits else "")
        return " on ".join(part for part in (numbers, self.device) if part)

    def covers(self, other: Choice) -> bool:
        """Whether this asks for `other`, of which all is known: what is left open here fits any."""
        numbers = {(None, None), (None, other.bits), (other.dtype, other.bits)}
        same_place = self.device in (None, other.device)
        return self.name == other.name and same_place and (self.dtype, self.bits) in numbers


def read(text: str) -> Choice:
    """The choice that a text names.

    Raises:
        BadInput: an option or a value that there is not.
    """
    name, _, rest = text.partition("?")
    given: dict[str, str] = {}
    for option, value in parse_qsl(rest, keep_blank_values=True):
        if option not in ("device", "dtype", "bits"):
            raise BadInput(
                f"A model has no option {option!r}.", "Use device, dtype or bits, as in NAME?device=cpu."
            )
        given[option] = value
    dtype, bits = given.get("dtype"), given.get("bits")
    if dtype is not None and dtype not in DTYPES:
        raise BadInput(f"There is no number format {dtype!r} here.", f"Use {', '.join(DTYPES)}.")
    if bits is not None and bits not in map(str, BITS):
        raise BadInput(f"Weights of {bits!r} bits cannot be made here.", "Use bits=4 or bits=8.")
    return Choice(name, given.get("device"), dtype, int(bits) if bits else None)


def with_defaults(choice: Choice) -> Choice:
    """What is left open, as the operator set it."""
    own = settings()
    return replace(
        choice,
        device=choice.device or own.device,
        dtype=choice.dtype or own.dtype,
        bits=choice.bits or (int(own.bits) if own.bits else None),
    )


def quantisation_refusal() -> str | None:
    """Why no model can be held in 4 or 8 bits on this machine; None where one can."""
    missing = [package for package in _QUANTISERS if find_spec(package) is None]
    return (
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed" if missing else None
    )
