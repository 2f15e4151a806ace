"""The checker: asks math-verify whether two expressions are equal, in a process that can be killed.

Knows the worker process and its one-line protocol. Must not know how answers are spelled or voted on.
Expressions come from models and visitors and may be built to run for ever, so the only honest limit is the
end of a process.

A plain child with pipes, not `multiprocessing`: a spawned `multiprocessing` child first runs the parent's
main script again, which under Streamlit is the page on screen.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, cast

from playground.errors import PlaygroundError

WORKER = Path(__file__).with_name("checker_worker.py")


class CheckerUnavailable(PlaygroundError):
    """The process that compares expressions cannot be started."""


class Checker:
    """One worker process, started by the first question, kept for the next, replaced when it dies.

    Safe to use from any thread; questions take turns.

    Args:
        limit: seconds one comparison may take, the worker's start not counted.
        start_limit: seconds the worker may take to start.
    """

    def __init__(self, *, limit: float = 3.0, start_limit: float = 120.0) -> None:
        self.limit = limit
        self.start_limit = start_limit
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._parent = os.getpid()
        atexit.register(self.close)

    def agree(self, a: str, b: str) -> bool | None:
        """Whether the LaTeX expressions `a` and `b` are equal; None when the limit struck or the worker died.

        Raises:
            CheckerUnavailable: the worker cannot be started.
        """
        with self._turn:
            process = self._running()
            reply = self._exchange(process, json.dumps([a, b]).encode() + b"\n", self.limit)
            return {b"equal": True, b"different": False}.get(reply.strip())

    def close(self) -> None:
        """End the worker. A later question starts a new one."""
        process, self._process = self._process, None
        if process is not None and self._parent == os.getpid():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # unsent bytes to a worker that is gone
                    cast(IO[bytes], pipe).close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._parent != os.getpid():  # after a fork the worker is the parent's: replies would mix
            self._process, self._parent = None, os.getpid()
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        # -P: the worker's folder stays off the module path, where its siblings could pass for libraries.
        command = [sys.executable, "-P", str(WORKER), str(self.limit)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise CheckerUnavailable(f"The answer checker cannot be started: {error}.", _HINT) from error
        process = self._process
        if self._exchange(process, b"", self.start_limit).strip() != b"ready":
            self.close()
            raise CheckerUnavailable("The answer checker ended before it was ready.", _HINT)
        return process

    def _exchange(self, process: subprocess.Popen[bytes], request: bytes, limit: float) -> bytes:
        """Send a line and return the line that comes back; empty, and the process gone, when none comes in
        time."""
        requests, replies = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()  # ends the read below

        timer = threading.Timer(limit, expire)
        timer.daemon = True
        timer.start()
        reply = b""
        try:
            requests.write(request)
            requests.flush()
            reply = replies.readline()
        except OSError:
            pass  # the worker died before it read the question
        except BaseException:
            self.close()  # an interrupted exchange would leave its reply to the next question
            raise
        finally:
            timer.cancel()
            timer.join()
        if not reply or expired.is_set():
            self.close()
        return reply


_HINT = "Run `pip install -r requirements.txt` so that math-verify is there."
