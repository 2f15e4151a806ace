"""The files of the lab's components, put together: a component takes its script and its style as one text each.

Boundary: reads files beside it, nothing else.
"""

from __future__ import annotations

from pathlib import Path

from components.palette import WARM

_HERE = Path(__file__).parent


def script(*names: str) -> str:
    """One module of these parts, in this order."""
    return "\n".join((_HERE / f"{name}.js").read_text("utf-8") for name in names)


def style(*names: str) -> str:
    """One style sheet of these parts, the palette's warm colour at hand as --warm."""
    return "\n".join(
        [f":host {{ --warm: {WARM}; }}", *((_HERE / f"{name}.css").read_text("utf-8") for name in names)]
    )
