"""Sessions as one HTML file that opens anywhere, offline, and replays them.

Boundary: puts the viewer (viewer*.html, .css, .js beside this file) and the exported JSON into one file. The page may
load nothing and run nothing but its own script: its policy names that script and that style by their hashes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from playground.exchange.writing import to_json
from playground.store import Store

_SLOT = re.compile(r"\{\{(\w+)\}\}")


def to_html(store: Store, session_ids: Sequence[str]) -> bytes:
    """These sessions in a page: their answers, branches or steps, every token with its alternatives, and a replay at
    the pace at which they happened. The page holds the whole export as JSON.

    Raises:
        BadInput, StoreError: as `to_json`.
    """
    style = _part("viewer.css") + _part("viewer-tokens.css")
    script = _part("viewer-run.js") + _part("viewer.js")
    slots = {
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; "
        "form-action 'none'",
        "style": style,
        "script": script,
    }
    shell, end = _part("viewer.html").split("{{data}}")
    before, after = (_SLOT.sub(lambda slot: slots[slot.group(1)], part).encode() for part in (shell, end))
    # No "<" can then end the element that the data stands in.
    return b"".join((before, to_json(store, session_ids).replace(b"<", b"\\u003c"), after))


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
