"""How quickly the lab follows a slider: from the hand's movement to the finished frame, 151,936 logits each time.

Serves a page with nothing but the lab (this file is also that page), drags each slider with the mouse in Chromium and
prints median and 95th percentile of the time from the browser's own time stamp of the movement to the end of the frame
that shows it, beside the budget; "work" is the part of it that computes and changes the page. Also counts the
messages sent to the server while dragging: there must be none.

    python benchmarks/lab_redraw.py [--vocabulary 151936] [--moves 200]

Wants Chromium (PLAYGROUND_CHROMIUM or on the path). Exit code 1 when a message was sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

VOCABULARY = 151_936
BUDGET = 50.0  # milliseconds, 95th percentile
SLIDERS = ("temperature T", "top-k", "top-p", "min-p")

# Runs in the page: notes of each movement how long it was until the frame was over, and how long the frame's work took.
WATCH = """
slider => {
  window.times = [];
  slider.addEventListener("input", (event) => {
    const moved = event.timeStamp;
    // Asked for after the lab's own, so it runs in the same frame, behind it; the message comes when that is drawn.
    requestAnimationFrame((frame) => {
      const worked = performance.now() - frame;
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.times.push([performance.now() - moved, worked]);
      port2.postMessage(null);
    });
  });
}
"""


def page_of_the_lab() -> None:
    """What Streamlit runs."""
    import numpy as np
    import streamlit as st

    from components.lab import LabView, Look, Token, lab

    size = int(os.environ.get("VOCABULARY", VOCABULARY))
    random = np.random.default_rng(0)
    logits = np.sort(random.normal(0, 2, size) + random.exponential(1.5, size))[::-1].astype(np.float32)
    look = Look(tuple(Token(i, f" word{i}") for i in range(20)), logits=logits, position=0)
    st.set_page_config(layout="wide")
    lab(
        LabView(look, "random logits", revision="a"),
        key="lab",
        on_settings=lambda: None,
        on_action=lambda: None,
    )


def measure(browser: Any, address: str, moves: int) -> tuple[dict[str, list[tuple[float, float]]], int]:
    """Milliseconds of every movement of every slider, and the messages sent meanwhile."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    sent: list[Any] = []
    # playwright cannot take a list's own method as a listener.
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))  # noqa: PLW0108
    page.goto(address)
    page.locator(".lab").wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    found, messages = {}, 0
    for name in SLIDERS:
        slider = page.get_by_role("slider", name=name)
        slider.evaluate(WATCH)
        box = slider.bounding_box()
        y, left, width = box["y"] + box["height"] / 2, box["x"] + 10, box["width"] - 20
        page.mouse.move(left + width / 2, y)
        page.mouse.down()
        before = len(sent)
        for i in range(moves):
            # To and fro, never twice the same place.
            share = abs((2.37 * i / moves) % 2 - 1)
            page.mouse.move(left + width * share, y)
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        messages += len(sent) - before
        found[name] = page.evaluate("window.times")
        page.mouse.up()
        page.wait_for_timeout(500)
    page.close()
    return found, messages


def table(found: dict[str, list[tuple[float, float]]]) -> str:
    """A line a slider, in milliseconds."""
    lines = [
        f"{'milliseconds':<18}{'moves':>7}{'median':>9}{'p95':>9}{'budget':>9}{'work: median':>14}{'p95':>8}"
    ]
    everything = [pair for pairs in found.values() for pair in pairs]
    for name, pairs in [*found.items(), ("all", everything)]:
        whole, work = ([pair[i] for pair in pairs] for i in (0, 1))
        lines.append(
            f"{name:<18}{len(pairs):>7}{median(whole):>9.1f}{quantiles(whole, n=20)[-1]:>9.1f}{BUDGET:>9.1f}"
            f"{median(work):>14.1f}{quantiles(work, n=20)[-1]:>8.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY, help="how many logits")
    parser.add_argument("--moves", type=int, default=200, help="movements of each slider")
    options = parser.parse_args()
    chromium = os.environ.get("PLAYGROUND_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        raise SystemExit("No Chromium found: install it, or set PLAYGROUND_CHROMIUM to its path.")
    os.environ["VOCABULARY"] = str(options.vocabulary)
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
    print(f"{options.vocabulary:,} logits, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(table(found))
    print(f"\nmessages sent to the server while dragging: {messages}")
    sys.exit(1 if messages else 0)


if __name__ == "__main__":
    if "streamlit" in sys.modules:
        page_of_the_lab()
    else:
        main()
