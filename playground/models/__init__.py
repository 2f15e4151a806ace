"""Models: what a strategy asks for text. `catalog` lists and loads them, `base` says what they are.

Importing this package imports neither torch nor transformers; loading a local model does.
"""

from playground.models.base import Capabilities, Completion, Model, ModelInfo, TokenModel
from playground.models.catalog import info, list_models, load, register

__all__ = [
    "Capabilities",
    "Completion",
    "Model",
    "ModelInfo",
    "TokenModel",
    "info",
    "list_models",
    "load",
    "register",
]
