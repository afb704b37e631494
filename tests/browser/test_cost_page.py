"""Cost and quality: the Pareto line, what is compared with what, and what the page says."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from trees import GRID, RUN, settle

from replication.browser.content.costs import (
    MEASURES,
    SEVERAL,
    UNKNOWN,
    answer,
    costs_table,
    front,
    front_lines,
    known_measures,
    left_out,
    machine_name,
    read_points,
)
from replication.browser.reading.study import read_study

CLEAN = [name for name in GRID if name.endswith("-clean-s1")]  # the protocol that is shown first


def page():
    from replication.browser.frame import framed

    framed("cost")


def shown(**link):
    app = AppTest.from_function(page, default_timeout=30)
    for key, value in link.items():
        app.query_params[key] = value
    return app.run()


def words(app) -> str:
    return "\n".join(e.value for kind in ("markdown", "caption", "warning") for e in app.get(kind))


@pytest.fixture
def points():
    def read(metric="auc"):
        study = read_study()
        return read_points(study.grid, study.adapters, metric, study.embeddings)

    return read


def change(path, **values):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | values), encoding="utf-8")


few = st.integers(0, 6)  # so that ties are common


@given(st.lists(st.tuples(few, few)))
def test_the_front_is_what_no_point_beats(points):
    def beaten(a):
        return any(b[0] <= a[0] and b[1] >= a[1] and b != a for b in points)

    found = front(points)
    assert sorted(found) == [i for i, point in enumerate(points) if not beaten(point)]
    assert [points[i] for i in found] == sorted(points[i] for i in found)


def test_costs_are_the_files_own_and_an_adapter_counts(inside, points):
    folder = inside("full")
    by_key = {point.experiment.key: point for point in points()}

    def cost(name):
        return json.loads((folder / f"reports/runs/{name}/cost.json").read_text(encoding="utf-8"))

    own = cost("nrms-minilm-frozen-clean-s1")
    found = by_key["nrms-minilm-frozen-clean"].costs
    assert found["seconds"] == own["seconds"]
    assert found["gpu"] is None
    own = cost("naml-smollm2-lora-frozen-clean-s1")
    adapter = json.loads((folder / "reports/adapters/smollm2-lora.json").read_text("utf-8"))
    found = by_key["naml-smollm2-finetuned-clean"].costs
    assert found["parameters"] == own["parameters"]
    assert found["trained"] == own["trainable_parameters"] + adapter["trainable_parameters"]
    assert found["seconds"] == pytest.approx(own["seconds"] + adapter["seconds"])
    assert found["memory"] == max(own["peak_memory_mib"], adapter["peak_memory_mib"])


def test_what_was_done_before_a_run_is_booked_to_it(own_tree, points):
    folder = own_tree("full")
    new = {"operations_a_sample": 4e6, "seconds_a_sample": 0.002, "states_seconds": 5.0}
    change(folder / RUN / "cost.json", **new, seconds=10.0, reads_embeddings=False)
    lora = "reports/runs/naml-smollm2-lora-frozen-clean-s1/cost.json"
    change(folder / lora, **new, seconds=10.0, reads_embeddings=True)
    adapter = folder / "reports/adapters/smollm2-lora.json"
    ran_on = json.loads(adapter.read_text(encoding="utf-8"))["hardware"]
    took = {"seconds": 7.0, "operations": 1.0, "processes": 2, "peak_memory_mib": 1.0}
    took |= {"articles": 3, "peak_gpu_memory_mib": None, "hardware": ran_on}
    (folder / "reports/embeddings").mkdir(exist_ok=True)
    file = folder / "reports/embeddings/smollm2-lora.json"
    file.write_text(json.dumps(took), encoding="utf-8")
    change(adapter, seconds=20.0, operations_a_sample=1e9, seconds_a_sample=0.1)
    by_key = {point.experiment.key: point for point in points()}
    tuned = by_key["nrms-minilm-finetuned-k2-clean"].costs
    assert [tuned[name] for name in ("operations", "pace", "device")] == pytest.approx([4, 2, 15])
    adapted = by_key["naml-smollm2-finetuned-clean"].costs
    found = [adapted[name] for name in ("operations", "pace", "device")]
    assert found == pytest.approx([1004, 102, 10 + 5 + 2 * 7 + 20])
    (folder / "reports/runs/nrms-minilm-frozen-clean-s1/cost.json").write_text(
        json.dumps({**json.loads((folder / lora).read_text()), "states_seconds": None})
    )
    [old] = [p for p in points() if p.experiment.key == "nrms-minilm-frozen-clean"]
    assert old.costs["device"] is None and "device s is not recorded" in old.absence("device")


def test_seeds_are_averaged_and_a_partial_experiment_is_not_ranked(own_tree, points):
    folder = own_tree("partial")
    other = folder / RUN.replace("s1", "s2")
    shutil.copytree(folder / RUN, other)
    change(other / "cost.json", seconds=100.0)
    first = json.loads((folder / RUN / "cost.json").read_text(encoding="utf-8"))
    [found] = [p for p in points() if p.experiment.key == "nrms-minilm-finetuned-k2-clean"]
    assert found.costs["seconds"] == pytest.approx((first["seconds"] + 100) / 2)
    assert not found.absence("seconds")
    assert front_lines(points(), "seconds") == {}


def test_an_unknown_cost_is_listed_with_its_reason(own_tree, points):
    folder = own_tree("full")
    (folder / RUN / "cost.json").write_text("{", encoding="utf-8")
    (folder / "reports/runs/naml-static-frozen-clean-s1/cost.json").unlink()
    change(folder / "reports/runs/nrms-static-frozen-clean-s1/cost.json", seconds=None)
    change(folder / "reports/runs/lstur-static-frozen-clean-s1/cost.json", seconds=0)
    (folder / "reports/adapters/smollm2-lora.json").unlink()
    rows = {row[0]: row[2] for row in left_out(points(), "seconds").rows}
    assert "not valid JSON" in rows["NRMS, MiniLM, fine-tuned, 2 layers, clean"]
    assert "no such file" in rows["NAML, static vectors, frozen, clean"]
    assert "seconds was not measured" in rows["NRMS, static vectors, frozen, clean"]
    assert "log axis" in rows["LSTUR, static vectors, frozen, clean"]
    adapted = [name for name in GRID if "smollm2-lora" in name]
    for name in adapted:  # whatever the recommender and the protocol
        recommender, *_, protocol, _ = name.split("-")
        key = f"{recommender.upper()}, SmolLM2, fine-tuned, {protocol}"
        assert "smollm2-lora.json: no such file" in rows[key]
    assert len(rows) == 4 + len(adapted)
    by_key = {row[0]: row for row in left_out(points(), "parameters").rows}
    assert set(by_key) == {
        "NRMS, MiniLM, fine-tuned, 2 layers, clean",
        "NAML, static vectors, frozen, clean",
    }
    table = costs_table(points(), "seconds", "auc")
    assert len(table.rows) == len(GRID)
    assert "0.00" not in [str(cell) for row in table.rows for cell in row]
    assert "None" not in table.files("")["quality-and-cost.csv"]


def test_each_kind_of_hardware_has_its_own_line_of_time_and_all_share_that_of_size(
    own_tree, points
):
    folder = own_tree("full")
    hardware = {"processor": "P", "cores": 8, "memory_gib": 9.0, "gpu": "G"}
    for path in folder.glob("reports/runs/lstur-*/run.json"):
        change(path, hardware=hardware)
    nothing = dict.fromkeys(hardware)
    change(folder / "reports/runs/naml-static-frozen-clean-s1/run.json", hardware=nothing)
    settle(folder)
    found = {p.experiment.key: p for p in points()}
    assert found["lstur-static-frozen-clean"].machine == "G, P, 8 cores"
    assert found["lstur-smollm2-finetuned-clean"].machine == SEVERAL  # its adapter ran elsewhere
    assert found["naml-static-frozen-clean"].machine == UNKNOWN
    lines = front_lines([*found.values()], "seconds")
    assert set(lines) == {"G, P, 8 cores", found["nrms-static-frozen-clean"].machine}
    assert all(p.machine == machine for machine, line in lines.items() for p in line)
    assert list(front_lines([*found.values()], "parameters")) == [None]
    text = words(shown(cost="seconds"))
    assert "several kinds of hardware" in text
    assert "line of its own" in text


@pytest.mark.parametrize(
    ("hardware", "name"),
    [
        ({"processor": "P", "cores": 2, "gpu": None}, "P, 2 cores"),
        ({"processor": "P", "processor_family": "V 1 2", "cores": 2}, "P (V 1 2), 2 cores"),
        ({"processor": None, "cores": 1, "gpu": "G"}, "G, unknown processor, 1 core"),
        ({"processor": None, "cores": 4, "gpu": None}, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_hardware_is_named_by_what_tells_it_apart(hardware, name):
    assert machine_name(hardware) == name


def test_the_answer_names_the_best_and_the_share_on_the_line(inside, points):
    folder = inside("full")
    found = {}
    for path in (folder / "reports/runs" / name for name in GRID):
        metrics, cost = (
            json.loads((path / f"{name}.json").read_text(encoding="utf-8"))
            for name in ("metrics", "cost")
        )
        found[path.name] = (cost["parameters"], metrics["mrr"])
    best = max(mrr for _, mrr in found.values())
    [size] = [size for size, mrr in found.values() if mrr == best]
    on_line = [
        a for a in found.values()
        if not any(b[0] <= a[0] and b[1] >= a[1] and b != a for b in found.values())
    ]  # fmt: skip
    text = answer(points("mrr"), "parameters", "mrr")
    assert f"The best MRR ({best:.4f}: " in text
    share = f"{len(on_line)} of {len(GRID)} experiments lie"
    assert f"is reached with {size:,} parameters. {share}" in text


def test_the_gpu_can_be_chosen_only_where_one_was_used(own_tree, points):
    folder = own_tree("full")
    assert known_measures(points()) == tuple(m for m in MEASURES if m != "gpu")
    change(folder / RUN / "cost.json", peak_gpu_memory_mib=1000.0)
    assert "gpu" in known_measures(points())


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("full", " on the Pareto line"),
        ("empty", "There is nothing to draw yet"),
        ("partial", "Faint"),
        ("stale", "Faint"),
        ("one_run", f"1 of {len(CLEAN)} experiments lies on the Pareto line"),
        ("truncated", " on the Pareto line"),
        ("damaged_comparison", " on the Pareto line"),
        ("bad_params", "nothing is ranked yet"),
        ("hostile", "img src"),
    ],
)
def test_the_page_says_what_there_is(inside, state, said):
    inside(state)
    app = shown(cost="seconds")
    assert not app.exception
    assert said in words(app).replace("\\", "")


def test_a_link_chooses_and_a_wrong_one_is_told(inside):
    inside("full")
    app = shown(recommender="nrms", metric="mrr")
    assert "The best MRR" in words(app)
    of_nrms = [name for name in CLEAN if name.startswith("nrms-")]
    assert f"of {len(of_nrms)} experiments" in words(app)
    released = [name for name in GRID if name.endswith("-released-s1")]
    assert f"of {len(released)} experiments" in words(shown(protocol="released"))
    assert not app.exception
    assert "link asks for cost money" in words(shown(cost="money")).replace("\\", "")


def test_what_lora_did_is_told_where_its_training_was_judged(own_tree):
    folder = own_tree("full")
    adapters = folder / "reports/adapters"
    old = json.loads(next(adapters.glob("*.json")).read_text(encoding="utf-8"))
    old.pop("held_out", None)
    adapter = adapters / "smollm2-lora.json"
    adapter.write_text(json.dumps(old), encoding="utf-8")
    assert "day held out" not in words(shown())
    side = {"clicks": 100, "loss": 1.25, "auc": 0.5}
    change(adapter, held_out={"before": side, "after": side | {"loss": 1.0, "auc": 0.75}})
    told = words(shown()).replace("\\", "")
    assert "its loss went from 1.250 to 1.000, its AUC from 0.500 to 0.750" in told
