"""Two processes give what one gives: the same losses, metrics, vectors, scores and adapter."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import two_processes
from project_params import change_params
from ruamel.yaml import YAML
from safetensors.numpy import load_file

from replication.__main__ import main
from replication.encoders.models import states
from replication.evaluation.scoring import score
from replication.experiment.fitting import build_recommender, training_and_selection
from replication.machine import processes
from replication.machine.launch import share_stage
from replication.mind.columns.prepared import load_prepared
from replication.study import paths
from replication.study.params import load_params
from replication.training.batches import draw_each_epoch, draw_once

pytestmark = pytest.mark.slow

YAML_OF = YAML(typ="safe", pure=True)
CELLS = [  # each recommender, each kind of encoder, both protocols
    pytest.param("nrms", "minilm", "finetuned", "clean", marks=pytest.mark.slow),
    pytest.param("naml", "minilm", "finetuned", "released", marks=pytest.mark.slow),
    ("lstur", "static", "finetuned", "clean"),
    pytest.param("lstur", "minilm", "frozen", "released", marks=pytest.mark.slow),
]


@pytest.fixture
def pair(inputs, tmp_path) -> tuple[Path, Path]:
    """The project twice: for one process, and for two."""
    folders = tmp_path / "alone", tmp_path / "shared"
    for folder in folders:
        shutil.copytree(inputs, folder)
    return folders


def change_both(pair: tuple[Path, Path], **values) -> None:
    for folder in pair:
        change_params(folder, **values)


def in_both(pair: tuple[Path, Path], *command: str) -> None:
    for count, folder in enumerate(pair, start=1):
        two_processes.run(folder, count, main, list(command))


def outcome(folder: Path) -> dict:
    """All that an experiment writes, but for times and memory."""
    run = folder / "reports/experiment"
    found = {name: json.loads((run / f"{name}.json").read_bytes())
             for name in ("metrics", "cold_start", "cost", "run")}  # fmt: skip
    assert sorted(p.name for p in run.iterdir()) == sorted(f"{name}.json" for name in found)
    return found


# ---------------------------------------------------------------- what each process has


# ---------------------------------------------------------------- the same results


@pytest.mark.parametrize(("recommender", "encoder", "tuning", "protocol"), CELLS)
def test_training_equals_that_of_one_process(pair, recommender, encoder, tuning, protocol):
    """Also at the end of an epoch, where one sample is left for two processes. (The released [CLS]
    head, which drops out whatever the parameters say, is left out.)"""
    rules = YAML_OF.load((pair[0] / f"conf/protocol/{protocol}.yaml").read_text(encoding="utf-8"))
    change_both(pair, recommender=recommender, encoder=encoder, tuning=tuning)
    change_both(pair, protocol=rules | {"seeded": True, "head": "same"})
    schedule = {"max_steps": 9, "max_epochs": 9, "evaluate_every": 3, "patience": 9}
    schedule["batch_size"] = last_batch_of_one(pair[0])
    for kind in ("frozen", "tuned_words", "tuned_layers"):
        change_both(pair, **{f"training__{kind}__{k}": v for k, v in schedule.items()})
    in_both(pair, "experiment")
    alone, shared = map(outcome, pair)
    points = zip(alone["run"]["training"]["curve"], shared["run"]["training"]["curve"], strict=True)
    for (step, loss, auc), (step_too, loss_too, auc_too) in points:
        assert step == step_too and loss == pytest.approx(loss_too, abs=1e-5)
        assert auc == pytest.approx(auc_too, abs=1e-6)
    curve = alone["run"]["training"]["curve"]
    assert len({loss for _, loss, _ in curve}) == len(curve) == 3
    for key in ("auc", "mrr", "ndcg@5", "ndcg@10"):
        assert alone["metrics"][key] == pytest.approx(shared["metrics"][key], abs=1e-6)
    for key in ("steps", "epochs", "samples", "best_step"):
        assert alone["run"]["training"][key] == shared["run"]["training"][key]
    assert alone["run"]["id"] == shared["run"]["id"]
    assert [x["cost"]["processes"] for x in (alone, shared)] == [1, 2]
    assert [x["run"]["computing"]["processes"] for x in (alone, shared)] == [1, 2]
    assert alone["run"]["params"] == shared["run"]["params"]


def last_batch_of_one(folder: Path) -> int:
    """A batch size from which one sample is left over at the end of an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        params = load_params()
        learn, _ = training_and_selection(params, load_prepared(paths.PREPARED))
    rules = params.protocol
    draw = draw_once if rules.negatives_drawn == "once" else draw_each_epoch
    samples = len(draw(learn, rules.negatives, np.random.default_rng(0)))
    return next(size for size in range(9, samples) if samples % size == 1)


