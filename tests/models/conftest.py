"""A model on disk for the tests that load one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.tiny import TEMPLATE, make_network, make_tokenizer


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A tiny Llama written to a directory by save_pretrained."""
    directory = tmp_path / "model"
    tokenizer = make_tokenizer(TEMPLATE)
    network = make_network("llama", len(tokenizer))
    network.generation_config.eos_token_id = 1
    network.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
