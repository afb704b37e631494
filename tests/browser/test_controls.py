import pytest
from streamlit.testing.v1 import AppTest

from replication.browser.controls import frame_of
from replication.report.tables import Number, Table

TABLE = Table(
    "some", "A caption.", "dvc repro report", ["a*", "x", "x"],
    [["![i](u)", Number(0.5, (0.4, 0.6)), Number(None, absent="not run")]],
)  # fmt: skip


def picker() -> None:
    import streamlit as st

    from replication.browser.controls import pick

    chosen = pick("Metric", ["auc", "mrr"], "metric", "auc")
    st.text(f"chosen: {chosen}")


def pickless() -> None:
    import streamlit as st

    from replication.browser.controls import pick

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


def test_a_table_s_cells_are_text_and_its_columns_differ():
    frame = frame_of(TABLE)
    assert list(frame.columns) == ["a*", "x", "x "]
    assert frame.iloc[0].tolist() == ["![i](u)", "0.5000 [0.400, 0.600]", "not run"]
    escaped = frame_of(TABLE, escape=True)
    assert escaped.columns[0] == "a\\*"
    assert escaped.iloc[0, 0] == "\\!\\[i\\]\\(u\\)"


def exporting() -> None:
    from replication.browser.controls import show_table
    from replication.browser.reading.study import read_study
    from replication.report.tables import Table

    show_table(read_study(), Table("some", "A caption.", "dvc repro", ["a", "b"], [["x", "1"]]))


def test_a_table_is_shown_and_can_be_taken_along(inside):
    inside("full")
    app = AppTest.from_function(exporting, default_timeout=30).run()
    assert not app.exception
    assert app.table[0].value.to_numpy().tolist() == [["x", "1"]]
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["CSV", "Markdown", "LaTeX"]
