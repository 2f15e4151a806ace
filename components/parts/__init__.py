"""What the client-side components share, and how the files of one are put together: a component takes its script and
its style as one text each.

Boundary: reads files. `elements.js` makes elements and writes text; `theme.css` mixes colours from the theme;
`ranges.css` draws sliders, for components that name it.
"""

from __future__ import annotations

from pathlib import Path

from components.palette import WARM

_HERE = Path(__file__).parent


def script(folder: Path, *names: str) -> str:
    """One module: the shared part, then these scripts of a folder in this order."""
    return "\n".join([_read(_HERE / "elements.js"), *(_read(folder / f"{name}.js") for name in names)])


def style(folder: Path, *names: str) -> str:
    """One style sheet: the theme's colours with the palette's warm one at hand as --warm, then these of a folder, or
    of the shared ones where it has none of that name."""
    shared = [f":host {{ --warm: {WARM}; }}", _read(_HERE / "theme.css")]
    files = [folder / f"{name}.css" for name in names]
    return "\n".join([*shared, *(_read(file if file.exists() else _HERE / file.name) for file in files)])


def _read(file: Path) -> str:
    return file.read_text("utf-8")
