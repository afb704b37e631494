"""The results browser: `streamlit run app.py`. Navigation only; its pages are in
replication/browser/views/."""

from functools import partial

import streamlit as st

from replication.browser.frame import ICON, TITLE, framed
from replication.browser.views import VIEWS

st.set_page_config(page_title=TITLE, page_icon=ICON, layout="wide")
st.html('<style>[data-testid="stMainBlockContainer"] {padding-top: 3.5rem}</style>')  # 6rem else
st.navigation(
    [
        st.Page(
            partial(framed, view.name),
            title=view.title,
            icon=f":material/{view.icon}:",
            url_path=view.name,
            default=view is VIEWS[0],
        )
        for view in VIEWS
    ]
).run()
