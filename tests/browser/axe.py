"""What axe-core finds wrong with the accessibility of a part of a page.

The script comes with the wheel `axe-playwright-python`; its Python side is not used.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

BAD = ("serious", "critical")


def violations(page: Any, selector: str) -> list[str]:
    """Serious and critical violations inside the first element that matches `selector`, shadow roots included.

    A line each: the rule, what it wants, and where it is broken. Raises where nothing matches.
    """
    page.evaluate(_script())
    found: list[dict[str, Any]] = page.evaluate(
        """async selector => {
            const part = document.querySelector(selector);
            if (!part) throw new Error(`nothing matches ${selector}`);
            return (await axe.run(part, { resultTypes: ['violations'] })).violations;
        }""",
        selector,
    )
    return [
        f"{rule['id']}: {rule['help']} ({', '.join(str(node['target']) for node in rule['nodes'])})"
        for rule in found
        if rule["impact"] in BAD
    ]


@cache
def _script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
