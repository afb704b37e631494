"""The rows of the page Results: ranks, verdicts, filters, commands, exports."""

import csv
import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from compared import compared
from counts import DEPTH, GRID, RUNS, STAGES, SWEPT, grid_of
from ruamel.yaml import YAML

from replication.browser.content.results_table import (
    answer,
    kept,
    rows_of,
    table_of,
)
from replication.browser.reading import study as studies
from replication.browser.reading.study import read_study
from replication.browser.views.results import sortable
from replication.evaluation.metrics import METRICS
from replication.files.readable import File
from replication.paper.values import PaperCell, Value

RECOMMENDERS = ("naml", "nrms", "lstur")


def metrics_of(folder: Path, row) -> list[dict]:
    """The files of a row's runs, read by themselves."""
    paths = [folder / "reports" / run.cell.name / "metrics.json" for run in row.experiment.runs]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def field_of(row) -> tuple[str, str]:
    """What it is ranked within."""
    return row.experiment.recommender, row.experiment.protocol


def named(rows) -> dict:
    return {row.experiment.key: row for row in rows}


def edit_yaml(path: Path, change) -> None:
    yaml = YAML()
    value = yaml.load(path)
    change(value)
    yaml.dump(value, path)


@pytest.mark.parametrize("metric", METRICS)
def test_ranks_are_the_order_of_the_files_within_a_recommender(inside, metric):
    folder = inside("full")
    rows = rows_of(read_study(), metric)
    for field in itertools.product(RECOMMENDERS, ("clean", "released")):
        of = [row for row in rows if field_of(row) == field and not row.swept]
        values = {row.experiment.key: metrics_of(folder, row)[0][metric] for row in of}
        order = sorted(values, key=values.get, reverse=True)
        assert {row.experiment.key: row.rank for row in of} == {
            k: i + 1 for i, k in enumerate(order)
        }
        assert len(order) == len(grid_of(*field))


def test_depths_of_the_sweep_are_listed_once_and_not_ranked(inside):
    folder = inside("full")
    rows = rows_of(read_study(), "auc")
    assert len(named(rows)) == len(rows) == len(RUNS)
    depths = sorted(int(DEPTH.search(name)[1]) for name in SWEPT)
    assert sorted(row.experiment.layers for row in rows if row.swept) == depths
    assert {row.rank for row in rows if row.swept} == {None}
    for row in rows:
        assert row.figure.ours == metrics_of(folder, row)[0]["auc"]
    order = [row.experiment.recommender for row in rows]
    assert order == sorted(order, key=RECOMMENDERS.index)


def test_of_several_protocols_each_is_ranked_by_itself(own_tree):
    folder = own_tree("full")
    more = "minilm-l3"  # under the released protocol it has not been run
    edit_yaml(folder / "params.yaml", lambda p: p["grid"]["also"]["encoders"].append(more))
    rows = rows_of(read_study(), "auc")
    assert named(rows)["nrms-minilm-l3-frozen-clean"].rank
    for recommender in RECOMMENDERS:
        for protocol in ("clean", "released"):
            of = [row for row in rows if field_of(row) == (recommender, protocol)]
            ranked = sorted(row.rank for row in of if row.rank)
            assert ranked == [*range(1, 1 + len(grid_of(recommender, protocol)))]
    released = kept(rows, {"protocol": ["released"]})
    assert {row.experiment.encoder for row in released if row.rank is None} == {more}
    assert {r.figure.verdict for r in released if r.experiment.encoder == more} == {"not run"}


@pytest.mark.parametrize(
    ("state", "word"),
    [("truncated", "unreadable"), ("nan", "unreadable"), ("text_metric", "unreadable"),
     ("running", "running")],
)  # fmt: skip
def test_a_run_that_cannot_be_relied_on_is_no_rank_and_no_number(inside, state, word):
    inside(state)
    rows = named(rows_of(read_study(), "auc"))
    row = rows.pop("nrms-minilm-finetuned-k2-clean")
    assert (row.rank, row.figure.ours, row.figure.verdict) == (None, None, word)
    ranks = sorted(r.rank for r in rows.values() if r.rank and field_of(r) == ("nrms", "clean"))
    assert ranks == list(range(1, len(grid_of("nrms", "clean"))))


