"""The engine of the Reasoning Playground: models, strategies, traces, runs.

Boundary: nothing in this package imports streamlit, and importing it loads neither torch nor
transformers; they are imported by the local model when it is first used.
"""

__version__ = "0.1.0"
