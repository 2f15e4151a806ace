"""How well a model foresaw a text: its tokens' probabilities, ranks and entropies from one pass over it.

Boundary: as `playground.lens`.
"""

from __future__ import annotations

from typing import Any

from playground.lens import At, open_model
from playground.models.base import Model, outcome


def read_text(model: Model, at: At, *, top: int = 5) -> dict[str, Any]:
    """Every token of the text and of the path after it.

    Returns:
        "tokens": `id`, `text` ("" while its bytes are no whole character, then `hex` has them), `logprob` (nats),
        `rank` among all tokens from 1, `entropy` (bits) and `margin` of the distribution it was one of, and the `top`
        `alternatives` as [id, text, logprob]. All measures are of raw logits; None for a first token that nothing
        stands before.

    Raises:
        CapabilityError: the model's server does not give the full distribution.
        BadInput: the text is empty or longer than the model holds.
    """
    read = outcome(
        open_model(model).measure(at.prompt, node="q", purpose="read", then=at.path, alternatives=top)
    )
    tokens = []
    for token, rank in read:
        known = rank is not None
        tokens.append(
            {
                "id": token.id,
                "text": token.text,
                "hex": token.hex,
                "logprob": token.logprob if known else None,
                "rank": rank,
                "entropy": token.entropy if known else None,
                "margin": token.margin if known else None,
                "alternatives": [[other.id, other.text, other.logprob] for other in token.alternatives],
            }
        )
    return {"tokens": tokens}
