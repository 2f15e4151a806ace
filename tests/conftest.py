"""For all tests: no example of hypothesis fails for being slow on a busy machine, and under CI they are the same ones
every time; elsewhere new ones are tried."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills", type=int, default=2, help="how often the crash tests kill what runs (make crash: 50)"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `kill` runs once for each kill, which is also the seed of its moment."""
    if "kill" in metafunc.fixturenames:
        metafunc.parametrize("kill", range(metafunc.config.getoption("--kills")))
