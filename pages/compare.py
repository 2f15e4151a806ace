"""Run several configurations on one question, side by side, and see what each came to and cost."""

import streamlit as st

from components.compare import setting_up, view
from components.compare import state as states
from components.entry import inside_navigation
from components.pickers import named
from components.warm_up import warm_up_line

inside_navigation()
st.title("Compare", anchor=False)
state = states.current()
states.follow_address(state)

setting_up.question_box(state)
setting_up.beginnings(state)
setting_up.terms(state)
view.lanes(state)
for model in dict.fromkeys(lane.setup.model for lane in state.lanes):
    warm_up_line(named(model))
