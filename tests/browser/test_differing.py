"""Two runs side by side: tables against the files, and every caution."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from scored import FROZEN, TUNED

from replication.browser.content.candidates import Candidate, candidates
from replication.browser.content.differing import (
    cautions,
    cost_table,
    digests_table,
    metrics_table,
    parameters,
    parameters_table,
    same_machine,
)
from replication.browser.content.scores import Gap
from replication.browser.reading.study import read_study

ADAPTED = "nrms-smollm2-lora-frozen-clean-s1"


@pytest.fixture
def of(inside):
    """A run of a state's folder."""

    def one(key: str, state: str = "full") -> Candidate:
        inside(state)
        return candidates(read_study().runs, ())[key]

    return one


def changed(candidate: Candidate, file: str, **values) -> Candidate:
    """The candidate with other values in one of its files; dots lead into it."""
    content = deepcopy(getattr(candidate.run.cell, file))
    for key, value in values.items():
        *above, last = key.split("__")
        inner = content
        for part in above:
            inner = inner[part]
        inner[last] = value
    cell = replace(candidate.run.cell, **{file: content})
    return replace(candidate, run=replace(candidate.run, cell=cell))


def row(table, name):
    return next(row for row in table.rows if name in row[:2])


def test_metrics_are_those_of_the_files(of, made_trees):
    table = metrics_table(of(FROZEN), of(TUNED), {})
    runs = made_trees("full") / "reports/runs"
    a, b = (json.loads((runs / run / "metrics.json").read_text()) for run in (FROZEN, TUNED))
    for key, found in zip(("auc", "mrr", "ndcg@5", "ndcg@10"), table.rows, strict=True):
        assert found[1] == "higher"
        assert (found[2].value, list(found[2].interval)) == (a[key], a["ci95"][key])
        assert found[3].value == b[key]
        assert found[4].value == pytest.approx(b[key] - a[key])
        assert found[4].interval is None
    assert table.header[-1] == "B - A"  # no column of a test that there was not


def test_a_gap_brings_its_interval_and_p(of):
    gap = Gap("auc", 0.5, 0.6, 0.1, (0.05, 0.15), 0.01, 0.04, None, None, 0.6, 0.1, 0.3, 3000,
              (0.08, 0.12), 0.001)  # fmt: skip
    gaps = {name: replace(gap, metric=name) for name in ("auc", "mrr", "ndcg@5", "ndcg@10")}
    table = metrics_table(of(FROZEN), of(TUNED), gaps)
    assert table.header[-4:] == ["B - A, naive", "p", "p (Holm)", "paired test"]
    assert [str(cell) for cell in table.rows[0][4:]] == [
        "+0.1000 [+0.0500, +0.1500]", "+0.1000 [+0.0800, +0.1200]", "0.010", "0.040", "B better",
    ]  # fmt: skip


def test_a_missing_run_has_a_word_and_no_number(of):
    for state, word in (("empty", "○ not run"), ("nan", "! unreadable")):
        table = metrics_table(of(FROZEN, state), of(TUNED, state), {})
        assert {str(found[3]) for found in table.rows} == {word}
        assert {str(found[4]) for found in table.rows} == {"unknown"}
        text = table.files("")["compared-metrics.csv"]
        assert "None" not in text and "nan" not in text


def test_cost_of_one_machine_and_of_two(of):
    a, b = of(FROZEN), of(TUNED)
    seconds = [one.run.cell.cost["seconds"] for one in (a, b)]
    found = row(cost_table(a, b, {}), "seconds, all")
    assert found[4].value == pytest.approx(seconds[1] - seconds[0])
    assert found[5].value == pytest.approx(seconds[1] / seconds[0])
    other = changed(b, "run", hardware__gpu="H100")
    assert same_machine(a, b) and not same_machine(a, other)
    table = cost_table(a, other, {})
    assert row(table, "seconds, all")[5] == "not comparable"
    assert row(table, "parameters")[5].value is not None
    unknown = changed(a, "run", hardware__processor=None)
    assert not same_machine(unknown, unknown)


def test_an_unknown_cost_is_not_zero(of):
    a, b = of(FROZEN), changed(of(TUNED), "cost", seconds=None)
    found = row(cost_table(a, b, {}), "seconds, all")
    assert [str(cell) for cell in found[3:]] == ["unknown", "-", "-"]
    nothing = row(cost_table(changed(a, "cost", seconds=0.0), of(TUNED), {}), "seconds, all")
    assert str(nothing[5]) == "-"  # no ratio to nothing


def test_training_of_an_adapter_is_told_apart(of):
    name = "seconds of the adapter's training"
    found = row(cost_table(of(FROZEN), of(ADAPTED), {"smollm2-lora": 12.5}), name)
    assert [str(cell) for cell in found[2:]] == ["has none", "12.5", "-", "-"]
    unknown = row(cost_table(of(FROZEN), of(ADAPTED), {}), name)
    assert str(unknown[3]) == "unknown"
    assert all(name not in found for found in cost_table(of(FROZEN), of(TUNED), {}).rows)


