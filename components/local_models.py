"""Choosing a model of Hugging Face: the good small ones with what they take, where one is computed, and how far its
download is.

Boundary: draws what the catalogue says and writes a name into the field of the picker; loads and fetches nothing.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import streamlit as st

from components import engine
from components.wording import duration, plain
from playground.errors import PlaygroundError
from playground.models import choice
from playground.models.base import ModelInfo
from playground.models.memory import in_words

DEVICES = ("the best there is", "cpu", "cuda", "mps")
NUMBERS = ("what suits it", *choice.DTYPES)
BITS = {f"{bits} bits": bits for bits in choice.BITS}


def known(page: str, field: str) -> None:
    """A list of good small models; a click writes one's name into the field."""

    def take(name: str) -> None:
        st.session_state[field] = name

    with (
        st.popover("Good small models", icon=":material/list_alt:", width="stretch"),
        st.container(gap="xxsmall"),
    ):
        st.caption("Those that are not on this machine yet are downloaded when a run starts.")
        for info in engine.known_models():
            st.button(
                plain(info.title),
                key=f"{page}.known.{info.name}",
                on_click=take,
                args=(info.name,),
                type="tertiary",
                help=plain(info.note) or None,
            )
            st.caption(facts(info))


def facts(info: ModelInfo) -> str:
    """What one should know before taking a model, in markdown."""
    found = [info.licence or "licence not known"]
    if info.instruct is not None:
        found.append("instruct" if info.instruct else "base model")
    if info.memory_bytes is not None:
        found.append(f"about {in_words(info.memory_bytes)} of memory")
    if info.fits is not None:
        found.append("fits now" if info.fits else "**more than is free now**")
    if not info.downloaded:
        size = f" {in_words(info.download_bytes)}" if info.download_bytes else ""
        found.append(f"download{size}")
    if info.gated:
        found.append("gated: accept its terms and set HF_TOKEN")
    return " · ".join(found)


def where(page: str, field: str) -> None:
    """On which device and in which numbers the model in the field is computed; part of its name."""
    device, numbers = f"{page}.device", f"{page}.dtype"

    def rename() -> None:
        typed = str(st.session_state.get(field) or "").strip().partition("?")[0]
        place, number = st.session_state[device], st.session_state[numbers]
        st.session_state[field] = str(
            choice.Choice(
                typed,
                None if place == DEVICES[0] else place,
                number if number in choice.DTYPES else None,
                BITS.get(number),
            )
        )

    with st.popover("Where it is computed", icon=":material/memory:", width="stretch"):
        st.selectbox("Device", DEVICES, key=device, on_change=rename, persist_state="session")
        able = find_spec("bitsandbytes") is not None
        offered = [*NUMBERS, *BITS] if able else NUMBERS
        st.selectbox("Numbers", offered, key=numbers, on_change=rename, persist_state="session")
        st.caption(
            "Written behind the name, so that a saved run says it."
            + ("" if able else " With bitsandbytes installed there are 4 and 8 bits too.")
        )


def may_download(model: str) -> bool:
    """Whether a name may be one of Hugging Face."""
    name = model.partition("?")[0]
    return "/" in name and ":" not in name and not name.startswith(("/", ".", "~"))


def download_line(model: str) -> bool:
    """Draw how far the download of a model is that a run waits for; whether there is one."""
    try:
        going: list[dict[str, Any]] = engine.runner().call("downloads")
    except PlaygroundError:
        return False
    mine = [one for one in going if one["name"] == model.partition("?")[0] and one["state"] == "running"]
    for one in mine:
        done, total = one["done"], one["total"]
        speed = f", {in_words(round(one['speed']))} a second" if one["speed"] else ""
        left = f", about {duration((total - done) / one['speed'])} left" if one["speed"] and total else ""
        text = f"Downloading {plain(one['name'])}: {in_words(done)}" + (
            f" of {in_words(total)}" if total else ""
        )
        st.progress(min(1.0, done / total) if total else 0.0, text=text + speed + left)
    return bool(mine)
