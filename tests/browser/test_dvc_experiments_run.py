"""Experiments as DVC itself leaves them: found, restored, made again."""

import shlex
import shutil
from pathlib import Path

import pytest
from repositories import shell

from replication.browser.content.candidates import candidates
from replication.browser.content.scores import find_scores
from replication.browser.workspace import dvc_experiments
from replication.browser.workspace.dvc_experiments import read_dvc_experiments, rerun

ROOT = Path(__file__).parents[2]
STAGES = """
stages:
  check:
    cmd: cp params.yaml checked
    deps: [params.yaml]
    outs: [checked]
  experiment:
    cmd: python run.py
    params: [seed]
    outs: [runs/experiment.parquet]
    metrics:
      - reports/experiment/run.json: {cache: false}
      - reports/experiment/metrics.json: {cache: false}
"""
# A stand-in of the study's: a run that names its parameters, of which no two are the same.
RUN = """
import json, pathlib, time, yaml
params = yaml.safe_load(pathlib.Path("params.yaml").read_text())
for folder in ("reports/experiment", "runs"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
metrics = dict.fromkeys(("auc", "mrr", "ndcg@5", "ndcg@10"), 0.5 + params["seed"] / 100)
ends = dict.fromkeys(metrics)
run = {"id": "a", "profile": "small", "seed": params["seed"], "params": params,
       "data_sha256": {}, "checkpoint": {"encoder": "tiny", "sha256": {}}, "libraries": {},
       "hardware": {"processor": None, "cores": None, "memory_gib": None, "gpu": None},
       "training": {"steps": 1}, "started": time.time_ns().__str__()}
pathlib.Path("reports/experiment/run.json").write_text(json.dumps(run))
pathlib.Path("reports/experiment/metrics.json").write_text(
    json.dumps(metrics | {"impressions": 5, "ci95": ends}))
pathlib.Path("runs/experiment.parquet").write_text("scores")
"""


@pytest.mark.slow
def test_an_experiment_of_another_stage_is_no_result(repository):
    """`dvc exp run STAGE` leaves the run of the commit, or of an edited folder, as it was."""
    Path("dvc.yaml").write_text(STAGES)
    Path("run.py").write_text(RUN)
    described = "profile: small\nrecommender: nrms\nencoder: tiny\ntuning: frozen\nseed: 1\n"
    Path("params.yaml").write_text(described)
    shell("dvc", "init", "-q")
    shell("git", "add", "-A")
    shell("git", "commit", "-qm", "study")
    shell("dvc", "exp", "run", "-q", "-n", "early", "check")
    shell("dvc", "repro", "-q")
    shell("git", "add", "-A")
    shell("git", "commit", "-qm", "results")
    shell("dvc", "exp", "run", "-q", "-n", "whole", "-S", "seed=2")
    shell("git", "checkout", "-q", "--", ".")
    shell("dvc", "checkout", "-q")
    shell("dvc", "exp", "run", "-q", "-n", "part", "-S", "seed=3", "check")
    shell("git", "checkout", "-q", "--", ".")
    Path("params.yaml").write_text(described.replace("seed: 1", "seed: 4"))
    shell("dvc", "repro", "-q")  # of which nothing is committed
    shell("dvc", "exp", "run", "-q", "-n", "edited", "-S", "seed=5", "check")

    found = candidates((), read_dvc_experiments().found)
    states = {key: candidate.state for key, candidate in found.items()}
    assert {key: state.word for key, state in states.items()} == {
        "exp:edited": "not run", "exp:part": "not run", "exp:whole": "ready",
        "exp:early": "not run",
    }  # fmt: skip
    assert found["exp:whole"].run.cell.metrics["auc"] == 0.52
    for name, why in (
        ("part", "the run of the commit that it started from"),
        ("edited", "a run of other parameters (seed was 4, is 5)"),
        ("early", "no run"),
    ):
        assert found[f"exp:{name}"].run.cell.metrics is None
        reason = states[f"exp:{name}"].reason
        assert "has not run the stage `experiment`" in reason
        assert why in reason
        assert f"`dvc exp apply {name} && dvc repro experiment`" in reason
    assert found["exp:part"].description == "NRMS, tiny, frozen, unknown, seed 3"


@pytest.mark.slow
def test_what_dvc_leaves_is_found_restored_and_made_again(repository):
    """A project of one stage, which writes its parameters to all results."""
    outs = "".join(
        f"      - reports/experiment/{name}.json: {{cache: false}}\n"
        for name in ("cost", "run", "cold_start", "metrics")
    )
    targets = "runs/experiment.parquet " + " ".join(
        f"reports/experiment/{name}.json" for name in ("cost", "run", "cold_start", "metrics")
    )
    Path("dvc.yaml").write_text(
        "stages:\n  experiment:\n"
        f"    cmd: mkdir -p reports/experiment runs && tee {targets} < params.yaml\n"
        "    params: [seed, protocol, profile, training, encoders]\n"
        f"    outs:\n      - runs/experiment.parquet\n{outs}"
    )
    shutil.copytree(ROOT / "conf", "conf")
    shutil.copy(ROOT / "params.yaml", ".")
    shell("dvc", "init", "-q")
    shutil.copy(ROOT / ".dvc/config", ".dvc/config")
    shell("git", "add", "-A")
    shell("git", "commit", "-qm", "study")
    asked = ["-S", "profile=mind-small", "-S", "protocol.negatives=3"]
    shell("dvc", "exp", "run", "-q", "-n", "mine", *asked)
    params = Path("params.yaml").read_bytes()
    (found,) = read_dvc_experiments().found
    assert found.baseline == shell("git", "rev-parse", "HEAD")
    assert found.files == dict.fromkeys(dvc_experiments.FILES, params)
    assert find_scores(None, found.scores_md5).read_bytes() == params
    assert rerun(found) == f"dvc exp run {shlex.join(asked)}"
    shell("git", "checkout", "-q", "--", ".")
    assert Path("params.yaml").read_bytes() != params
    shell(*shlex.split(found.restore))
    assert Path("params.yaml").read_bytes() == params
    shell("git", "checkout", "-q", "--", ".")
    shell(*shlex.split(rerun(found)), "-q", "-n", "again")
    assert {each.name: each.files for each in read_dvc_experiments().found} == {
        "mine": found.files, "again": found.files
    }  # fmt: skip
