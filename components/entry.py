"""What every page calls first: makes sure that it runs inside the navigation of streamlit_app.py.

Boundary: knows one trait of Streamlit and no page. Until `st.navigation` has run once in a server's life, Streamlit
takes a folder named pages/ for its old automatic pages, so the first visitor of a fresh server who follows a link
straight to a page gets that page's script without its entry: no page settings, no navigation, wrong title.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def inside_navigation() -> None:
    """Start over from the entry script if this page was run as an automatic page."""
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
