"""The checker's process: reads pairs of LaTeX expressions, answers whether math-verify holds them equal.

Run as a script by `checker`; imports nothing of the project. Protocol: prints `ready`, then for every line
that is a JSON list of two strings prints `equal` or `different`. Ends with its standard input.
"""

import contextlib
import faulthandler
import json
import os
import signal
import sys

MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space, where the system can limit it: an expression may ask for memory instead of time."""
NOWHERE = open(os.devnull, "w")  # noqa: SIM115 - open as long as the process is


def main(limit: float) -> None:
    """Serve until standard input ends; `limit` is the parent's in seconds."""
    from math_verify import LatexExtractionConfig, parse, verify

    extraction = [LatexExtractionConfig()]
    reply("ready")
    for line in sys.stdin:
        give_up_after(2 * limit + 1)
        # math-verify's own limits are signals, which fail outside a main thread and do not interrupt long arithmetic.
        a, b = (
            parse(f"${latex}$", extraction, fallback_mode="no_fallback", parsing_timeout=None)
            for latex in json.loads(line)
        )
        # verify() favours its first argument's form; equality should not depend on the order.
        same = verify(a, b, timeout_seconds=None) or verify(b, a, timeout_seconds=None)
        reply("equal" if same else "different")
        give_up_after(0)


def give_up_after(seconds: float) -> None:
    """End this process by itself in `seconds` (0 calls it off), so that none is left over when the parent is killed.

    By an alarm nobody handles: it strikes in the middle of long arithmetic, and nothing of Python runs then.
    faulthandler's watchdog, which walks the frames of a running interpreter and may crash there, is for Windows.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
    elif seconds:
        faulthandler.dump_traceback_later(seconds, exit=True, file=NOWHERE)
    else:
        faulthandler.cancel_dump_traceback_later()


def reply(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes this process itself
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    main(float(sys.argv[1]))
