"""Ask one question with one strategy and watch the run."""

import streamlit as st

from components import ask_state
from components.entry import inside_navigation
from components.pickers import model_picker, seed_picker, strategy_picker
from components.question import question_box
from components.recent import recent_runs
from components.run_view import run_view
from components.settings_form import settings_form
from components.warm_up import warm_up_line

inside_navigation()
st.title("Ask", anchor=False)
ask_state.follow_address(ask_state.current())

with st.sidebar:
    model = model_picker()
    strategy = strategy_picker(model)
    with st.expander("Settings", icon=":material/tune:", expanded=True):
        settings_form(strategy, model.capabilities)
        seed_picker(model)
    recent_runs()

question_box(model, strategy)
run_view()
warm_up_line(model)
