"""Moments as a visitor's own clock shows them.

Boundary: asks Streamlit for the visitor's time zone, which comes from outside and may be none.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st


def zone() -> tzinfo:
    """The visitor's time zone; UTC where it is not known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def moment(seconds: float) -> datetime:
    """Unix seconds on the visitor's clock."""
    return datetime.fromtimestamp(seconds, zone())


def moment_text(seconds: float) -> str:
    """The same to the minute: "2026-11-21 14:39"."""
    return f"{moment(seconds):%Y-%m-%d %H:%M}"
