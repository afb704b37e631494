"""Pickers: links hold identifiers, people read names."""

import pytest
from streamlit.testing.v1 import AppTest

from replication.browser.pickers import distinct_names


def picker() -> None:
    import streamlit as st

    from replication.browser.pickers import pick

    chosen = pick("Metric", ["auc", "mrr"], "metric", "auc")
    st.text(f"chosen: {chosen}")


def pickless() -> None:
    import streamlit as st

    from replication.browser.pickers import pick

    st.text(f"chosen: {pick('Run', ['a', 'b'], 'run')}")


@pytest.mark.parametrize(
    ("link", "chosen", "warned"),
    [(None, "auc", False), ("mrr", "mrr", False), ("auc", "auc", False), ("bleu", "auc", True),
     ("**b**", "auc", True), ("", "auc", True)],
)  # fmt: skip
def test_a_link_sets_a_picker_or_is_told_that_it_cannot(link, chosen, warned):
    app = AppTest.from_function(picker)
    if link is not None:
        app.query_params["metric"] = link
    app.run()
    assert not app.exception
    assert app.text[0].value == f"chosen: {chosen}"
    assert bool(app.warning) == warned
    if link == "**b**":
        assert r"\*\*b\*\*" in app.warning[0].value
        assert "auc, mrr" in app.warning[0].value


def test_a_choice_is_taken():
    app = AppTest.from_function(picker).run()
    assert app.selectbox[0].select("mrr").run().text[0].value == "chosen: mrr"


def test_without_a_default_nothing_is_chosen():
    assert AppTest.from_function(pickless).run().text[0].value == "chosen: None"


def named() -> None:
    import streamlit as st

    from replication.browser.pickers import pick, pick_some

    chosen = pick("Tuning", ["frozen", "finetuned"], "tuning", "frozen", named=str.upper)
    several = pick_some("Encoder", ["minilm", "static"], "encoder", named=str.title)
    st.text(f"chosen: {chosen}; {several}")


def test_names_are_shown_and_identifiers_are_linked():
    app = AppTest.from_function(named).run()
    assert app.selectbox[0].options == ["FROZEN", "FINETUNED"]
    assert app.selectbox[0].proto.placeholder == "FROZEN"
    assert app.multiselect[0].options == ["Minilm", "Static"]
    app.selectbox[0].select("finetuned").run()
    app.multiselect[0].select("static").run()
    assert app.text[0].value == "chosen: finetuned; ['static']"
    assert app.query_params == {"tuning": "finetuned", "encoder": "static"}


def test_a_link_of_identifiers_chooses_and_no_choice_leaves_the_link():
    app = AppTest.from_function(named)
    app.query_params.update(tuning="finetuned", encoder=["minilm", "static"])
    app.run()
    assert app.text[0].value == "chosen: finetuned; ['minilm', 'static']"
    app.selectbox[0].set_value(None).run()
    app.multiselect[0].set_value([]).run()
    assert app.text[0].value == "chosen: frozen; []"
    assert not app.query_params


def test_a_name_is_no_identifier():
    app = AppTest.from_function(named)
    app.query_params.update(tuning="FINETUNED", encoder=["Static", "minilm"])
    app.run()
    assert [w.value.count("which is not here") for w in app.warning] == [1, 1]
    assert app.text[0].value == "chosen: frozen; ['minilm']"


def test_options_that_would_read_alike_have_their_identifier():
    shown = distinct_names(["a1", "a2", "b"], lambda option: option[0])
    assert shown == {"a1": "a (a1)", "a2": "a (a2)", "b": "b"}
