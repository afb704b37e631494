"""REPORT.md says what the files say, in every state of a study."""

import json
from dataclasses import replace

import polars as pl
import pytest
from invented_study import write, write_audit, write_runs

from replication.files.errors import StudyError
from replication.paper.cells import read_grid
from replication.paper.compare import compare
from replication.report.first_page import models_table
from replication.report.names import short_count
from replication.report.show import show_results
from replication.report.study import DEMO_LABEL
from replication.report.tables import LONG, Table
from replication.report.write import TABLES, all_tables, write_report
from replication.study import paths
from replication.study.grid import Also

REPORT = paths.REPORTS / "REPORT.md"
FIGURES = ("auc", "sweep", "cold_start", "cost")


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take seconds, and some tests are not about them."""
    monkeypatch.setattr("replication.report.write.save_figure", lambda *_: None)


def one_run(cell) -> bool:
    return "nrms-minilm-frozen" in cell.name and cell.protocol == "clean"


def report(params) -> str:
    compare(params)
    write_report(params)
    return REPORT.read_text(encoding="utf-8")


def test_the_parts_stand_in_their_order(finished):
    text = REPORT.read_text(encoding="utf-8")
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "How to read this", "Claims", "Test metrics", "What fine-tuning changes",
        "Layer sweep", "Cold start", "Cost against quality", "Protocol audit", "Beyond the paper",
        "Cross-checks", "What was run on what",
    ]  # fmt: skip
    runs, pairs = len(finished.cells), len(finished.params.audit.pairs)
    depths = sum(len(curve["curve"]) for curve in finished.comparison["sweep"])
    assert f"{runs} of {runs} runs of the grid have been made" in text
    assert f"{depths} of {depths} of the layer sweep" in text
    assert f"the audit of {pairs} of {pairs} pairs" in text


def test_the_first_page_can_be_quoted_alone(finished):
    text = REPORT.read_text(encoding="utf-8")
    page = text[: text.index("## How to read this")]
    for start in ("Question", "Data", "What was run", "Verdicts", "Figure 1", "Figure 3"):
        assert f"**{start}.**" in page
    assert "Processor: A CPU (fp32), no GPU; commit: not recorded." in page
    rows = [line for line in page.splitlines() if line.startswith("| C")]
    assert len(rows) == len(finished.claims["claims"])
    assert all("∅ not tested on MIND" in row for row in rows)
    assert "naive" not in page and DEMO_LABEL in page
    assert text.count("<picture>") == len(FIGURES)


def test_the_size_of_a_model_is_what_its_runs_counted(finished):
    cell = next(c for c in finished.cells if (c.encoder, c.tuning) == ("minilm", "frozen"))
    counted = cell.cost["parameters"] - cell.cost["trainable_parameters"]
    row = next(r for r in models_table(finished).rows if r[0] == "minilm")
    assert row == ["minilm", "BERT-base", short_count(counted)]
    unknown = models_table(replace(finished, cells=[replace(cell, cost=None)])).rows
    assert unknown == [["minilm", "BERT-base", "not counted: no frozen run"]]


def test_a_long_table_stands_in_its_files_alone(finished):
    text = REPORT.read_text(encoding="utf-8")
    runs = longest = 0
    for line in text.splitlines():
        runs = runs + 1 if line.startswith("|") else 0
        longest = max(longest, runs)
    assert longest <= LONG + 2  # the header and the rule
    table = Table("many", "Rows.", "dvc repro report", ["a"], [["x"]] * LONG)
    assert table.in_report("") == table.markdown("")
    longer = replace(table, rows=[["x"]] * (LONG + 1)).in_report("A note.")
    assert longer.startswith("*Rows. A note. Made by `dvc repro report`.*")
    assert f"{LONG + 1} rows" in longer and "[CSV](tables/many.csv)" in longer
    assert "| x" not in longer


def test_the_demo_is_labelled_everywhere(finished):
    blocks = REPORT.read_text(encoding="utf-8").split("\n\n")
    captions = [b for b in blocks if b.startswith("*") and "Made by `dvc repro" in b]
    assert len(captions) > 15
    assert all(DEMO_LABEL in caption for caption in captions)
    for path in (paths.REPORTS / "tables").iterdir():
        if path.suffix in (".md", ".tex"):
            assert DEMO_LABEL in path.read_text(encoding="utf-8"), path


def test_every_table_stands_in_three_files_and_every_figure_in_four(finished):
    names = {path.name for path in (paths.REPORTS / "tables").iterdir()}
    made = [table.name for table in all_tables(finished)]
    expected = set(made)
    assert len(expected) == len(made) > len(TABLES)
    assert names == {f"{name}.{kind}" for name in expected for kind in ("md", "csv", "tex")}
    names = {path.name for path in (paths.REPORTS / "figures").iterdir()}
    assert names == {
        f"{name}{theme}.{kind}"
        for name in FIGURES
        for theme in ("", "-dark")
        for kind in ("svg", "png")
    }
    text = REPORT.read_text(encoding="utf-8")
    for name in FIGURES:
        assert f'srcset="figures/{name}-dark.svg"' in text
        assert f'src="figures/{name}.svg"' in text


def test_no_path_of_this_machine_and_no_python_value_gets_into_the_report(
    finished, finished_folder
):
    for path in (REPORT, *(paths.REPORTS / "tables").iterdir()):
        text = path.read_text(encoding="utf-8")
        assert str(finished_folder.parent) not in text
        words = text.replace("|", " ").replace(",", " ").split()
        assert not {"None", "nan", "NaN", "null", "inf"} & set(words), path


def test_latex_needs_no_special_font(finished):
    for path in (paths.REPORTS / "tables").glob("*.tex"):
        assert path.read_text(encoding="utf-8").isascii(), path


def test_figures_are_those_of_the_comparison(finished):
    table = pl.read_csv(paths.REPORTS / "tables/results.csv").drop_nulls("encoder")
    assert len(table) == len(finished.cells)
    for cell in finished.comparison["cells"]:
        [row] = table.filter(
            recommender=cell["recommender"],
            encoder=cell["encoder"],
            tuning=cell["tuning"],
            protocol=cell["protocol"],
        ).to_dicts()
        ours = cell["metrics"]["auc"]
        assert [row["AUC"], row["AUC low"], row["AUC high"]] == [ours["ours"], *ours["ci95"]]
        shown = f"{ours['ours']:.4f} [{ours['ci95'][0]:.3f}, {ours['ci95'][1]:.3f}]"
        assert shown in REPORT.read_text(encoding="utf-8")


def test_where_nothing_has_been_run_it_says_so(started):
    text = report(started)
    assert f"0 of {len(read_grid(started))} runs of the grid have been made" in text
    assert "the audit of 0 of 3 pairs" in text
    assert "Not run. Run `dvc repro audit@words`." in text
    assert "No experiment has been run." in text
    assert "no experiment has been run." in text  # ties
    assert "There is no ceiling: unknown." in text
    assert "No contrast yet" in text
    assert "∅ not tested on MIND; demo: not tested (not run)." in text
    table = pl.read_csv(paths.REPORTS / "tables/results.csv")
    assert table.filter(pl.col("AUC").is_not_null())["recommender"].to_list() == [
        "random", "popularity",
    ]  # fmt: skip
    for name in FIGURES:
        drawn = (paths.REPORTS / f"figures/{name}-dark.svg").read_text(encoding="utf-8")
        assert "Nothing of this has been run." in drawn


def test_what_is_missing_is_named_with_its_command(started, undrawn):
    write_runs(started, one_run)
    text = report(started)
    assert f"1 of {len(read_grid(started))} runs of the grid have been made" in text
    claim = text[text.index("### C1") : text.index("### C2")]
    assert "∅ not tested on MIND; demo: partial 1/2." in claim
    assert "Run: `dvc repro grid@nrms-minilm-finetuned-clean-s1`." in claim
    row = next(x for x in text.splitlines() if x.startswith("| NRMS") and "| MiniLM " in x)
    assert "1/1" in row and "not run" not in row


def test_a_missing_number_is_an_empty_field_never_zero(started, undrawn):
    write_runs(started, one_run)
    report(started)
    for name in ("results", "cost"):
        table = pl.read_csv(paths.REPORTS / f"tables/{name}.csv").drop_nulls("encoder")
        values = table["AUC" if name == "results" else "seconds"]
        assert len(values) == len(read_grid(started))
        assert values.null_count() == len(values) - 1
        assert not (values == 0).any()


def test_imported_values_of_the_paper_stand_beside_ours(finished, tmp_path, monkeypatch, undrawn):
    cells = json.loads(paths.COMPARISON.read_bytes())
    of = cells["cells"][0]["metrics"]["auc"]
    of |= {"paper": 0.6543, "source": "Table 2, p. 9", "verdict": "worse"}
    group = cells["cells"][0]["groups"][0]
    group |= {"paper": 0.6321, "source": "Figure 3", "verdict": "near"}
    point = cells["sweep"][0]["curve"][0]
    point |= {"paper": 0.6432, "source": "Figure 2", "verdict": "near"}
    for name in ("claims", "baselines", "data"):
        (tmp_path / f"{name}.json").write_bytes((paths.REPORTS / f"{name}.json").read_bytes())
    (tmp_path / "comparison.json").write_text(json.dumps(cells), encoding="utf-8")
    for path in ("COMPARISON", "CLAIMS", "BASELINES", "DATA_CARD"):
        monkeypatch.setattr(paths, path, tmp_path / getattr(paths, path).name)
    monkeypatch.setattr(paths, "REPORTS", tmp_path)
    write_report(finished.params)
    text = (tmp_path / "REPORT.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    header = next(line for line in lines if line.startswith("| recommender") and "MRR" in line)
    assert [name.strip() for name in header.split("|")[5:9]] == [
        "AUC", "AUC, paper", "AUC, verdict", "MRR",
    ]  # fmt: skip
    row = next(line for line in lines if "0.6543" in line)
    assert "≠ differs (lower)" in row and "no paper value" not in row
    assert f"1 of {4 * len(finished.cells)} cells have its value (Table 2, p. 9)" in text
    assert any("0.6321" in line and "no paper value" in line for line in lines)
    assert any("0.6432" in line and "undecided (near)" in line for line in lines)


def test_without_them_the_way_to_import_is_told_once(finished):
    text = REPORT.read_text(encoding="utf-8")
    assert text.count("python -m replication paper import FILE") == 1
    assert "AUC, paper" not in text


def test_another_profile_is_not_called_demo(started, undrawn):
    write_runs(started)
    write_audit(started)
    text = report(replace(started, profile="local"))
    assert "Demo" not in text


def test_show_prints_the_table_the_verdicts_and_the_path(finished, capsys):
    show_results(finished.params)
    printed = capsys.readouterr().out
    auc = finished.comparison["cells"][0]["metrics"]["auc"]
    assert f"{auc['ours']:.4f} [{auc['ci95'][0]:.3f}, {auc['ci95'][1]:.3f}]" in printed
    counts = printed[printed.index("Claims under clean: 11 not tested on MIND (demo: ") :]
    counts = counts.splitlines()[0].partition("(demo: ")[2]
    assert sum(int(word) for word in counts.split() if word.isdigit()) == 11
    assert DEMO_LABEL in printed
    assert printed.rstrip().endswith("reports/REPORT.md")


@pytest.mark.parametrize("text", ["{", "[]", '{"auc": "high"}', '{"auc": NaN}', '{"auc": true}'])
def test_a_damaged_file_is_named(started, text):
    path = paths.RUNS / "nrms-minilm-frozen-clean-s1" / "metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=str(path)):
        read_grid(started)


@pytest.mark.parametrize("name", ["BASELINES", "DATA_CARD", "COMPARISON", "CLAIMS"])
def test_without_an_input_it_says_what_to_run(started, name):
    for path in (paths.COMPARISON, paths.CLAIMS):
        write(path, {})
    getattr(paths, name).unlink()
    with pytest.raises(StudyError, match=rf"{getattr(paths, name).name}: no such file; run `dvc"):
        write_report(started)


def test_protocols_have_tables_of_their_own_and_seeds_share_a_row(started, undrawn):
    grid = replace(
        started.grid,
        recommenders=("nrms",),
        protocols=("clean", "released"),
        seeds=(1, 2),
        also=Also(),
    )
    params = replace(started, grid=grid)
    write_runs(params, lambda cell: cell.seed == 1 or cell.protocol == "clean", impressions=40)
    text = report(params)
    metrics = text[text.index("## Test metrics") : text.index("## What fine-tuning")]
    assert "**clean**" in metrics
    clean, released = metrics.split("**released**")
    for part, runs in ((clean, "2/2"), (released, "1/2")):
        rows = [line for line in part.splitlines() if line.startswith("| NRMS")]
        assert len(rows) == 8
        assert all(f"| {runs}" in row for row in rows)
        assert "| random" in part
    assert "Claims under clean: " in text and "Claims under released: " in text


def test_what_fine_tuning_changes_is_the_comparisons(finished):
    [row] = [
        row for row in finished.comparison["effects"]
        if (row["recommender"], row["model"], row["protocol"]) == ("nrms", "bert-base", "clean")
    ]  # fmt: skip
    text = REPORT.read_text(encoding="utf-8")
    part = text[text.index("## What fine-tuning") : text.index("## Layer sweep")]
    lines = part.partition("**released**")[0].splitlines()
    [line] = [x for x in lines if {"NRMS", "MiniLM"} <= set(x.split())]
    assert f"{100 * row['relative_improvement']:+.2f} [" in line and "+3.58" in line
    assert f"{100 * row['delta_relative_improvement']:+.2f}" in line
