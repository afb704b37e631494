"""Options of `python -m replication grid` that make no sense are told in one line."""

import sys
from types import SimpleNamespace

import pytest
import torch

from replication.__main__ import main
from replication.pipeline.grid import at_once as slots
from replication.pipeline.grid.at_once import at_once


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jobs", "3", "--gpus", "0,1"], "more than 2 GPUs"),
        (["--slurm", "--gpus", "0"], "this machine's"),
        (["--jobs", "1", "--sbatch-option=--qos=low"], "only with --slurm"),
    ],
)
def test_one_line_tells_what_is_wrong(options, words, capsys):
    assert main(["grid", *options]) == 1
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


@pytest.mark.parametrize("options", [["--jobs", "0"], ["--jobs", "x"], ["--gpus", "0,0"]])
def test_no_number_and_no_list_of_gpus(options):
    with pytest.raises(SystemExit):
        main(["grid", *options])


def test_gpus_say_how_many_unless_jobs_says_fewer():
    assert at_once(None, ["0", "1"]) == (2, ["0", "1"]) and at_once(1, ["0", "1"]) == (1, ["0"])
    assert at_once(3, None) == (3, [])


def test_torch_is_asked_for_gpus_where_there_may_be_one(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: asked.append(1) or 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(slots, "_DEVICES", (tmp_path / "nvidiactl", tmp_path / "kfd"))
    assert slots._gpus() == [] and not asked
    (tmp_path / "kfd").touch()
    assert slots._gpus() == ["0", "1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert slots._gpus() == ["5", "7"]
    (tmp_path / "kfd").unlink()
    monkeypatch.setattr(sys, "platform", "win32")
    assert slots._gpus() == ["5", "7"]


def test_unsaid_it_is_a_stage_a_gpu_or_what_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(slots, "_gpus", lambda: ["0", "1", "2"])
    assert at_once(None, None) == (3, ["0", "1", "2"])

    monkeypatch.setattr(slots, "_gpus", list)
    monkeypatch.setattr(slots, "_largest", lambda: 3.0)
    monkeypatch.setattr(slots.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for free, threads, expected in ((100, "1", 8), (10, "1", 3), (100, "2", 4), (1, "1", 1)):
        memory = SimpleNamespace(available=free)
        monkeypatch.setattr(slots.psutil, "virtual_memory", lambda memory=memory: memory)
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert at_once(None, None) == (expected, [])
