"""The models in Hugging Face's cache on this machine: which are whole, where they lie, removing one.

Boundary: looks at files and never at the network; must import neither torch nor transformers. The cache is the one that
every program of Hugging Face shares (HF_HUB_CACHE), so what another program fetched is found too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path

from playground.errors import BadInput, ModelError

INDEX = "model.safetensors.index.json"
WHOLE = "model.safetensors"

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def is_id(name: str) -> bool:
    """Whether a text could be the id of a model on Hugging Face."""
    return bool(_ID.fullmatch(name)) and ".." not in name and "--" not in name


def cache_folder() -> Path:
    """Where the models lie; it need not exist."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def storage(name: str, cache: Path | None = None) -> Path:
    """The folder of one model in the cache; it need not exist."""
    return (cache or cache_folder()) / ("models--" + name.replace("/", "--"))


def find(name: str, cache: Path | None = None) -> Path | None:
    """The folder of a downloaded model's files, configuration and all weights among them; None where any is missing."""
    if not is_id(name):
        return None
    root = storage(name, cache)
    try:
        commit = (root / "refs" / "main").read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    folder = root / "snapshots" / commit
    return folder if commit and is_whole(folder) else None


def is_whole(folder: Path) -> bool:
    """Whether configuration and all weights are there."""
    if not (folder / "config.json").is_file():
        return False
    if (folder / INDEX).is_file() and not (folder / WHOLE).is_file():
        shards = shards_of(folder / INDEX)
        return bool(shards) and all((folder / shard).is_file() for shard in shards)
    return (folder / WHOLE).is_file()


def shards_of(index: Path) -> set[str]:
    """The weight files that an index names; none where it cannot be read."""
    try:
        files = json.loads(index.read_text("utf-8"))["weight_map"].values()
        return {str(file) for file in files if "/" not in str(file)}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return set()


def enter(blob: Path, commit: str, file: str) -> None:
    """Make the bytes in `blob` a file of a snapshot."""
    entry = blob.parents[1] / "snapshots" / commit / file
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.unlink(missing_ok=True)
    try:
        entry.symlink_to(os.path.relpath(blob, entry.parent))
    except OSError:  # Windows allows links only to those who may make them
        os.link(blob, entry)


def point_to(commit: str, name: str, cache: Path | None = None) -> None:
    """Say which snapshot of a model is the one in use, all at once."""
    reference = storage(name, cache) / "refs" / "main"
    reference.parent.mkdir(parents=True, exist_ok=True)
    new = reference.with_name(f"main.{os.getpid()}.{threading.get_ident()}")
    new.write_text(commit, "ascii")
    os.replace(new, reference)


def free_bytes(folder: Path) -> int:
    """Bytes free on the disk of a folder that need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def remove(name: str, cache: Path | None = None) -> int:
    """Delete a model, or what there is of it, from the cache; returns the bytes that became free.

    Raises:
        BadInput: nothing of it is there.
        ModelError: a file cannot be deleted.
    """
    # Not by its commit, as the hub's library does it: a copy of the repository has the same one.
    folder = storage(name, cache)
    if not is_id(name) or not folder.is_dir():
        raise BadInput(f"{name} is not in the cache of downloaded models.", "See: models.")
    bytes = sum(
        path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ModelError(f"{folder} cannot be deleted: {error.strerror}.", "Delete it yourself.") from error
    return bytes
