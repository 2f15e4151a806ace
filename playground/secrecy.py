"""Keys and passwords taken out of texts that are kept or shown.

Boundary: a net below the backends, which do not put keys into messages in the first place: an error of a library may
quote a request or the whole environment. Knows the environment, the settings and the keys that the visitor of this
thread typed; keeps nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from pydantic import SecretStr

from playground import keys
from playground.errors import BadInput
from playground.settings import settings

_NAMES = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
SHORTEST = 8
"""Characters; a shorter value is no key, and taking it out would spoil texts."""


def hidden(text: str) -> str:
    """The text with every secret replaced by its name in square brackets."""
    for name, value in sorted(_secrets(), key=lambda secret: -len(secret[1])):
        text = text.replace(value, f"[{name}]")
    return text


def _secrets() -> Iterator[tuple[str, str]]:
    given = [(name, value) for name, value in os.environ.items() if _NAMES.search(name)]
    given += [(f"key for {name}", value) for name, value in keys.typed().items()]
    with suppress(BadInput):  # settings that cannot be read are somebody else's message
        for name, value in dict(settings()).items():
            if isinstance(value, SecretStr):
                given.append((name.upper(), value.get_secret_value()))
    for name, value in given:
        if len(value) >= SHORTEST:
            yield name, value
