"""The same rows as Markdown, CSV and LaTeX."""

import csv
import io

import pytest

from replication.report.tables import Number, Probability, Table, csv_text, latex, markdown

HEADER = ["name", "AUC"]
ROWS = [["a|b", "0.5"], ["50 % & {x}_1", "not run"]]


def test_markdown_is_aligned_and_escapes_bars():
    lines = markdown(HEADER, ROWS).splitlines()
    assert lines[1] == "| ------------ | ------: |"
    assert lines[2] == "| a\\|b         |     0.5 |"
    assert len({len(line) for line in lines}) == 1


def test_csv_reads_back():
    assert list(csv.reader(io.StringIO(csv_text(HEADER, ROWS)))) == [HEADER, *ROWS]


def test_csv_holds_numbers_in_full_and_gaps_as_nothing():
    rows = [["a", Number(0.123456789, [0.1, 0.2])], ["b", Number(None)], ["c", Number(0.0)]]
    assert csv_text(HEADER, rows).splitlines() == [
        "name,AUC,AUC low,AUC high", "a,0.123456789,0.1,0.2", "b,,,", "c,0.0,,",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Number(0.61234, [0.6, 0.62]), "0.6123 [0.600, 0.620]"),
        (Number(0.61234), "0.6123"),
        (Number(None, absent="not run"), "not run"),
        (Number(-1.5, [-2, 1], "+.2f", "+.2f", " %"), "-1.50 [-2.00, +1.00] %"),
        (Probability(0.0004), "<0.001"),
        (Probability(0.0123), "0.012"),
        (Probability(None), "undefined"),
    ],
)
def test_a_number_as_text(number, text):
    assert str(number) == text


def test_latex_escapes_what_is_special():
    text = latex(HEADER, ROWS, "100 %")
    assert r"50 \% \& \{x\}\_1 & not run \\" in text
    assert r"\caption{100 \%}" in text
    assert r"\begin{tabular}{lr}" in text
    assert r"$<$0.001 & $\leq$ 5 \\" in latex(HEADER, [[Probability(0.0001), "≤ 5"]], "")


def test_a_table_names_its_command_and_carries_the_note():
    table = Table("x", "What it is.", "dvc repro x", HEADER, ROWS)
    files = table.files("A note.")
    assert files["x.md"].startswith("*What it is. A note. Made by `dvc repro x`.*\n\n| name")
    assert files["x.tex"].startswith("% Made by: dvc repro x\n")
    assert r"\caption{What it is. A note.}" in files["x.tex"]
    assert r"\caption{What it is.}" in table.files("")["x.tex"]


def test_parts_share_what_belongs_to_all():
    rows = [["r", "", "1"], ["a", "clean", "2"], ["a", "released", "3"]]
    parts = Table("x", "", "", ["name", "protocol", "n"], rows, text_columns=2).parts("protocol")
    assert {name: part.rows for name, part in parts.items()} == {
        "clean": [["r", "1"], ["a", "2"]],
        "released": [["r", "1"], ["a", "3"]],
    }
    assert {(tuple(part.header), part.text_columns) for part in parts.values()} == {
        (("name", "n"), 1)
    }
