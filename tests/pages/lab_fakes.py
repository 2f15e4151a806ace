"""An engine for the logits page: the real lens on a tiny random model, and servers that show less."""

from __future__ import annotations

from typing import Any

from playground.engine import InThread
from playground.errors import CapabilityError, EngineError
from playground.models.base import Capabilities, ModelInfo
from tests.models.tiny import make_model

ALL = Capabilities(full_logits=True, top_k=True, min_p=True, seed=True, local=True)
MODELS = [
    ModelInfo("embedded", "Embedded model", "local", ALL, 3_000_000),
    ModelInfo("server:top", "A server with five log-probabilities", "server", Capabilities(top_logprobs=5)),
    ModelInfo("server:none", "A server without any", "server", Capabilities()),
]


class LabRunner:
    """Answers `call` as the engine would, and remembers what was asked. `broken` makes everything fail."""

    def __init__(self) -> None:
        model = make_model("llama")
        self._engine = InThread(lambda name: model)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.broken = False

    def call(self, method: str, **params: Any) -> Any:
        self.asked.append((method, params))
        if self.broken:
            raise EngineError("The engine *process* ended.", "Run it again.")
        if params["model"] == "server:none":
            raise CapabilityError(
                "server:none cannot be looked into: no logits.", "Choose the embedded model."
            )
        if params["model"] == "server:top":
            tokens = [{"id": i, "text": f" word{i}", "logprob": -1.0 - i} for i in range(5)]
            return {
                "model": "server:top",
                "exact": False,
                "vocabulary": None,
                "position": None,
                "path": [],
                "tokens": tokens,
                "rest": 0.42,
            }
        return self._engine.call(method, **params)

    def times(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)
