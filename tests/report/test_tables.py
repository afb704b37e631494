"""The same rows as Markdown, CSV and LaTeX."""

import csv
import io

from replication.report.tables import csv_text, latex, markdown

HEADER = ["name", "AUC"]
ROWS = [["a|b", "0.5"], ["50 % & {x}_1", "not run"]]


def test_markdown_is_aligned_and_escapes_bars():
    lines = markdown(HEADER, ROWS).splitlines()
    assert lines[1] == "| ------------ | ------: |"
    assert lines[2] == "| a\\|b         |     0.5 |"
    assert len({len(line) for line in lines}) == 1


def test_csv_reads_back():
    assert list(csv.reader(io.StringIO(csv_text(HEADER, ROWS)))) == [HEADER, *ROWS]


def test_latex_escapes_what_is_special():
    text = latex(HEADER, ROWS, "100 %")
    assert r"50 \% \& \{x\}\_1 & not run \\" in text
    assert r"\caption{100 \%}" in text
    assert r"\begin{tabular}{lr}" in text
