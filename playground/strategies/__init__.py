"""The strategies: one file each, found by their registered names.

Boundary: strategies know models, prompts, answers and events; they know nothing of stores, runs or screens.
"""

from playground.strategies.base import Question, Result, Strategy, get, load_all, offered

__all__ = ["Question", "Result", "Strategy", "get", "load_all", "offered"]
