"""Page 9: the states, what mends them, and what the runs were made of."""

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from trees import HOSTILE, RUN

from replication.browser.content.provenance import differences, provenance_table
from replication.browser.reading.study import read_study
from replication.browser.views.health import (
    agreement,
    causes_table,
    damaged_table,
    stages_table,
    summary,
    unasked_table,
)
from replication.browser.workspace.stages import Stage

STAGE = "grid@nrms-minilm-finetuned-clean-s1"


def stage(name: str, state: str, reason: str | None = None) -> Stage:
    return Stage(name, state, reason, f"dvc repro {name}")


def page(**link: str) -> AppTest:
    app = AppTest.from_string(
        "from replication.browser.frame import framed\nframed('health')",
        default_timeout=30,
    )
    app.query_params.update(link)
    app.run()
    assert not app.exception
    return app


def recorded() -> list[dict]:
    """run.json of every run of the study, and of the experiment at hand."""
    files = [*Path("reports/runs").glob("*/run.json"), Path("reports/experiment/run.json")]
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def values(table, about: str, what: str) -> list[tuple[str, str]]:
    return [(row[2], row[3]) for row in table.rows if tuple(row[:2]) == (about, what)]


# ---------------------------------------------------------------- stages


def test_the_sentence():
    current, stale = stage("a", "current"), stage("b", "stale", "x changed")
    run, new = stage("c", "running", "`dvc repro` is at it (process 7)"), stage("d", "not run")
    assert summary([current, current]) == "All 2 stages are up to date."
    assert summary([new]).startswith("None of the 1 stage has been run")
    assert summary([stale, stale, current]) == "Of 3 stages, 2 are stale and 1 up to date."
    assert summary([run, stale, new, current]) == (
        "Of 4 stages, 1 is running, 1 is stale, 1 is not run and 1 up to date. "
        "Running: `dvc repro` is at it \\(process 7\\)."
    )
    assert summary([]) == "No stage is known here."


def test_what_is_not_current_stands_first():
    found = stages_table(
        [stage("a", "current"), stage("b", "not run", "r"), stage("c", "stale", "s"),
         stage("d", "running", "t"), stage("e", "stale", "u")]
    )  # fmt: skip
    assert [row[1] for row in found.rows] == ["d", "c", "e", "b", "a"]
    assert found.rows[1] == ["↺ stale", "c", "s", "dvc repro c"]
    assert found.rows[-1] == ["✓ current", "a", "", "dvc repro a"]


def test_causes_are_told_once_and_what_waits_for_them_last():
    found = causes_table(
        [stage("a", "stale", "waits for b, which is stale"), stage("b", "stale", "x has changed"),
         *(stage(f"c{i}", "stale", "x has changed") for i in range(4)),
         stage("d", "running", "dvc"), stage("e", "current"),
         stage("f", "stale", "waits for c1, which is stale (and 1 more)")]
    )  # fmt: skip
    assert [row[1:] for row in found.rows] == [
        ["dvc", "d", "wait"],
        ["x has changed", "b, c0 and 3 more", "dvc repro"],
        ["waits for others that are not up to date", "a, f", "dvc repro"],
    ]


@pytest.mark.parametrize("tree", ["full", "stale", "partial", "empty", "running"])
def test_the_page_lists_every_stage(inside, tree):
    inside(tree)
    stages = read_study().stages.stages
    frame = page().dataframe[0].value
    assert sorted(frame["stage"]) == sorted(s.name for s in stages)
    words = Counter(state.partition(" ")[2] for state in frame["state"])
    assert words == Counter(s.state for s in stages)


def test_a_link_chooses_a_state(inside):
    inside("stale")
    app = page(state="current")
    assert set(app.dataframe[0].value["state"]) == {"✓ current"}
    count = f"{len(app.dataframe[0].value)} of {len(read_study().stages.stages)} stages"
    assert any(count in caption.value for caption in app.caption)
    assert "not here" in page(state="running").warning[-1].value


# ---------------------------------------------------------------- damage


def test_a_damaged_file_names_the_stage_that_makes_it(inside):
    inside("truncated")
    ((file, reason, remedy),) = damaged_table(read_study()).rows
    assert file == f"! {RUN}/metrics.json"
    assert reason.startswith("not valid JSON")
    assert remedy == f"dvc repro {STAGE}"


def test_damage_that_dvc_takes_for_the_result_is_made_anew_by_force(own_tree):
    import trees

    folder = own_tree("text_metric")
    trees.settle(folder)
    ((_, reason, remedy),) = damaged_table(read_study()).rows
    assert "'0.6'" in reason
    assert remedy == f"dvc repro --force --single-item {STAGE}"


def test_what_no_stage_makes_is_mended_by_hand(inside):
    inside("bad_lock")
    assert damaged_table(read_study()).rows[0][2] == "python -m replication mend"


