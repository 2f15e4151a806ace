"""Open a saved session: replay it, look at it from all sides, run it again. No model is loaded for looking."""

import streamlit as st

from components import explore_state
from components.entry import inside_navigation
from components.explore_view import explore

inside_navigation()
st.title("Explore", anchor=False)
explore_state.follow_address(explore_state.current())
explore()
