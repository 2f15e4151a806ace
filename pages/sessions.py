"""All saved sessions: search, filter, name, tag, note, delete, export and import."""

import streamlit as st

from components.entry import inside_navigation
from components.sessions.actions import importer, notices, selected
from components.sessions.finder import filters, table

inside_navigation()
st.title("Sessions", anchor=False)
notices()
found, picked = table(filters())
selected(picked, there=bool(found))
importer()
