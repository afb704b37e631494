import json

import altair as alt
from streamlit.testing.v1 import AppTest

from replication.browser.controls import frame_of
from replication.report.tables import Number, Table

TABLE = Table(
    "some", "A caption.", "dvc repro report", ["a*", "x", "x"],
    [["![i](u)", Number(0.5, (0.4, 0.6)), Number(None, absent="not run")]],
)  # fmt: skip


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


def scrolling() -> None:
    from replication.browser.controls import scroll_table
    from replication.browser.reading.study import read_study
    from replication.report.tables import Table

    rows = [["x", str(i)] for i in range(20)]
    scroll_table(read_study(), Table("some", "A caption.", "dvc repro", ["a", "b"], rows), ["b"])


def test_a_column_that_is_not_shown_is_taken_along(inside):
    inside("full")
    app = AppTest.from_function(scrolling, default_timeout=30).run()
    [frame] = app.dataframe
    assert list(frame.proto.column_order) == ["b"]
    assert list(frame.value.columns) == ["a", "b"]
    assert len(app.get("download_button")) == 3


def drawing() -> None:
    import altair as alt
    import polars as pl

    from replication.browser.controls import draw

    def dots(values, theme):
        frame = pl.DataFrame({"x": values})
        base = alt.Chart(frame).mark_point(color=theme.text).encode(x="x:Q")
        return alt.layer(base, alt.Chart(pl.DataFrame({"x": [0.0]})).mark_rule().encode(x="x:Q"))

    draw("Two numbers.", dots, [1.5, 2.5])


def test_a_chart_carries_its_data_and_what_it_shows_in_words():
    [chart] = AppTest.from_function(drawing).run().get("vega_lite_chart")
    assert chart.proto.alt == "Two numbers."
    spec = json.loads(chart.proto.spec)
    values = [layer["data"]["values"] for layer in spec["layer"]]
    assert values == [[{"x": 1.5}, {"x": 2.5}], [{"x": 0.0}]]
    assert not chart.proto.datasets
    alt.LayerChart.from_dict(spec)  # which is valid