def test_what_is_written_by_hand_is_mended_by_hand(own_tree):
    (own_tree("full") / "params.yaml").write_text("profile: [", encoding="utf-8")
    rows = damaged_table(read_study()).rows
    assert ["! params.yaml", "edit it, or restore it from git"] in [
        [file.partition(",")[0], remedy] for file, _, remedy in rows
    ]


def test_runs_that_nothing_asks_for_are_listed(own_tree):
    own_tree("full")
    assert unasked_table(read_study()).rows == []
    runs = len(recorded())
    shutil.copytree(RUN, "reports/runs/left-over")
    study = read_study()
    (row,) = unasked_table(study).rows
    assert row == ["left-over", "reports/runs/left-over", "nrms", "minilm", "finetuned"]
    count = {row[3] for row in provenance_table(study).rows if row[1] == "torch"}
    assert count == {f"all {runs} runs"}  # it counts nowhere
    tables = [table.value.to_numpy().ravel().tolist() for table in page().table]
    assert any("left\\-over" in cells for cells in tables)


# ---------------------------------------------------------------- provenance


def test_provenance_is_that_of_the_files(inside):
    inside("full")
    study = read_study()
    table = provenance_table(study)
    run = json.loads(Path(RUN, "run.json").read_text(encoding="utf-8"))
    runs = recorded()
    every = f"all {len(runs)} runs"
    digest = hashlib.sha256(Path("params.yaml").read_bytes()).hexdigest()
    assert values(table, "study", "params.yaml, sha256") == [(digest, "")]
    for name, sha in json.loads(Path("reports/data.json").read_text())["sha256"].items():
        assert values(table, "data", f"{name}, sha256") == [(sha, f"data.json, {every}")]
    of_minilm = sum(r["checkpoint"]["encoder"] == "minilm" for r in runs)
    for name, sha in run["checkpoint"]["sha256"].items():
        found = values(table, "checkpoint", f"minilm/{name}, sha256")
        assert found == [(sha, f"all {of_minilm} runs")]
    for name, version in run["libraries"].items():
        assert values(table, "libraries", name) == [(version, every)]
    assert values(table, "code", "commit of the runs")[0][0] == run["git"]["commit"]
    assert values(table, "hardware", "GPU") == [("none", every)]
    first = min(r["started"] for r in runs)
    assert values(table, "study", "first run started") == [(first, "")]
    assert differences(table) == []
    assert agreement(table, len(runs)).startswith(f"All {len(runs)} runs name the same")


def test_what_differs_is_told_with_how_many_runs_name_it(own_tree):
    own_tree("full")
    path = Path(RUN, "run.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    run["libraries"]["torch"] = "9.9"
    run["data_sha256"]["train/news.tsv"] = "0" * 64
    run["hardware"]["gpu"] = "H100"
    del run["git"]
    path.write_text(json.dumps(run), encoding="utf-8")
    runs = len(recorded())
    one, others = (f"{count} of {runs} runs" for count in (1, runs - 1))
    table = provenance_table(read_study())
    assert ("9.9", one) in values(table, "libraries", "torch")
    assert len(values(table, "libraries", "torch")) == 2
    assert values(table, "hardware", "GPU") == [("none", others), ("H100", one)]
    assert ("unknown", one) in values(table, "code", "commit of the runs")
    assert ("0" * 64, one) in values(table, "data", "train/news.tsv, sha256")
    assert "libraries: torch" in differences(table)
    assert "differ in data: train/news.tsv, sha256" in agreement(table, runs)


def test_without_runs_nothing_is_made_up(inside):
    inside("empty")
    table = provenance_table(read_study())
    assert {row[0] for row in table.rows} == {"study", "data"}
    assert agreement(table, 0) == "No run tells yet what it was made of."
    assert values(table, "study", "dvc.lock, sha256") == [("no such file", "")]


def test_strange_text_is_shown_as_text(inside):
    inside("hostile")
    frame = page().dataframe[1].value
    assert HOSTILE in frame["value"].tolist()


def test_the_data_card(inside):
    inside("full")
    app = page()
    cells = app.table[-1].value.set_index(app.table[-1].value.columns[0])
    card = json.loads(Path("reports/data.json").read_text(encoding="utf-8"))
    sizes = [f"{card['splits'][split]['impressions']:,}" for split in ("train", "test")]
    assert cells.loc["impressions"].tolist() == sizes
    assert any(f"{card['articles']:,} articles" in body.value for body in app.markdown)


def test_the_exports_hold_every_stage(inside):
    inside("full")
    stages = read_study().stages.stages
    files = stages_table(stages).files("note")
    assert set(files) == {"stages.csv", "stages.md", "stages.tex"}
    assert files["stages.csv"].count("\n") == 1 + len(stages)
