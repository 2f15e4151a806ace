"""How long a person waits: from `streamlit run` to the first page, and from Run to the first token.

Starts a fresh server for each round (its own port and an empty folder for runs), opens it in Chromium and prints the
median of each time in seconds beside its budget. The first visit to a fresh server is timed from the moment the
server answers; `streamlit run` itself is timed apart. Also checks, on Linux, that the process that serves the pages
has not mapped torch into its memory.

    python benchmarks/first_paint.py [--rounds 3]

Wants Chromium (PLAYGROUND_CHROMIUM or on the path) and the embedded model. Exit code 1 when torch is found.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
QUESTION = (
    "A coin is heads up. Clara flips the coin. Hugo does not flip the coin. Is the coin still heads up?"
)
LIMIT = 180_000  # milliseconds
BUDGETS = {
    "streamlit run to the server's first answer": None,
    "fresh server to first paint (heading visible)": 2.0,
    "first paint to the whole page": None,
    "reload to first paint": 2.0,
    "first paint to the model loaded": None,
    "Run to first token, model loaded": 0.5,
    "Run to first token, model loaded, second run": 0.5,
}


@contextmanager
def server(
    folder: str, script: Path = ROOT / "streamlit_app.py"
) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """A fresh server of a script: its address, its process, and the seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(script),
            "--server.port",
            str(port),
            "--server.headless",
            "true",
        ],
        cwd=ROOT,
        env=os.environ | {"PLAYGROUND_DATA_DIR": folder},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        while True:
            try:
                direct.open(f"{address}/_stcore/health", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.perf_counter() - begun > LIMIT / 1000:
                    raise SystemExit("The server did not come up.") from None
                time.sleep(0.01)
        yield address, process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(20)


def one_round(browser: Any) -> tuple[dict[str, float], bool | None]:
    """All times of one fresh server, and whether its process has torch mapped (None where that cannot be seen)."""
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, server(folder) as (address, process, answered):
        times["streamlit run to the server's first answer"] = answered
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(LIMIT)
        heading, box = page.get_by_role("heading", name="Ask"), page.get_by_label("Question")
        begun = time.perf_counter()
        page.goto(address, wait_until="commit")
        heading.wait_for()
        painted = time.perf_counter()
        times["fresh server to first paint (heading visible)"] = painted - begun
        box.wait_for()
        settled(page)
        times["first paint to the whole page"] = time.perf_counter() - painted
        loading = page.get_by_text("Loading Embedded")
        if loading.count():
            loading.wait_for(state="detached")
        times["first paint to the model loaded"] = time.perf_counter() - painted
        begun = time.perf_counter()
        page.reload(wait_until="commit")
        heading.wait_for()
        times["reload to first paint"] = time.perf_counter() - begun
        box.wait_for()
        settled(page)
        box.fill(QUESTION)
        box.press("Tab")
        page.wait_for_timeout(500)
        for name in ("Run to first token, model loaded", "Run to first token, model loaded, second run"):
            times[name] = run_to_first_token(page)
        torch = torch_mapped(process.pid)
        page.close()
    return times, torch


def run_to_first_token(page: Any) -> float:
    """Seconds from the click on Run to the first token on screen; then waits for the run's end."""
    run = page.get_by_role("button", name=re.compile("^Run"))
    run.wait_for()
    settled(page)
    # The page itself looks at every frame, so that the wait is not rounded up by the driver's polling. What is on
    # screen of an earlier run must be gone first.
    page.evaluate(
        """() => { window.first = null; let cleared = false; const look = () => {
            const text = document.body.innerText;
            if (!text.includes('500 such questions')) cleared = true;
            if (cleared && /[1-9][0-9]* tokens? written/.test(text)) window.first = performance.now();
            else requestAnimationFrame(look);
        }; window.begun = performance.now();
        document.querySelector('.st-key-ask-go button').click(); requestAnimationFrame(look); }"""
    )
    page.wait_for_function("window.first !== null")
    page.get_by_text("500 such questions").wait_for()
    return float(page.evaluate("(window.first - window.begun) / 1000"))


def settled(page: Any) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def torch_mapped(pid: int) -> bool | None:
    """Whether a process has torch's libraries in its memory; None where the system does not show it."""
    try:
        return "/torch/" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return None


def table(rounds: list[Mapping[str, float]]) -> str:
    """A line a measurement: median, least, most and budget, in seconds."""
    lines = [f"{'seconds':<50}{'median':>8}{'least':>8}{'most':>8}{'budget':>8}"]
    for name, budget in BUDGETS.items():
        values = [times[name] for times in rounds]
        wanted = f"{budget:.2f}" if budget else "-"
        lines.append(f"{name:<50}{median(values):>8.2f}{min(values):>8.2f}{max(values):>8.2f}{wanted:>8}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="fresh servers to start")
    rounds = parser.parse_args().rounds
    chromium = os.environ.get("PLAYGROUND_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        raise SystemExit("No Chromium found: install it, or set PLAYGROUND_CHROMIUM to its path.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-background-networking"]
        )
        results = [one_round(browser) for _ in range(rounds)]
        browser.close()
    print(f"{rounds} fresh servers, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(table([times for times, _ in results]))
    found = [torch for _, torch in results]
    print(
        f"\ntorch in the memory of the process that serves the pages: {'unknown' if None in found else any(found)}"
    )
    sys.exit(1 if any(found) else 0)


if __name__ == "__main__":
    main()
