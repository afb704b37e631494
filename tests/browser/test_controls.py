import json

import altair as alt
from streamlit.testing.v1 import AppTest

from replication.browser.controls import frame_of, lean
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

    rows = [[str(i), "clean", ""] for i in range(20)]
    header = ["a", "protocol", "empty"]
    scroll_table(read_study(), Table("some", "A caption.", "dvc repro", header, rows))


def test_a_column_that_is_not_shown_is_told_and_taken_along(inside):
    inside("full")
    app = AppTest.from_function(scrolling, default_timeout=30).run()
    assert list(app.dataframe[0].value.columns) == ["a"]
    assert "In all rows: protocol: clean." in [c.value.replace("\\", "") for c in app.caption]
    assert len(app.get("download_button")) == 3


def test_what_names_a_row_is_one_column_and_the_metric_the_second():
    header = ["recommender", "encoder", "tuning", "layers", "protocol", "runs", "AUC", "note"]
    rows = [
        ["nrms", "minilm", "finetuned", depth, "clean", "1/1", Number(auc), ""]
        for depth, auc in (("2", 0.5), ("4", 0.6))
    ]
    shown, same = lean(Table("some", "A caption.", "dvc repro", header, rows, 6), "AUC")
    assert shown.header == ["experiment", "AUC"]
    assert [[str(cell) for cell in row] for row in shown.rows] == [
        ["2 layers", "0.5000"], ["4 layers", "0.6000"]
    ]  # fmt: skip
    assert same == (
        "In all rows: recommender: NRMS; encoder: MiniLM; tuning: fine-tuned; protocol: clean; "
        "runs: 1/1."
    )


def test_a_metric_that_is_the_same_in_all_rows_is_shown():
    rows = [[name, "frozen", Number(0.5)] for name in ("nrms", "naml")]
    table = Table("some", "", "dvc repro", ["recommender", "tuning", "AUC"], rows)
    shown, same = lean(table, "AUC")
    assert shown.header == ["experiment", "AUC"] and same == "In all rows: tuning: frozen."
    assert [row[0] for row in shown.rows] == ["NRMS", "NAML"]


def test_of_one_row_only_what_is_empty_is_left_out():
    table = Table("some", "", "dvc repro", ["a", "b", "c"], [["x", "", Number(1.0)]])
    shown, same = lean(table)
    assert (shown.header, same) == (["a", "c"], None)


def test_kept_columns_and_the_first_stay_and_nothing_is_shown_of_nothing():
    rows = [["x", "y", "z"], ["x", "y", "z"]]
    table = Table("some", "", "dvc repro", ["a", "b", "c"], rows)
    shown, same = lean(table, keep=["b"])
    assert (list(shown.header), same) == (["a", "b"], "In all rows: c: z.")
    assert lean(Table("some", "", "dvc repro", ["a", "b"], []), "b")[0].rows == []


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
