"""Sessions as a table: one row a run, for a spreadsheet or a data frame.

Boundary: from the store's rows to CSV, without the logs, so that thousands take a moment; nothing reads it back.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from playground.store import SavedRun, Store

COLUMNS = (
    "session", "run", "created", "status", "question", "strategy", "model", "params", "seed", "answer", "gold",
    "correct", "confidence", "calls", "prompt_tokens", "completion_tokens", "forward_passes", "seconds", "cost_usd",
)  # fmt: skip

_FIELDS = {field.name for field in fields(SavedRun)}
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?%?")


def to_csv(store: Store, session_ids: Sequence[str]) -> bytes:
    """One row a run, forks too, under the names in `COLUMNS`; UTF-8 with the mark that spreadsheets look for.

    `created` is UTC in ISO 8601, `params` JSON, `correct` "true", "false" or empty. What is not known is empty. A text
    that a spreadsheet would take for a formula begins with an apostrophe.

    Raises:
        BadInput: there is no such session.
        StoreError: the store cannot be read.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for run in store.runs_of(list(dict.fromkeys(session_ids))):
        row = _row(run)
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _row(run: SavedRun) -> dict[str, Any]:
    plain = {name: getattr(run, name) for name in COLUMNS if name in _FIELDS}
    return plain | {
        "run": run.id,
        "created": datetime.fromtimestamp(run.created, UTC).isoformat(timespec="milliseconds"),
        "params": json.dumps(run.params, ensure_ascii=False),
        "seconds": round(run.seconds, 3),
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    return f"'{value}" if _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value) else value
