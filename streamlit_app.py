"""Entry point: `streamlit run` finds this file by its name. Page settings and navigation, nothing else."""

from pathlib import Path

import streamlit as st

# A file of ours: a named icon would be fetched from elsewhere by every visitor.
ICON = Path(__file__).parent / "assets" / "icon.png"

st.set_page_config(page_title="Reasoning Playground", page_icon=ICON, layout="wide")

st.navigation(
    [
        st.Page(
            "pages/ask.py",
            title="Ask",
            icon=":material/psychology:",
            default=True,
            url_path="home",
            help="Ask a question and watch a model reason: every step, branch and token, as it is written.",
        ),
        st.Page(
            "pages/logits.py",
            title="Logits",
            icon=":material/bar_chart:",
            help="Look at the next token: logits, temperature, top-k, top-p, min-p and chance, live.",
        ),
        st.Page(
            "pages/compare.py",
            title="Compare",
            icon=":material/view_column:",
            help="Several models, strategies or settings on one question, side by side.",
        ),
        st.Page(
            "pages/sessions.py",
            title="Sessions",
            icon=":material/history:",
            help="Everything that was run: search it, name it, tag it, take it out and bring it in.",
        ),
        st.Page(
            "pages/explore.py",
            title="Explore",
            icon=":material/play_circle:",
            help="Replay a saved run, look at it from all sides, run it again.",
        ),
        # The default page lives at "/" only; the same page under its file name keeps links to /ask working.
        st.Page("pages/ask.py", title="Ask", url_path="ask", visibility="hidden"),
    ],
    # In the sidebar it would be hidden by client.showSidebarNavigation, which has to stay off for pages/.
    position="top",
).run()
