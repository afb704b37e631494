"""Which of sbatch's options a job gets, of ours and the user's."""

import pytest

from replication.files.errors import StudyError
from replication.pipeline.grid import slurm
from replication.pipeline.grid.graph import Stage
from replication.pipeline.grid.options import combined

OURS = ("--cpus-per-task=4", "--gres=gpu:1", "--time=30", "--mem=8G")
DATA = ("--cpus-per-task=4",)


@pytest.mark.parametrize(
    ("theirs", "gives_way", "of_gpus"),
    [
        ("--mem-per-gpu=40G", "--mem", True),
        ("--mem-per-gpu 40G", "--mem", True),
        ("--mem-per-cpu=4G", "--mem", False),
        ("--mem=0", "--mem", False),
        ("--gres=gpu:a100:2", "--gres", True),
        ("--gpus=2", "--gres", True),
        ("--gpus-per-node=a100:2", "--gres", True),
        ("--gpus-per-task=1", "--gres", True),
        ("--gpus-per-socket=1", "--gres", True),
        ("--tres-per-task=gres:gpu:2", "--gres", True),
        ("--tres-per-task=cpu:2", "--cpus-per-task", False),
        ("-G 2", "--gres", True),
        ("-G2", "--gres", True),
        ("--cpus-per-gpu=8", "--cpus-per-task", True),
        ("--cpus-per-task=8", "--cpus-per-task", False),
        ("-c 8", "--cpus-per-task", False),
        ("--time=5:00", "--time", False),
        ("-t5", "--time", False),
        ("--gpu-bind=none", None, True),
        ("--qos=low", None, False),
        ("--exclusive", None, False),
    ],
)
def test_ours_gives_way_to_another_of_its_family(theirs, gives_way, of_gpus):
    left = [option for option in OURS if option.partition("=")[0] != gives_way]
    assert combined(OURS, [theirs], gpu=True) == (*left, *theirs.split())
    found = combined(DATA, [theirs], gpu=False)
    if of_gpus:
        assert found == DATA
    else:
        own = DATA if gives_way != "--cpus-per-task" else ()
        assert found == (*own, *theirs.split())


def test_what_is_no_gpu_stands_beside_ours():
    theirs = ["--gres=lscratch:100", "--qos=low"]
    kept = ("--cpus-per-task=4", "--time=30", "--mem=8G")
    assert combined(OURS, theirs, True) == (*kept, "--gres=gpu:1,lscratch:100", "--qos=low")
    assert combined(DATA, theirs, False) == (*DATA, *theirs)
    both = ["--gres=lscratch:100,gpu:a100:1"]
    assert combined(OURS, both, True) == (*kept, *both)
    assert combined(DATA, both, False) == (*DATA, "--gres=lscratch:100")


def test_several_in_one():
    assert combined(OURS, ["--gpus=1 --mem-per-gpu 40G -A me"], True) == (
        "--cpus-per-task=4", "--time=30", "--gpus=1", "--mem-per-gpu", "40G", "-A", "me",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["gres=gpu:1", "", "low", "--comment='a"])
def test_what_is_no_option_is_told(text):
    with pytest.raises(StudyError, match=r"^--sbatch-option: .* accepted: an option of sbatch"):
        combined(OURS, [text], True)


def test_only_stages_that_compute_ask_for_gpus(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    plain = {"data", "prepare", "checkpoint@a", "baselines", "compare", "collect"}
    computing = ("embed", "embed-adapted", "adapt", "grid", "grid-llm", "sweep", "audit")
    names = [*sorted(plain - {"collect"}), *(f"{kind}@x" for kind in computing), "experiment"]
    stages = {name: Stage(name, None, (), True) for name in names}
    options = ("--gpus=1", "--mem-per-gpu=40G", "--qos=low")
    slurm.submit(stages, names, lambda _: ("--mem=1G",), None, options, True)
    printed = capsys.readouterr().out
    assert printed.count("--qos=low") == printed.count("sbatch ")
    for job in printed.split("sbatch ")[1:]:
        (inside,) = (line for line in job.splitlines() if line.startswith("names=("))
        asks = "--gpus=1" in job and "--mem-per-gpu=40G" in job and "--mem=1G" not in job
        none = "--gpus" not in job and "--mem-per-gpu" not in job
        found = set(inside[len("names=(") : -1].split())
        assert (none and found <= plain) or (asks and not found & plain)