def test_only_what_differs_or_all(of):
    a, b = of(FROZEN), of(TUNED)
    few, same = parameters_table(a, b, everything=False)
    every, again = parameters_table(a, b, everything=True)
    assert same == again == len(every.rows) - len(few.rows)
    assert ["tuning", "frozen", "finetuned"] in few.rows
    assert all(found[1] != found[2] for found in few.rows)
    assert [found[:3] for found in every.rows[: len(few.rows)]] == few.rows
    assert {found[3] for found in every.rows[len(few.rows) :]} == {"same"}
    history = str(of(TUNED).run.cell.run["params"]["history"])
    assert ["history", history, history, "same"] in every.rows


def test_one_parameter_and_one_that_only_one_run_has(of):
    a = of(TUNED)
    history = a.run.cell.run["params"]["history"]
    b = changed(
        a, "run", params__history=history + 1, params__text__fresh=True, libraries__torch=None
    )
    table, _ = parameters_table(a, b, everything=False)
    assert [found for found in table.rows if not found[0].startswith("library")] == [
        ["history", str(history), str(history + 1)],
        ["text.fresh", "absent", "true"],
    ]
    assert row(table, "library torch")[2] == "null"


def test_the_schedules_of_two_tunings_are_comparable(of):
    given = [of(run).run.cell.run for run in (FROZEN, TUNED)]
    schedules = [run["params"]["training"] for run in given]
    frozen, tuned = map(parameters, given)
    assert (frozen["training.entry"], tuned["training.entry"]) == ("frozen", "tuned_layers")
    for key in ("batch_size", "learning_rate", "start"):
        expected = (schedules[0]["frozen"][key], schedules[1]["tuned_layers"][key])
        assert (frozen[f"training.{key}"], tuned[f"training.{key}"]) == tuple(map(str, expected))
    assert frozen["training.precision"] == "auto"
    # What the fine-tuning starts from is told by its own name.
    assert tuned["training.frozen.batch_size"] == frozen["training.batch_size"]
    assert "training.frozen.batch_size" not in frozen


@pytest.mark.parametrize("params", [{}, {"training": None}, {"encoders": {"a": {}, "b": {}}}])
def test_parameters_of_any_shape(of, params):
    run = of(TUNED).run.cell.run | {"params": params}
    found = parameters({key: value for key, value in run.items() if key not in ("git",)})
    assert found["seed"] == "1"
    assert found["git commit"] == "unknown"


def test_digests_are_those_of_the_files(of):
    a, b = of(FROZEN), of(TUNED)
    run = b.run.cell.run
    table = digests_table(a, b)
    for file, digest in run["data_sha256"].items():
        assert row(table, file)[2:] == [digest[:12], digest[:12], "same"]
    other = changed(b, "run", checkpoint__sha256={"config.json": "0" * 64})
    table = digests_table(a, other)
    assert row(table, "config.json")[3:] == ["0" * 12, "differs"]
    assert row(table, "model.safetensors")[3:] == ["absent", "in one only"]


def test_other_files_and_code_are_told_where_they_differ(of):
    inputs = {
        "data/prepared/users.parquet": "1" * 64,
        "embeddings/minilm/title.states.npy": "2" * 64,
    }
    code = {"replication/experiment/record.py": "3" * 64}
    a = changed(of(TUNED), "run", inputs_sha256=inputs, code_sha256=code)
    other = {name: digest.replace("2", "4") for name, digest in inputs.items()}
    b = changed(of(TUNED), "run", inputs_sha256=other, code_sha256={})
    neither = changed(of(TUNED), "run", inputs_sha256={}, code_sha256={})
    before = digests_table(neither, neither).rows
    found = [line for line in digests_table(a, b).rows if line not in before]
    assert found == [
        ["embeddings/minilm", "title.states.npy", "2" * 12, "4" * 12, "differs"],
        ["replication/experiment", "record.py", "3" * 12, "absent", "in one only"],
    ]
    assert digests_table(a, neither).rows == before  # an earlier version recorded neither


def test_what_a_run_computed_with_is_a_parameter(of):
    a = changed(of(TUNED), "run", computing={"threads": 2, "variables": {"MKL_CBWR": "AVX2"}})
    b = changed(of(TUNED), "run", computing={"threads": 1, "variables": {}})
    table, _ = parameters_table(a, b, everything=False)
    assert table.rows == [
        ["computing threads", "2", "1"],
        ["computing variables.MKL_CBWR", "AVX2", "absent"],
    ]


def test_nothing_to_caution_against(of):
    assert cautions(of(FROZEN), of(TUNED)) == []


@pytest.mark.parametrize(
    "file, change, words",
    [
        ("run", {"seed": 9}, "seeds differ (1 and 9): part of the difference is chance"),
        ("run", {"profile": "mind-small"}, "profiles differ: demo and mind-small"),
        ("run", {"data_sha256": {}}, "data differ"),
        ("run", {"params__protocol__selection": "dev"}, "protocol.selection is last_day in A, dev"),
        ("run", {"params__protocol__groups": "impressions"}, "protocol.groups is users in A"),
        ("metrics", {"impressions": 5}, "A was tested on 3,000 impressions, B on 5"),
        ("run", {"checkpoint__sha256": {}}, "checkpoints differ, though both are called minilm"),
    ],
)
def test_each_caution(of, file, change, words):
    found = cautions(of(FROZEN), changed(of(TUNED), file, **change))
    assert len(found) == 1
    assert words in found[0]


def test_what_cannot_be_read_brings_no_caution(of):
    assert cautions(of(FROZEN, "empty"), of(TUNED, "empty")) == []
