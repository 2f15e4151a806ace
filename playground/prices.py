"""What a model's tokens cost, from the price table of the genai-prices package.

Boundary: a model's name in, dollars for a million tokens out; multiplies nothing and never goes to the network (the
package can fetch newer tables; nothing here asks it to). The table is 1.5 MB, so it is read at the first question.

Prices are those of the standard tier for prompts of ordinary length: surcharges for prompts of several hundred
thousand tokens, and for writing to a provider's cache, are not in them.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from playground.settings import settings

_OWN = {"groq": "https://api.groq.com", "openai": "https://api.openai.com"}
"""Where each provider is itself; at another address a model of the same name may cost anything."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens.

    Attributes:
        input: of the prompt. `cached`: those of them that the provider had in its cache; None where the table has no
            price of their own, and they cost what the others cost.
        output: written ones.
        date: the day whose prices these are, in ISO 8601. The table itself carries no date; `source` says which it is.
    """

    input: float
    output: float
    cached: float | None
    date: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """As `RunStarted.price` keeps it."""
        return asdict(self)


def price_of(model: str, when: datetime | None = None) -> Price | None:
    """The price of the model called `model` ("groq:NAME", "openai:NAME@URL") at a time, now if none is given.

    None where nobody can know it: a server of one's own, a model that the table lacks, or one that is not paid by the
    token.
    """
    found = provider_of(model)
    if found is None:
        return None
    from genai_prices import __version__, data_snapshot

    provider, name = found
    when = when or datetime.now(UTC)
    try:
        _, entry = data_snapshot.get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return None
    prices = entry.get_prices(when)
    read, written = _dollars(prices.input_mtok), _dollars(prices.output_mtok)
    if read is None or written is None:
        return None
    return Price(
        read,
        written,
        _dollars(prices.cache_read_mtok),
        when.astimezone(UTC).date().isoformat(),
        f"genai-prices {__version__}",
    )


def provider_of(model: str) -> tuple[str, str] | None:
    """The provider who sends the bill, and what the model is called there; None where that is not known."""
    scheme, _, name = model.partition(":")
    if scheme == "groq":
        address = os.environ.get("GROQ_BASE_URL") or _OWN["groq"]
    elif scheme == "openai":
        name, address = name.rsplit("@", 1) if "@" in name else (name, settings().openai_base_url)
    else:
        return None
    return (scheme, name) if name and _host(address) == _host(_OWN[scheme]) else None


def _host(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        return parts.hostname if parts.scheme == "https" else None
    except ValueError:
        return None


def _dollars(price: Any) -> float | None:
    """A price in the table: a number, or one with dearer tiers above it."""
    base = getattr(price, "base", price)
    return float(base) if isinstance(base, Decimal) else None
