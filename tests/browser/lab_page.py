"""A page with nothing but the lab; the query parameter `show` names the distribution it draws."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from components.lab import Drawn, LabView, Look, Token, lab, reported_action, reported_settings
from components.lab.luck import Luck, luck_picture
from tests.components.lab_views import HOSTILE, LUCK, distribution

st.set_page_config(layout="wide")
show = st.query_params.get("show", "small")
size = int(st.query_params.get("size", "474"))


def tell() -> None:
    st.session_state["told"] = f"{reported_action('lab')} {reported_settings('lab')}"


def draw(view: LabView) -> None:
    lab(view, key="lab", on_settings=tell, on_action=tell)
    st.text(f"told: {st.session_state.get('told')}")


match show:
    case "small":
        path = (Token(1, " once"), Token(2, " more"), Token(3, " again"))
        drawn = Drawn(" more", 0.25, 0.5, 2)
        draw(LabView(distribution(size), "A model", path, cursor=2, revision="a", drawn=drawn))
    case "hostile":
        tokens = tuple(Token(i, text) for i, text in enumerate(HOSTILE))
        logits = np.arange(len(tokens), 0, -1, dtype=np.float32)
        draw(LabView(Look(tokens, logits=logits, position=3), HOSTILE[0], tokens, cursor=2, revision="a"))
    case "top":
        tokens = tuple(Token(i, f" word{i}") for i in range(5))
        logprobs = tuple(math.log(p) for p in (0.5, 0.2, 0.1, 0.05, 0.05))
        draw(
            LabView(
                Look(tokens, logprobs=logprobs, rest=0.1), "A model", why="It gives only five.", revision="a"
            )
        )
    case "luck":
        luck_picture(Luck.read(LUCK), key="luck")
