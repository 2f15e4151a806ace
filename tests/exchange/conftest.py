"""A store with sessions of every sort, and a fresh one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.exchange import to_json
from playground.store import Store
from tests.exchange.samples import fill, new_store


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[str]]]:
    """Read only: a store and the ids of its sessions."""
    store = new_store(tmp_path_factory.mktemp("filled"))
    ids = fill(store)
    yield store, ids
    store.close()


@pytest.fixture(scope="session")
def exported(filled: tuple[Store, list[str]]) -> bytes:
    return to_json(*filled)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path, "fresh")
    yield store
    store.close()
