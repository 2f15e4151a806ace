"""For all tests: no example of hypothesis fails for being slow on a busy machine, and under CI they are the same ones
every time; elsewhere new ones are tried."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("patient")
