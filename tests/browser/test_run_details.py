"""What lies behind a row: seeds, cost, parameters, origin."""

import json
from pathlib import Path

import pytest
from counts import grid_of
from trees import HOSTILE, RUN

from replication.browser.content.results_table import rows_of
from replication.browser.content.run_details import (
    compare_link,
    cost_table,
    flattened,
    hardware_text,
    origin_table,
    parameters_text,
    seeds_table,
)
from replication.browser.names import run_name
from replication.browser.reading.study import read_study

KEY = "nrms-minilm-finetuned-k2-clean"


def row_of(study, key: str = KEY):
    return next(row for row in rows_of(study, "auc") if row.experiment.key == key)


def texts(table) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in table.rows]


def time_of(seconds: float) -> str:
    """Less than an hour in two digits or so."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:.0f} min"


def spent(cost: dict) -> list[str]:
    """Time and memory, as a page says them."""
    return [time_of(cost["seconds"]), f"{cost['peak_memory_mib']:,.0f} MiB"]


def test_every_seed_stands_with_its_state(inside):
    metrics = json.loads((inside("partial") / RUN / "metrics.json").read_text())
    low, high = metrics["ci95"]["auc"]
    rows = texts(seeds_table(row_of(read_study()).experiment))
    assert rows[0][:3] == ["1", "✓ ready", f"{metrics['auc']:.4f} [{low:.3f}, {high:.3f}]"]
    assert rows[1] == ["2", "○ not run", *["not run"] * 4]
    assert [row[0] for row in rows] == ["1", "2", "3"]


def test_a_damaged_seed_says_so_in_each_metric(inside):
    inside("nan")
    rows = texts(seeds_table(row_of(read_study()).experiment))
    assert rows == [["1", "! unreadable", *["unreadable"] * 4]]


def test_cost_is_the_file_s_and_what_is_not_known_is_told(inside):
    folder = inside("partial")
    study = read_study()
    cost = json.loads((folder / RUN / "cost.json").read_text())
    first, second, _ = texts(cost_table(study, row_of(study).experiment))
    assert first[1:3] == [f"{cost['parameters']:,}", f"{cost['trainable_parameters']:,}"]
    assert first[3:] == [*spent(cost), "none"]
    assert second == ["seed 2", *["unknown"] * 5]


def test_an_adapted_model_has_the_cost_of_its_adapter(inside):
    folder = inside("full")
    study = read_study()
    row = row_of(study, "nrms-smollm2-finetuned-clean")
    adapter = json.loads((folder / "reports/adapters/smollm2-lora.json").read_text())
    last = texts(cost_table(study, row.experiment))[-1]
    trained = f"{adapter['trainable_parameters']:,}"
    assert last == [
        "adapter smollm2-lora, once",
        "unknown",
        trained,
        *spent(adapter),
        "none",
    ]
    assert len(cost_table(study, row_of(study).experiment).rows) == 1


def test_parameters_are_flat_and_complete(inside):
    folder = inside("full")
    run = row_of(read_study()).experiment.runs[0]
    given = json.loads(
        (folder / "reports/runs/nrms-minilm-finetuned-clean-s1/run.json").read_text()
    )
    lines = parameters_text(run).splitlines()
    assert "protocol.attention_masks: true" in lines and "data.release: null" in lines
    rate = given["params"]["training"]["tuned_layers"]["learning_rate"]
    assert f"training.tuned_layers.learning_rate: {rate}" in lines

    def leaves(value) -> int:
        return sum(map(leaves, value.values())) if isinstance(value, dict) and value else 1

    assert len(lines) == leaves(given["params"])


def test_flattened_keeps_lists_and_empty_mappings():
    nested = {"a": {"b": [1, 2], "c": {}}, "d": None, "e": False, "f": 0}
    flat = {"a.b": "[1, 2]", "a.c": "{}", "d": "null", "e": "false", "f": "0"}
    assert flattened(nested) == flat


def test_origin_has_every_digest_and_version(inside):
    folder = inside("full")
    given = json.loads(
        (folder / "reports/runs/nrms-minilm-finetuned-clean-s1/run.json").read_text()
    )
    cells = {
        cell for row in texts(origin_table(row_of(read_study()).experiment.runs[0])) for cell in row
    }
    for digests in (given["data_sha256"], given["checkpoint"]["sha256"], given["libraries"]):
        assert {*digests.values()} <= cells
    machine = given["hardware"]
    cores, memory = machine["cores"], machine["memory_gib"]
    gpu = machine["gpu"] or "no GPU"
    assert f"{machine['processor']}, {cores} cores, {memory:g} GiB, {gpu}" in cells
    assert f"commit {given['git']['commit']}" in cells


def test_what_is_not_known_of_a_machine_is_told():
    nothing = {"processor": None, "cores": None, "memory_gib": None, "gpu": "H100"}
    assert hardware_text(nothing) == "unknown processor, unknown cores, unknown memory, H100"


def test_without_run_json_there_is_no_origin(inside):
    inside("empty")
    run = row_of(read_study()).experiment.runs[0]
    assert (parameters_text(run), origin_table(run)) == (None, None)


def test_strange_texts_are_kept_as_they_are(inside):
    inside("hostile")
    run = row_of(read_study()).experiment.runs[0]
    assert HOSTILE in parameters_text(run)
    assert any(HOSTILE in row[1] for row in texts(origin_table(run)))


@pytest.mark.parametrize("key", [None, KEY, "nrms-minilm-finetuned-k4-clean"])
def test_a_row_is_compared_with_the_best_of_its_recommender(inside, key):
    """The best (key: None) with the second."""
    inside("full")
    study = read_study()
    aucs = {  # depths of the sweep are not ranked, nor runs of another protocol with these
        name: json.loads(Path("reports/runs", name, "metrics.json").read_text())["auc"]
        for name in grid_of("nrms", "clean")
    }
    best, second = sorted(aucs, key=aucs.get)[-1:-3:-1]
    rows = rows_of(study, "auc")
    row = row_of(study, key) if key else next(r for r in rows if r.experiment.runs[0].name == best)
    other = second if row.experiment.runs[0].name == best else best
    name, address = compare_link(row, rows)
    assert address == f"compare?a={row.experiment.runs[0].name}&b={other}"
    assert name == next(run_name(run.cell) for run in study.runs if run.name == other)


def test_what_has_not_been_run_is_not_compared(inside):
    inside("truncated")
    study = read_study()
    assert compare_link(row_of(study), rows_of(study, "auc")) is None