def test_vectors_are_the_same_bytes(pair):
    for encoder in ("minilm", "llama", "static"):
        for folder in pair:
            shutil.rmtree(folder / "embeddings" / encoder, ignore_errors=True)
        in_both(pair, "embed", encoder)
        files = [sorted((folder / "embeddings" / encoder).iterdir()) for folder in pair]
        assert [p.name for p in files[0]] == [p.name for p in files[1]] and len(files[0]) > 4
        for one, other in zip(*files, strict=True):
            assert one.read_bytes() == other.read_bytes(), one.name


def write_scores() -> None:
    """Scores of the test split by a recommender that has learned nothing yet."""
    params = load_params()
    share_stage(params.training.launch, [])
    data = load_prepared(paths.PREPARED)
    torch.manual_seed(1)
    model = build_recommender(params, data)
    scores = score(model, data.test, params, "fp32")
    np.save(f"scores{processes.rank()}.npy", scores, allow_pickle=False)
    processes.leave()


def test_scores_are_the_same_numbers_in_each_process(pair):
    for count, folder in enumerate(pair, start=1):
        two_processes.run(folder, count, write_scores)
    alone = (pair[0] / "scores0.npy").read_bytes()
    assert alone == (pair[1] / "scores0.npy").read_bytes() == (pair[1] / "scores1.npy").read_bytes()
    assert len(np.unique(np.load(pair[0] / "scores0.npy", allow_pickle=False))) > 50


@pytest.mark.slow
def test_an_audit_is_shared_run_by_run(pair):
    change_both(pair, audit__bases=["clean"])
    in_both(pair, "audit", "words")
    runs = [json.loads((p / "reports/audit/words.json").read_bytes())["runs"] for p in pair]
    seeded = [name for name in runs[0] if "D11" not in name and runs[0][name]["auc"] is not None]
    assert len(seeded) > 8
    for name in seeded:
        assert runs[0][name]["auc"] == pytest.approx(runs[1][name]["auc"], abs=1e-6), name
    assert "audit: clean/frozen, lstur static frozen" in (pair[1] / "log0").read_text(
        encoding="utf-8"
    )
    assert not (pair[1] / "log1").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fsdp", "base", "apart"), [(False, "fp32", 1e-5), (True, "fp32", 1e-5), (True, "bf16", 0.03)]
)
def test_lora_equals_that_of_one_process(pair, fsdp, base, apart):
    """With all weights in each process, and with a share of them in each.

    In bfloat16, whose numbers near 1 are 1/128 apart, losses have been seen to differ by 0.009;
    from step to step they change by up to 0.14.
    """
    change_params(pair[1], training__launch={"processes": 2, "fsdp": fsdp})
    changes = {"base_format": base, "learning_rate": 0.03 if base == "fp32" else 0.003}
    change_both(pair, **{f"adapters__llama-lora__{key}": value for key, value in changes.items()})
    in_both(pair, "adapt", "llama-lora")
    curves, weights = [], []
    for folder in pair:
        made = folder / "checkpoints/llama-lora"
        curves.append(json.loads((made / "source.json").read_bytes())["training"])
        weights.append(load_file(made / "adapter_model.safetensors"))
    assert curves[0]["trainable_parameters"] == curves[1]["trainable_parameters"]
    assert len(curves[0]["loss"]) == 12
    for (step, loss), (step_too, loss_too) in zip(*(c["loss"] for c in curves), strict=True):
        assert step == step_too and loss == pytest.approx(loss_too, abs=apart)
    assert weights[0].keys() == weights[1].keys()
    for name, values in weights[0].items() if base == "fp32" else ():
        np.testing.assert_allclose(values, weights[1][name], atol=1e-4, err_msg=name)
    recorded = json.loads((pair[1] / "reports/adapters/llama-lora.json").read_bytes())
    assert recorded["processes"] == 2


