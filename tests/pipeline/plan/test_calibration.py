"""Scaling by measured runs, and what the committed demo says of how far a plan can be trusted."""

import json
import re
import shutil
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import fmean

import pytest

from replication.pipeline.plan.calibration import Calibration, Run, calibration
from replication.pipeline.plan.plan import Plan, plan
from replication.pipeline.plan.text import text
from replication.pipeline.plan.validation import Prediction, together
from replication.report.machines import load_machines, machine
from replication.study import paths

ROOT = Path(__file__).parents[3]
CORES = machine("core")


def run(name: str, work: float, estimated: float, besides: float = 1.0, kind="frozen") -> Run:
    seconds = work + besides
    return Run(f"runs/{name}", name, "demo", kind, work, estimated, besides, seconds, 1e9)


def test_a_kind_is_scaled_by_the_geometric_mean_of_its_own_runs():
    known = Calibration(
        CORES,
        (run("a", 8, 4), run("b", 2, 4, 3), run("c", 9, 1, 9, "tuned_words"), run("d", 4, 4, 2)),
    )
    assert known.factor("frozen") == pytest.approx(1)  # 2 x 1/2 x 1
    assert known.factor("tuned_words") == pytest.approx(9)
    assert known.factor("tuned_layers") == 1  # nothing is known of it
    assert known.besides("frozen") == 2 and known.besides("tuned_layers") == CORES.run_seconds
    assert known.without(known.runs[0]).factor("frozen") == pytest.approx(0.5**0.5)


def test_an_experiment_that_was_run_twice_does_not_predict_itself():
    twice = replace(run("a", 8, 4), folder="experiment")
    known = Calibration(CORES, (run("a", 8, 4), twice, run("b", 4, 4)))
    assert [r.id for r in known.without(known.runs[0]).runs] == ["b"]


