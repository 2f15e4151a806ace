"""What installed packages bring along, and which of them cannot be used.

Boundary: entry points and calls into other people's code; knows no model and no strategy. Such code may raise anything,
when it is imported as well as later: here that becomes a `Broken` that says which package it was, and everything else
goes on without it. Beside `playground.execute.attempt` this is the only place where any error whatever is caught.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broken:
    """Something of another package that does not work. `package`: with its version, where it is installed as one."""

    package: str
    what: str
    why: str

    @property
    def message(self) -> str:
        return f"{self.what} of the package {self.package} cannot be used: {self.why}."

    @property
    def hint(self) -> str:
        return "Update or uninstall it; everything else works."


_broken: dict[str, Broken] = {}


def broken() -> tuple[Broken, ...]:
    """Everything that was found broken so far, in the order it was found."""
    return tuple(_broken.values())


def load(entries: Iterable[EntryPoint]) -> None:
    """Import what entry points name; what registers itself is there afterwards."""
    for entry in entries:
        package = entry.dist
        name = f"{package.name} {package.version}" if package is not None else "that names it"
        kept(name, f"The entry {entry.name!r}", entry.load, None)


def kept(package: str, what: str, work: Callable[[], T], otherwise: T) -> T:
    """What `work` returns, or `otherwise` where it fails; `what` of `package` is then broken until it works again."""
    place = f"{package}\0{what}"
    try:
        found = work()
    except (Exception, SystemExit) as error:
        logger.debug("%s of the package %s failed", what, package, exc_info=True)
        said = " ".join(str(error).split())
        _broken[place] = Broken(
            package, what, f"{type(error).__name__}: {said}" if said else type(error).__name__
        )
        return otherwise
    _broken.pop(place, None)
    return found