# ---------------------------------------------------------------- one is lost


def embed_until_lost() -> int:
    """Embed; the second process is gone when it has computed two batches."""
    kept, calls = states._kept_states, []

    def counted(*given):
        calls.append(given)
        if processes.rank() == 1 and len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return kept(*given)

    states._kept_states = counted
    return main(["embed", "minilm"])


def test_embedding_goes_on_after_the_batches_that_are_done(pair):
    whole, folder = (project / "embeddings/minilm" for project in pair)
    for made in (whole, folder):  # `whole` anew: in batches as small, or its bits can be others
        shutil.rmtree(made)
    two_processes.run(pair[0], 1, main, ["embed", "minilm"])
    running = two_processes.start(pair[1], 2, embed_until_lost)
    statuses, printed = two_processes.ended(pair[1], running)
    assert statuses == [1, -signal.SIGKILL]
    assert printed[0].splitlines()[-1] == f"error: {processes.LOST}" and not printed[1]
    assert not folder.exists()
    (record,) = folder.parent.glob(".minilm.*/.title.done")
    done = int(record.read_text(encoding="utf-8").split()[0])  # beside the seconds it took
    assert done > 0
    two_processes.run(pair[1], 2, main, ["embed", "minilm"])
    for path in sorted(whole.iterdir()):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    assert not list(folder.parent.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "adapt in shares"])
def test_a_lost_process_ends_the_other_and_the_rest_ends_the_same(pair, stage):
    """With dropout, of which each process draws its own."""
    whole, folder = pair
    change_both(pair, model__dropout=0.2, model__user_dropout=0.5)
    change_both(pair, recommender="lstur", encoder="static")
    change_both(pair, training__tuned_words__max_steps=40, training__tuned_words__max_epochs=30)
    change_both(pair, **{"adapters__llama-lora__dropout": 0.1})
    change_both(pair, training__launch={"processes": 2, "fsdp": True})
    command, state = ["adapt", "llama-lora"], "adapt/llama-lora"
    if stage == "train":
        command, state = ["experiment"], "training/lstur-static-finetuned-clean-s1"
    two_processes.run(whole, 2, main, command)
    running = two_processes.start(folder, 2, main, command)
    two_processes.wait_for(folder / f"cache/{state}-*.safetensors", running)
    os.kill(running[1].pid, signal.SIGKILL)
    statuses, printed = two_processes.ended(folder, running)
    assert statuses == [1, -signal.SIGKILL]
    assert printed[0].splitlines()[-1] == f"error: {processes.LOST}" and not printed[1]
    assert "Traceback" not in printed[0]
    two_processes.run(folder, 2, main, command)
    if stage == "train":
        one, other = map(outcome, pair)
        assert other["cost"]["resumed"] == 1
        assert one["metrics"] == other["metrics"] and one["cold_start"] == other["cold_start"]
        assert one["run"]["training"] == other["run"]["training"]
    else:
        made = "checkpoints/llama-lora/adapter_model.safetensors"
        assert (whole / made).read_bytes() == (folder / made).read_bytes()
        assert not list((folder / "cache/adapt").iterdir())