def test_errors_by_hand():
    found = [Prediction("a", "frozen", 12, 10), Prediction("b", "frozen", 6, 10)]
    assert [p.error for p in found] == pytest.approx([0.2, -0.4])
    assert together(found) == pytest.approx(-0.1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Plan:
    """The committed demo, planned on the cores on which it was made, as a fresh clone plans it:
    with checkpoints at hand their parameters are counted, without they are estimated."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("conf", "reports"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return plan("demo", "1xcore")


def costs() -> dict[str, float]:
    """Seconds of every committed run by its folder, without a start that others share, read without
    the code under test."""
    files = [*ROOT.glob("reports/**/cost.json"), *ROOT.glob("reports/adapters/*.json")]
    seconds = {}
    for file in files:
        name = file.parent if file.name == "cost.json" else file.with_suffix("")
        folder = name.relative_to(ROOT / "reports").as_posix()
        cost = json.loads(file.read_text(encoding="utf-8"))
        seconds[folder] = cost["seconds"] - cost.get("start_seconds", 0)
    return seconds


@pytest.fixture(scope="module")
def idle() -> None:
    """The experiment at hand and its twin in the grid are one computation, made twice in a study.

    On an idle machine they take the same time; where they do not, its times say nothing.
    """
    took = costs()
    once, again = took["experiment"], took["runs/nrms-minilm-finetuned-clean-s1"]
    if not 0.8 < once / again < 1.25:
        pytest.skip(f"the committed study ran beside other work: one run took {once} and {again} s")


def test_the_demo_took_what_was_planned_of_it_within_30_percent(demo, idle):
    """Each run predicted from the other runs of its kind, none from itself or its like."""
    took = costs()
    assert len(demo.predictions) == len(took) > 30
    assert sum(p.measured for p in demo.predictions) == pytest.approx(sum(took.values()))
    assert abs(together(demo.predictions)) < 0.3
    kinds = defaultdict(list)
    for prediction in demo.predictions:
        kinds[prediction.kind].append(prediction)
    for kind in ("frozen", "tuned_words", "tuned_layers"):
        assert abs(together(kinds[kind])) < 0.3, kind
    # Of single runs, which last seconds, two in five: what a run does once is one figure.
    assert sum(abs(p.error) <= 0.3 for p in demo.predictions) > 0.4 * len(demo.predictions)


def test_the_prediction_is_better_than_without_calibration_and_than_the_mean_run(demo, idle):
    """Else neither the measured runs nor the arithmetic would be worth the trouble."""
    runs = [p for p in demo.predictions if p.kind != "adapt"]
    mean = fmean(p.measured for p in runs)
    ours = fmean(abs(p.predicted - p.measured) for p in runs)
    assert ours < 0.5 * fmean(abs(mean - p.measured) for p in runs)


def test_the_clock_between_two_runs_is_the_start_of_a_stage():
    """From run.json: seconds between one run's end and the start of the next one in its place, of
    as many as ran at once."""
    starts, ends = [], []
    for file in ROOT.glob("reports/**/run.json"):
        described = json.loads(file.read_text(encoding="utf-8"))
        starts.append(datetime.fromisoformat(described["started"]))
        ends.append(datetime.fromisoformat(described["ended"]))
    starts, ends = sorted(starts), sorted(ends)
    slots = max(sum(other <= at for other in starts) - sum(o <= at for o in ends) for at in starts)
    pairs = zip(starts[slots:], ends, strict=False)
    gaps = [(start - end).total_seconds() for start, end in pairs]
    gaps = [gap for gap in gaps if 0 < gap < 5]  # a checkpoint or an embedding lies between others
    if len(gaps) < 10:
        pytest.skip("the committed runs were not made one after another")
    assert load_machines().host.stage_s == pytest.approx(fmean(gaps), rel=0.3)


def test_measured_stages_stand_as_they_were_measured(demo):
    took = costs()
    stages = {
        "grid@naml-static-frozen-clean-s1": "runs/naml-static-frozen-clean-s1",
        "grid-llm@lstur-smollm2-frozen-clean-s1": "runs/lstur-smollm2-frozen-clean-s1",
        "sweep@nrms-minilm-finetuned-k4-clean-s1": "runs/nrms-minilm-finetuned-k4-clean-s1",
        "adapt@smollm2-lora": "adapters/smollm2-lora",
    }
    for name, folder in stages.items():
        assert demo.stage[name].basis == "measured"
        seconds = took[folder] + load_machines().host.stage_s
        assert demo.stage[name].seconds == pytest.approx(seconds)
    assert demo.stage["audit@words"].basis == "calibrated"
    assert demo.stage["embed@minilm"].basis == "calibrated"  # its record names no profile
    shown = text(demo)
    assert "| sweep@naml-minilm-finetuned-k4-clean-s1 " in shown and "| tuned_layers |" in shown


def test_the_audits_took_what_was_planned_within_a_factor_of_three(demo, idle):
    """They calibrate nothing: what is known of the grid's runs predicts them."""
    for pair in ("words", "llm"):
        runs = json.loads((ROOT / f"reports/audit/{pair}.json").read_text(encoding="utf-8"))["runs"]
        took = sum(run["seconds"] or 0 for run in runs.values())
        stage = demo.stage[f"audit@{pair}"]
        assert 1 / 3 < (stage.seconds - stage.parts["start of stages"]) / took < 3, pair


def test_runs_that_tell_nothing_do_not_count(own):
    """Damaged, resumed, of another machine, without parameters."""
    of = ("nrms-static", "naml-static", "lstur-static", "nrms-minilm", "naml-minilm")
    names = [f"{name}-frozen-clean-s1" for name in of]
    for name in names:
        shutil.copytree(ROOT / f"reports/runs/{name}", paths.RUNS / name)
    shutil.copy(ROOT / "reports/data.json", paths.DATA_CARD)

    def change(name: str, file: str, **values) -> None:
        path = paths.RUNS / name / f"{file}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values), encoding="utf-8")

    (paths.RUNS / names[1] / "cost.json").write_text("{", encoding="utf-8")
    change(names[2], "cost", resumed=1)
    change(names[3], "run", hardware={"gpu": "NVIDIA H100 80GB HBM3", "cores": 26})
    change(names[4], "run", params=None)
    found = plan("demo", "core")
    assert [r.folder for r in found.known.runs] == [f"runs/{names[0]}"]
    assert [r.folder for r in calibration(found.params, machine("H100")).runs] == [
        f"runs/{names[3]}"
    ]
    # Of another profile, it scales all the same.
    other = plan("mind-large", "H100")
    assert other.stage["grid@naml-bert-base-frozen-clean-s1"].basis == "calibrated"
    assert other.stage["grid@naml-bert-base-finetuned-clean-s1"].basis == "estimated"
    assert "Calibrated by 1 measured on such a machine, of another profile" in text(other)


def test_embeddings_scale_those_of_other_models_and_articles(own):
    """By their seconds over those of the operations that were counted; by others nothing."""
    paths.EMBEDDING_COSTS.mkdir(parents=True)
    core = {"processor": "one", "gpu": None}

    def record(name: str, operations: float, seconds: float, hardware: dict) -> None:
        cost = {"operations": operations, "seconds": seconds, "hardware": hardware}
        content = json.dumps(cost | {"peak_memory_mib": 500})
        (paths.EMBEDDING_COSTS / f"{name}.json").write_text(content, encoding="utf-8")

    bare = plan("mind-mini", "core")
    rate = CORES.rate("embed")
    record("words", 0.0, 1.0, core)
    record("slow", 10 * rate, 20.0, core)
    record("quick", 10 * rate, 80.0, core)
    record("elsewhere", 10 * rate, 1.0, {"gpu": "NVIDIA H100 80GB HBM3"})
    (paths.EMBEDDING_COSTS / "damaged.json").write_text("[1]", encoding="utf-8")
    found = plan("mind-mini", "core")
    assert sorted(run.id for run in found.known.runs) == ["embeddings/quick", "embeddings/slow"]
    assert found.known.factor("embed") == pytest.approx((2 * 8) ** 0.5)
    for name in ("embed@minilm", "embed@smollm2"):
        before, after = (p.stage[name].parts["arithmetic"] for p in (bare, found))
        assert after == pytest.approx(4 * before) and found.stage[name].basis == "calibrated"


def test_the_page_on_planning_says_what_is_found_now(demo, idle):
    """Within 15 points: the page is of one commit, and times differ from one rerun to the next."""
    page = (ROOT / "docs/planning.md").read_text(encoding="utf-8")
    rows = {
        row[0]: (int(row[1]), int(row[5].strip(" %")))
        for row in (
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in re.findall(r"^\| (?:adapt|frozen|tuned_\w+|all) .*", page, re.MULTILINE)
        )
    }
    kinds = {p.kind for p in demo.predictions}
    assert rows.keys() == kinds | {"all"}
    for kind, (runs, error) in rows.items():
        found = [p for p in demo.predictions if kind in ("all", p.kind)]
        assert runs == len(found)
        assert error / 100 == pytest.approx(together(found), abs=0.15), kind
