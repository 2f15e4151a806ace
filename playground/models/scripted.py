"""A model that plays a file: for tests, demonstrations and lessons, without a network.

Boundary: finds and opens the file; its form is `script`'s business, how it is played that of `script_replies` and
`script_tokens`. The file is read when the model is loaded; change it, and load it anew.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from playground.models.base import Model, ModelInfo
from playground.models.catalog import register
from playground.models.script import read
from playground.models.script_replies import ScriptedModel, Sleep
from playground.models.script_tokens import ScriptedTokenModel

SCHEME = "scripted"


def describe(name: str) -> ModelInfo:
    """What a file says of its model.

    Raises:
        BadInput: there is no such file, or it is wrong; names the field.
    """
    path = _path(name)
    script, _ = read(path)
    return ModelInfo(
        name, script.title or path.name, SCHEME, script.capabilities.capabilities(), note=script.about
    )


@register(SCHEME, describe=describe)
def load(name: str) -> Model:
    """The model that `scripted:FILE` names.

    Raises:
        BadInput: there is no such file, or it is wrong; names the field.
    """
    return open_script(_path(name), name)


def _path(name: str) -> Path:
    return Path(name.partition(":")[2]).expanduser()


def open_script(path: Path, name: str, sleep: Sleep = time.sleep) -> ScriptedModel:
    """The model of a file: one with open distributions where the file declares them."""
    script, data = read(path)
    kind = ScriptedTokenModel if script.capabilities.open else ScriptedModel
    return kind(script, name=name, digest=hashlib.sha256(data).hexdigest()[:16], sleep=sleep)