@pytest.mark.parametrize("state", ["partial", "stale", "empty", "bad_params"])
def test_nothing_is_ranked_where_nothing_is_complete(inside, state):
    inside(state)
    rows = rows_of(read_study(), "auc")
    ranked = [row for row in rows if row.rank]
    if state == "stale":  # the code of one recommender was changed
        ranked = [row for row in ranked if row.experiment.recommender == "nrms"]
    assert rows and not ranked


def test_equal_figures_share_a_rank(own_tree):
    folder = own_tree("full")
    values = {"static-frozen": 0.7, "minilm-frozen": 0.9, "minilm-l3-frozen": 0.9}
    for name, auc in values.items():
        path = folder / f"reports/runs/naml-{name}-clean-s1/metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"auc": auc}))
    study = read_study()
    fresh = [  # whether the runs are up to date is not what is looked at here
        replace(experiment, runs=tuple(replace(run, stale=None) for run in experiment.runs))
        for experiment in study.grid
    ]
    rows = named(rows_of(replace(study, grid=tuple(fresh)), "auc"))
    ranks = {name: rows[f"naml-{name}-clean"].rank for name in values}
    assert ranks == {"static-frozen": 3, "minilm-frozen": 1, "minilm-l3-frozen": 1}


def test_the_paper_s_values_stand_beside_ours_with_a_verdict(inside, monkeypatch):
    folder = inside("full")
    found = rows_of(read_study(), "auc")
    ours = {row.experiment.key: metrics_of(folder, row)[0]["auc"] for row in found}
    away = {"within": 0.0068, "near": 0.0101, "worse": 0.0103, "better": -0.0103}
    models = {"static": "glove", "minilm": "bert-base", "minilm-l3": "bert-small"}
    values, expected = {}, {}
    for word, difference in away.items():
        row = found[len(values)]
        key = (
            row.experiment.recommender,
            models[row.experiment.encoder],
            row.experiment.tuning,
            None,
            None,
        )
        # A hair inside the tolerance: the sum is rounded.
        value = ours[row.experiment.key] + difference * (1 - 1e-9)
        values[PaperCell(*key, "auc")] = Value(value, "Table 3")
        expected[row.experiment.key] = word, -difference
    monkeypatch.setattr(studies, "_values", lambda: File(Path("values.csv"), values))
    study = read_study()
    rows = rows_of(study, "auc")
    for key, (word, difference) in expected.items():
        row = named(rows)[key]
        assert row.figure.verdict == word
        assert row.figure.difference == pytest.approx(difference, abs=1e-9)
    assert len(kept(rows, {"verdict": ["agrees", "differs"]})) == 3
    text = answer(rows, "auc")
    counts = f"1 agrees, 1 undecided, 2 differ, {len(RUNS) - 4} no paper value"
    assert f"{len(RUNS)} experiments: {counts}." in text
    assert "Ours - paper: -0.0103 to +0.0103." in answer(rows, "auc")
    csv_file = table_of(rows, "auc").files("")["results-auc.csv"]
    line = next(csv.DictReader(io.StringIO(csv_file)))
    assert float(line["paper"]) == next(iter(values.values())).value
    assert line["tolerance"] == "0.0068"
    # The other metrics have no value: nothing is borrowed.
    assert {r.figure.verdict for r in rows_of(study, "mrr")} == {"no paper value"}


def test_filters_keep_what_they_name(inside):
    inside("truncated")
    rows = rows_of(read_study(), "auc")
    assert kept(rows, {"encoder": [], "verdict": []}) == rows
    assert [r.experiment.key for r in kept(rows, {"verdict": ["unreadable"]})] == [
        "nrms-minilm-finetuned-k2-clean"
    ]
    both = kept(rows, {"encoder": ["minilm", "static"], "tuning": ["frozen"]})
    assert {(r.experiment.encoder, r.experiment.tuning) for r in both} == {
        ("minilm", "frozen"), ("static", "frozen"),
    }  # fmt: skip
    assert len(both) == len([n for n in GRID if re.search("-(minilm|static)-frozen-", n)])
    assert kept(rows, {"recommender": ["nobody"]}) == []


def test_every_command_names_a_stage_that_dvc_has_run(inside):
    folder = inside("full")
    recorded = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    stages = {
        s for s in STAGES if s.startswith(("grid@", "grid-llm@", "also@", "also-llm@", "sweep@"))
    }
    commands = [row.command for row in rows_of(read_study(), "auc")]
    assert {line.removeprefix("dvc repro ") for line in commands} == stages
    for row in rows_of(read_study(), "auc"):  # and that stage makes the row's own files
        outs = recorded[row.command.removeprefix("dvc repro ")]["outs"]
        assert f"reports/{row.experiment.runs[0].cell.name}" in [o["path"] for o in outs]


