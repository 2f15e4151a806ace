"""Sessions out of the store and in again: a file to keep, to share and to read elsewhere.

Boundary: reads and writes saved runs; starts none, and knows neither models nor screens.

- `form`: what a shared file holds, its limits, and events as strict JSON; `schema`: the same as a JSON Schema.
- `writing`, `reading`, `bringing`: the versioned JSON, checked and taken in whole or not at all.
- `table`, `report`, `page`: CSV, Markdown, and one HTML file that opens anywhere.
"""

from playground.exchange.bringing import Imported, bring_in
from playground.exchange.form import FORMAT, MOST_BYTES, VERSION, Bundle, SharedRun, SharedSession
from playground.exchange.page import to_html
from playground.exchange.reading import read_json
from playground.exchange.report import to_markdown
from playground.exchange.table import to_csv
from playground.exchange.writing import in_files, to_json

__all__ = [
    "FORMAT",
    "MOST_BYTES",
    "VERSION",
    "Bundle",
    "Imported",
    "SharedRun",
    "SharedSession",
    "bring_in",
    "in_files",
    "read_json",
    "to_csv",
    "to_html",
    "to_json",
    "to_markdown",
]
