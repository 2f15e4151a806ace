"""Answers: find the answer's span in a text, write it in one canonical form, say whether two answers are
equal.

Knows text, character offsets and token offsets. Must not know models, strategies, prompts or events, and
importing it must stay cheap: sympy and math-verify are only ever loaded in the checker's own process.

- `locate` finds the span (`states_answer`: whether the text itself says which it is); `token_span` and
  `offsets_from_pieces` carry it over to the tokens that wrote it.
- `normalise` gives the key under which equal answers meet; `equal` and `compare` also see mathematical
  equality; `pool` adds up the weights of equal answers, for votes.
"""

from playground.answers.checker import CheckerUnavailable
from playground.answers.equality import Comparison, How, compare, equal, normalise, pool
from playground.answers.offsets import offsets_from_pieces, token_span
from playground.answers.spans import AnswerKind, Span, Wanted, announces_answer, locate, states_answer

__all__ = [
    "AnswerKind",
    "CheckerUnavailable",
    "Comparison",
    "How",
    "Span",
    "Wanted",
    "announces_answer",
    "compare",
    "equal",
    "locate",
    "normalise",
    "offsets_from_pieces",
    "pool",
    "states_answer",
    "token_span",
]
