"""Reward models by name: `reward:embedded`, or `reward:` before a Hugging Face id or a directory.

Boundary: names and files; the network is `classifier`'s business, and torch is imported when the first is loaded. They
are found, downloaded, kept in memory and let go as language models on this machine are, with the same options after
the name ("reward:ID?device=cpu&dtype=float32"), but they are not offered for asking.
"""

from __future__ import annotations

from pathlib import Path

from playground.errors import ModelError, UnknownName
from playground.models import catalog, choice, downloaded
from playground.models.base import Capabilities, Model, ModelInfo
from playground.models.catalog import register

SCHEME = "reward"
EMBEDDED = catalog.EMBEDDED.parent / "reward"
"""Where the embedded reward model lies."""


def describe(name: str) -> ModelInfo:
    """What is known of a reward model before it is loaded."""
    note = "judges answers and writes none"
    return ModelInfo(name, name.partition(":")[2], SCHEME, Capabilities(local=True), note=note)


@register(SCHEME, describe=describe, shared=False)
def load(name: str) -> Model:
    """The reward model of a name, in memory once.

    Raises:
        BadInput, UnknownName, ModelError: as for any model on this machine, or it has no classification head.
    """
    there = catalog.resident(name)
    if there is not None:
        return there
    rest = name.removeprefix(f"{SCHEME}:")
    chosen = choice.with_defaults(catalog.choice_of(rest))
    where = _where(chosen.name)
    from playground.models import loading
    from playground.models.classifier import Classifier

    plan = loading.plan(where, chosen.device, chosen.dtype, chosen.bits)
    label = f"{SCHEME}:{chosen.name}"
    return catalog.keep(name, plan, lambda: Classifier.planned(plan, label), label=label, kind=SCHEME)


def _where(name: str) -> str:
    if name != "embedded":
        bare = "/" not in name and not Path(name).expanduser().is_dir()
        if bare and not (downloaded.is_id(name) and downloaded.find(name)):
            raise UnknownName("reward model", name, ["reward:embedded"])
        return name
    if not (EMBEDDED / "config.json").is_file():
        raise ModelError(
            "The embedded reward model's files are missing.",
            "Restore assets/reward from the repository, or build it with python -m playground.embedded.reward.",
        )
    return str(EMBEDDED)
