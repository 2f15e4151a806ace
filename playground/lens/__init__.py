"""Looking into a model: one next-token distribution, what the processors do to it, and chance played out on it.

Boundary: reads a model's logits and the sampling maths; draws nothing and stores nothing. Every function returns
plain values (arrays apart), so that the command line, the engine process and the lab show the same numbers.

- here: where one looks, and the distribution there;
- `chance`: probability against temperature, many draws, and the same luck at other temperatures;
- `reading`: how well a given text was foreseen, token by token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.errors import BadInput, CapabilityError, ModelError
from playground.models.base import REASONS, Model, Prefix, TokenModel, outcome, token_ids
from playground.prompts import Prompt, plain
from playground.sampling import GREEDY, PROCESSORS, Sampling, stages, validate


@dataclass(frozen=True, slots=True)
class At:
    """Where one looks: after a text and the tokens `path`, given by their ids.

    `as_question` puts the text in the model's own chat form, where the reply would begin.
    """

    text: str
    as_question: bool = False
    path: tuple[int, ...] = ()

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> At:
        """From plain values.

        Raises:
            BadInput: they do not name a place.
        """
        path = values.get("path", ())
        text, as_question = values.get("text"), values.get("as_question", False)
        if (
            not isinstance(text, str)
            or not isinstance(path, Sequence)
            or not all(isinstance(id, int) for id in path)
        ):
            raise BadInput(
                "This does not say where to look.", "Give a text, and token ids as the path after it."
            )
        return cls(text, bool(as_question), tuple(path))

    @property
    def prompt(self) -> Prompt:
        return plain(self.text) if self.as_question else Prompt((), prefill=self.text)


def open_model(model: Model) -> TokenModel:
    """The model, if it can be looked into.

    Raises:
        CapabilityError: its server does not give the full distribution.
    """
    if not isinstance(model, TokenModel):
        raise CapabilityError(
            f"{model.name} cannot be looked into: {REASONS['full_logits']}.", "Choose the embedded model."
        )
    return model


def prefix_at(model: Model, at: At) -> Prefix:
    """Read up to `at` and stop before the next token; what was read lately is not read again.

    Raises:
        CapabilityError: the model's server does not give the full distribution.
        BadInput: there is nothing to read, or the path names no token.
    """
    return outcome(open_model(model).prefill(at.prompt, node="q", purpose="look", then=at.path))


def look(model: Model, at: At, *, top: int = 20) -> dict[str, Any]:
    """The next-token distribution at `at`.

    Returns:
        "model"; "exact": whether the whole distribution is known; "path" and "tokens": `id` and `text` of the path's
        tokens and of the `top` likeliest next ones, best first. Exact: "vocabulary"; "position", the number of
        tokens before; "logits", float32, shape (vocabulary,), descending, the tokens in the order of "tokens".
        Not exact: each token's "logprob", and "rest", the probability of all others.

    Raises:
        CapabilityError: the model's server gives no log-probabilities at all.
    """
    if not isinstance(model, TokenModel) and model.capabilities.top_logprobs:
        return _look_at_the_top(model, at, top)
    prefix = prefix_at(model, at)
    logits = prefix.logits()
    shown = prefix.top(min(top, len(logits)))
    return {
        "model": model.name,
        "exact": True,
        "vocabulary": len(logits),
        "position": prefix.token_count,
        "path": [{"id": token.id, "text": token.text} for token in prefix.alternatives(at.path)],
        "tokens": [{"id": token.id, "text": token.text} for token in shown],
        "logits": np.sort(logits)[::-1].astype(np.float32),
    }


def _look_at_the_top(model: Model, at: At, top: int) -> dict[str, Any]:
    if at.path:
        raise BadInput(
            f"{model.name} takes text, not token ids.", "Append the token's text to the prompt instead."
        )
    [reply] = outcome(
        model.sample(at.prompt, ["q"], GREEDY, node="q", purpose="look", max_new_tokens=1, seed=0)
    )
    if not reply.tokens or not reply.tokens[0].alternatives:
        raise ModelError(f"{model.name} sent no log-probabilities.", "Choose the embedded model.")
    known = sorted(reply.tokens[0].alternatives, key=lambda token: -token.logprob)[:top]
    return {
        "model": model.name,
        "exact": False,
        "vocabulary": None,
        "position": None,
        "path": [],
        "tokens": [{"id": token.id, "text": token.text, "logprob": token.logprob} for token in known],
        "rest": max(0.0, 1.0 - sum(math.exp(token.logprob) for token in known)),
    }


def next_token_table(
    model: Model, text: str, sampling: Sampling, *, top: int = 20, as_question: bool = False
) -> dict[str, Any]:
    """The `top` likeliest next tokens in logit order, and all others as one row.

    Each row has the raw logit, the logit over T, the probability before (T = 1, nothing cut) and after all
    processors, whether it was kept, and which processor cut it. Probabilities are over the full vocabulary.

    Raises:
        BadInput: a setting out of bounds, or `top` beyond the vocabulary.
    """
    validate(sampling)
    prefix = prefix_at(model, At(text, as_question))
    seen = stages(prefix.logits(), sampling)
    shown = prefix.top(min(top, len(seen.raw)))
    rows = [
        {
            "id": token.id,
            "text": token.text,
            "logit": float(seen.raw[token.id]),
            "scaled_logit": float(seen.scaled[token.id]),
            "probability_before": float(seen.before[token.id]),
            "probability": float(seen.after[token.id]),
            "kept": bool(seen.kept[token.id]),
            "cut_by": None if seen.kept[token.id] else PROCESSORS[seen.cut[token.id]],
        }
        for token in shown
    ]
    ids = token_ids(shown)
    return {
        "model": model.name,
        "vocabulary": len(seen.raw),
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "kept": int(seen.kept.sum()),
        "tokens": rows,
        "rest": {
            "count": len(seen.raw) - len(rows),
            "probability_before": max(0.0, 1.0 - float(seen.before[ids].sum())),
            "probability": max(0.0, 1.0 - float(seen.after[ids].sum())),
        },
    }
