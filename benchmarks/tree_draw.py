"""How quickly the tree of a search of 500 nodes is drawn and follows the hand.

Serves a page with nothing but the tree (this file is also that page) and prints, in milliseconds in Chromium: the
first drawing, from the message to the finished frame; making a node the root; and every movement of the scrubber and
of the c slider, median and 95th percentile, from the browser's own time stamp of the movement to the end of the frame
that shows it. All of it with small subtrees folded, as the picture opens, and with every node drawn. Also counts the
messages sent to the server meanwhile: there must be none.

    python benchmarks/tree_draw.py [--nodes 500] [--moves 100]

Wants Chromium (PLAYGROUND_CHROMIUM or on the path). Exit code 1 when a message was sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

NODES = 500
BUDGETS = {"first drawing": 500.0}

# Notes how long it was from an event on an element until the frame that follows it was over.
WATCH = """
([element, kind, list]) => {
  window[list] = [];
  if (element.watched) return;
  element.watched = true;
  element.addEventListener(kind, (event) => {
    const moved = event.timeStamp;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window[list].push(performance.now() - moved);
      port2.postMessage(null);
    });
  }, { capture: true });
}
"""
# From the moment the component's element is put into the page, empty, until the frame with all its boxes is over.
FIRST = """
() => {
  for (const { prototype } of [Element, DocumentFragment]) {
    const append = prototype.append;
    prototype.append = function (...nodes) {
      append.apply(this, nodes);
      if (!nodes.some((node) => node.className === "tree")) return;
      const from = performance.now();
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => (window.first = performance.now() - from);
        port2.postMessage(null);
      });
    };
  }
}
"""


def page_of_the_tree() -> None:
    """What Streamlit runs."""
    import streamlit as st

    from components.tree import tree_picture
    from tests.components.tree_traces import made, search

    trace, records = made(search(int(os.environ.get("NODES", NODES))))
    st.set_page_config(layout="wide")
    tree_picture(trace, key="tree", records=lambda after: records[after + 1 :])


def drawn(page: Any) -> None:
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def drag(page: Any, slider: Any, moves: int) -> list[float]:
    slider.evaluate(f"element => ({WATCH})([element, 'input', 'times'])")
    box = slider.bounding_box()
    y, left, width = box["y"] + box["height"] / 2, box["x"] + 10, box["width"] - 20
    page.mouse.move(left + width / 2, y)
    page.mouse.down()
    for i in range(moves):
        # To and fro, never twice the same place.
        page.mouse.move(left + width * abs((2.37 * i / moves) % 2 - 1), y)
        drawn(page)
    page.mouse.up()
    times: list[float] = page.evaluate("window.times")
    return times


def reroot(page: Any, moves: int) -> list[float]:
    """There and back: into the first children of the root, and out."""
    page.locator(".boxes").evaluate(f"element => ({WATCH})([element, 'keydown', 'times'])")
    page.locator(".box").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.evaluate("window.times = []")
    for _ in range(moves // 2):
        for key in ("Enter", "Escape"):
            page.keyboard.press(key)
            drawn(page)
    times: list[float] = page.evaluate("window.times")
    return times


def measure(browser: Any, address: str, moves: int) -> tuple[dict[str, list[float]], int]:
    """Milliseconds of everything, and the messages sent meanwhile."""
    found: dict[str, list[float]] = {"first drawing": []}
    for _ in range(5):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        sent: list[Any] = []
        # playwright cannot take a list's own method as a listener.
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))  # noqa: PLW0108, B023
        page.add_init_script(f"({FIRST})()")
        page.goto(address)
        page.wait_for_function("window.first !== undefined")
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        found["first drawing"].append(page.evaluate("window.first"))
        if len(found["first drawing"]) < 5:
            page.close()
    before, all_ = len(sent), page.locator(".fold input")
    for state in ("folded", "every node"):
        if state == "every node":
            all_.evaluate(f"element => ({WATCH})([element, 'change', 'times'])")
            all_.uncheck()
            drawn(page)
            found["unfolding all"] = page.evaluate("window.times")
        boxes = page.locator(".box").count()
        name = f"{state} ({boxes} boxes)"
        found[f"{name}: re-root"] = reroot(page, moves)
        found[f"{name}: scrub"] = drag(page, page.get_by_role("slider", name="Moment of the run"), moves)
        page.get_by_role("slider", name="Moment of the run").focus()
        page.keyboard.press("End")
        found[f"{name}: c"] = drag(page, page.get_by_role("slider", name="c: how"), moves)
    page.close()
    return found, len(sent) - before


def table(found: dict[str, list[float]]) -> str:
    """A line a movement, in milliseconds."""
    lines = [f"{'milliseconds':<34}{'times':>7}{'median':>9}{'p95':>9}{'budget':>9}"]
    for name, times in found.items():
        budget = f"{BUDGETS[name]:.0f}" if name in BUDGETS else ""
        lines.append(f"{name:<34}{len(times):>7}{median(times):>9.1f}{p95(times):>9.1f}{budget:>9}")
    return "\n".join(lines)


def p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1] if len(times) > 20 else max(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=NODES, help="how many nodes the search opens")
    parser.add_argument("--moves", type=int, default=100, help="movements of each kind")
    options = parser.parse_args()
    chromium = os.environ.get("PLAYGROUND_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        raise SystemExit("No Chromium found: install it, or set PLAYGROUND_CHROMIUM to its path.")
    os.environ["NODES"] = str(options.nodes)
    from first_paint import server
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        server(folder, Path(__file__)) as (address, _, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-background-networking"]
        )
        found, messages = measure(browser, address, options.moves)
        browser.close()
    print(f"{options.nodes} nodes, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(table(found))
    print(f"\nmessages sent to the server meanwhile: {messages}")
    sys.exit(1 if messages else 0)


if __name__ == "__main__":
    if "streamlit" in sys.modules:
        page_of_the_tree()
    else:
        main()
