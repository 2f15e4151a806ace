"""One small tokenizer for all tests of this room."""

import pytest

from playground.embedded import corpus


@pytest.fixture(scope="session")
def tokenizer():
    return corpus.build_tokenizer(sample=1500)
