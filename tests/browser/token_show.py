"""The token page in a browser, for the tests that look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("token_page.py")
PATIENCE = 60_000  # milliseconds; a machine that tests may be busy with other things

Serve = Callable[..., str]
Visit = Callable[..., Any]
Show = Callable[..., Any]


def opener(address: str, visit: Visit) -> Show:
    """`show("three")` opens the page with that run and waits until it is drawn."""

    def show(name: str, more: str = "", **options: Any) -> Any:
        page = visit(f"{address}/?show={name}{more}", **options)
        page.set_default_timeout(PATIENCE)
        page.locator(".picture .text").first.wait_for()
        return page

    return show


def expect(thing: Any) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    return expect(thing)


def told(page: Any, name: str) -> Any:
    """What Python says it was told."""
    return page.get_by_text(f"{name}:")


def rows(page: Any) -> Any:
    return page.get_by_role("option")


def tokens(page: Any, text: int = 0) -> Any:
    return page.locator(".text").nth(text).locator(".t")


def heights(page: Any, row: int) -> list[float]:
    """How far the cells of a row rise, 0 to 1."""
    cells = rows(page).nth(row).locator(".track i")
    values: list[float] = cells.evaluate_all(
        "all => all.map(c => Number(getComputedStyle(c).getPropertyValue('--v')))"
    )
    return values


def alternatives(page: Any) -> list[tuple[str, str]]:
    lines = page.locator(".pop .alternative")
    pairs: list[list[str]] = lines.evaluate_all(
        "all => all.map(line => ['.label', '.value'].map(part => line.querySelector(part).textContent))"
    )
    return [(label, value) for label, value in pairs]


def middle(box: dict[str, float]) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