def test_the_seeds_of_a_row_are_one_command(inside):
    inside("partial")
    rows = named(rows_of(read_study(), "auc"))
    target = "grid@nrms-minilm-finetuned-clean"
    line = f"dvc repro {target}-s1 {target}-s2 {target}-s3"
    assert rows["nrms-minilm-finetuned-k2-clean"].command == line


def test_a_run_that_is_no_longer_asked_for_is_run_as_an_experiment(own_tree):
    folder = own_tree("full")
    edit_yaml(folder / "params.yaml", lambda p: p["grid"]["encoders"].remove("static"))
    row = named(rows_of(read_study(), "auc"))["lstur-static-frozen-clean-unasked"]
    assert row.figure.verdict == "stale" and row.rank is None
    assert row.command.startswith("dvc exp run -S ")
    assert {"recommender=lstur", "encoder=static", "tuning=frozen"} <= {*row.command.split()}


def test_without_readable_parameters_no_command_is_made_up(inside):
    inside("bad_params")
    rows = rows_of(read_study(), "auc")
    assert {row.command for row in rows} == {None}
    assert {row[-1] for row in table_of(rows, "auc").rows} == {"none"}


@pytest.mark.parametrize("metric", METRICS)
def test_the_csv_holds_the_files_figures_in_full(inside, metric):
    folder = inside("truncated")
    rows = rows_of(read_study(), metric)
    table = table_of(rows, metric)
    text = next(text for name, text in table.files("").items() if name.endswith(".csv"))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == len(RUNS)
    intervals = compared(folder, metric)
    name = {"auc": "AUC", "mrr": "MRR", "ndcg@5": "nDCG@5", "ndcg@10": "nDCG@10"}[metric]
    for row, line in zip(rows, lines, strict=True):
        assert line["command"] == row.command
        if row.figure.verdict == "unreadable":
            assert (line[name], line[f"{name} low"], line["rank"]) == ("", "", "")
            assert "metrics.json" in line["reason"]
            continue
        found = metrics_of(folder, row)[0]
        assert float(line[name]) == found[metric]
        ends = [float(line[f"{name} {end}"]) for end in ("low", "high")]
        expected = intervals.get(row.experiment.runs[0].name, found["ci95"][metric])
        assert ends == pytest.approx(expected, abs=1e-12)


def test_the_page_s_frame_has_numbers_and_says_none_where_there_is_none(inside):
    folder = inside("truncated")
    rows = rows_of(read_study(), "auc")
    frame = sortable(table_of(rows, "auc"))
    assert frame.height == len(RUNS)
    for row, value in zip(rows, frame["AUC"], strict=True):
        known = row.figure.verdict != "unreadable"
        assert value == (metrics_of(folder, row)[0]["auc"] if known else None)
    assert frame["paper"].null_count() == len(RUNS)
    assert not {"None", "nan", "null"} & {str(v) for c in frame for v in c if v is not None}
    assert sortable(table_of([], "auc")).height == 0


def test_the_answer_names_the_best_of_each_recommender(inside):
    inside("full")
    text = answer(rows_of(read_study(), "auc"), "auc")
    found = {
        path.parent.name: json.loads(path.read_text())["auc"]
        for path in Path("reports/runs").glob("*/metrics.json")
    }
    clean, released = text.split("By AUC under ")[1:]
    for protocol, line in (("clean", clean), ("released", released)):
        assert line.startswith(f"{protocol}, ")
        for recommender in RECOMMENDERS:
            of = grid_of(recommender, protocol)
            best = max((found[name] for name in of), default=None)
            told = re.findall(rf"{recommender.upper()} does best with [\w -]+ \((\S+)\)", line)
            assert told == ([] if best is None else [f"{best:.4f}"])
    best = max(grid_of("nrms", "released"), key=found.get)
    assert best == "nrms-minilm-frozen-released-s1"
    assert f"NRMS does best with MiniLM frozen ({found[best]:.4f})" in released
    assert f"{len(RUNS)} experiments: {len(RUNS)} no paper value." in text
    inside("empty")
    text = answer(rows_of(read_study(), "auc"), "auc")
    assert "nothing to rank" in text and f"{len(RUNS)} not run" in text
    assert answer([], "auc").endswith("0 experiments: none.")
