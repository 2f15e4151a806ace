"""Look at the next token: logits, what the settings make of them, and chance played out."""

import streamlit as st

from components import lab_address, lab_state
from components.entry import inside_navigation
from components.lab_prompt import first_text, lab_here, look_here, prompt_box
from components.lab_sections import sections
from components.pickers import model_picker

inside_navigation()
st.title("Logits", anchor=False)
state = lab_state.current()
lab_address.follow(state, first_text())

left, right = st.columns([3, 1], gap="medium")
with right:
    model = model_picker()
    state.use(model.name)
with left:
    prompt_box()

look = look_here(model, state)
if look is not None:
    lab_here(model, state, look)
    if look.exact:
        sections(state, look)
