"""A plan of each shipped profile, from its configuration alone."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from replication.__main__ import main
from replication.files.errors import StudyError
from replication.pipeline.plan.plan import as_json, plan
from replication.pipeline.plan.text import text
from replication.report.machines import machine

ROOT = Path(__file__).parents[3]

PROFILES = ["demo", "mind-small", "mind-large"]
# A protocol without a seed shares nothing; other starts are left by frozen runs.
STARTS = {
    "demo": {"start@nrms-minilm-finetuned-released-s1"},
    "mind-small": set(),
    "mind-large": set(),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_stage_of_dvc_is_placed_once_after_what_it_needs(bare, profile):
    found = bare(profile, "3xH100")
    assert found.params.profile == profile
    assert found.predictions == () and found.known.runs == ()
    at = {place.name: place for place in found.placed}
    assert at.keys() == found.stage.keys() and len(at) == len(found.placed)
    assert {name for name in at if name.startswith("start@")} == STARTS[profile]
    grid, sweep = found.params.grid, found.params.sweep
    seeds, protocols = len(grid.seeds), len(grid.protocols)
    cells = len(grid.recommenders) * protocols * seeds
    counts = Counter(stage.group for stage in found.stages)
    assert counts["grid"] == cells * len(grid.encoders) * len(grid.tunings)
    assert counts["grid-llm"] == cells * len(grid.llms)
    also = grid.also
    trained = len(also.recommenders) * len(also.encoders) * len(also.tunings)
    assert counts["also"] == trained * len(also.protocols) * seeds
    read = len(also.llm_recommenders) * len(also.llms)
    assert counts["also-llm"] == read * len(also.protocols) * seeds
    assert counts["sweep"] == len(grid.recommenders) * len(sweep.layers) * seeds
    assert counts["checkpoint"] == counts["embed"] == len(found.params.encoders)
    assert counts["adapt"] == counts["embed-adapted"] == len(found.params.adapters)
    for stage in found.stages:
        assert all(at[need].end <= at[stage.name].start for need in stage.needs)
        unknown = {
            "check",
            "code-encoders",
            "code-runs",
            "baselines",
            "compare",
            "questions",
            "report",
            "inventory",
        }
        unknown |= {"data"} if profile == "demo" else set()
        assert (stage.basis == "start-up") == (stage.name in unknown), stage.name
    assert found.device_seconds == pytest.approx(sum(s.seconds for s in found.stages))
    assert found.chain_seconds <= found.seconds <= found.device_seconds
    assert sum(took for *_, took in found.by_group()) == pytest.approx(found.device_seconds)
    assert sum(took for _, took in found.by_part()) == pytest.approx(found.device_seconds)


def test_a_start_is_counted_once_for_all_runs_that_begin_from_it(bare, own):
    """Runs that begin so take what they take fresh, and wait for the frozen run that leaves their
    start, or, without one in the study, for a start that is trained once for all of them."""
    found = bare("demo", "2xcore")
    tuned = "sweep@lstur-minilm-finetuned-k0-clean-s1", "grid@lstur-minilm-finetuned-clean-s1"
    for name in tuned:
        assert "grid@lstur-minilm-frozen-clean-s1" in found.stage[name].needs
    profile = own / "conf/profile/demo.yaml"
    written = profile.read_text(encoding="utf-8")

    def again(old: str, new: str):
        assert old in written
        profile.write_text(written.replace(old, new), encoding="utf-8")
        return plan("demo", "2xcore")

    fresh = again("start: frozen", "start: fresh")
    assert found.stage.keys() - fresh.stage.keys() == STARTS["demo"]
    inside = "audit@layers"  # which trains its own starts
    for name, stage in fresh.stage.items():
        assert name == inside or found.stage[name].parts == pytest.approx(stage.parts)
    more = found.stage[inside].seconds - fresh.stage[inside].seconds
    (start,) = (found.stage[name] for name in STARTS["demo"])
    assert found.device_seconds - fresh.device_seconds == pytest.approx(start.seconds + more)
    assert more > 0
    assert 0 < start.seconds < found.stage["grid@nrms-minilm-frozen-clean-s1"].seconds

    alone = again("tunings: [frozen, finetuned]", "tunings: [finetuned]")
    name = "start@lstur-minilm-frozen-clean-s1"
    assert [name in alone.stage[run].needs for run in tuned] == [True, True]
    assert len(STARTS["demo"] & alone.stage.keys()) == 1
    assert sum(stage.startswith("start@") for stage in alone.stage) == 1 + 3 * 2


@pytest.mark.parametrize(("profile", "hours"), [("mind-mini", (0, 1)), ("laptop", (1, 2.1))])
def test_profiles_for_two_cores_stay_within_their_time(bare, profile, hours):
    """Before anything was run: the time that their first lines tell."""
    found = bare(profile, "2xcore")
    least, most = (3600 * bound for bound in hours)
    assert least <= found.seconds <= most and not found.unfit
    needed = {"check", "data", "prepare", "checkpoint@static", "embed@static", "experiment"}
    if profile == "mind-mini":  # the first figure
        assert sum(found.stage[name].seconds for name in needed) <= 180


@pytest.mark.parametrize("profile", ["demo", "mind-large"])
def test_more_devices_never_take_longer(bare, profile):
    found = bare(profile, "H100")
    wall = [found.on(devices) for devices in (1, 2, 3, 4, 8, 16, 64)]
    assert wall == sorted(wall, reverse=True)
    assert wall[0] == pytest.approx(found.device_seconds)
    assert wall[-1] == pytest.approx(found.chain_seconds, rel=0.01)


def test_a_faster_device_takes_less(bare):
    slow, fast = bare("mind-large", "RTX4090"), bare("mind-large", "H100")
    assert fast.device_seconds < slow.device_seconds
    assert fast.files == slow.files


def test_what_does_not_fit_is_said(bare):
    """8 billion weights of 16 bits are more than a device of 16 GB has."""
    large = bare("mind-large", "H100")
    small = replace(large, machine=replace(large.machine, memory=16e9))
    assert large.unfit == [] and "all stages fit" in text(large)
    unfit = [stage.name for stage in small.unfit]
    assert "adapt@llama-8b-instruct-lora" in unfit and "embed@llama-8b-instruct" not in unfit
    rows = as_json(small)["stages"]
    assert {row["name"] for row in rows if row["memory_bytes"] > 16e9} == set(unfit)
    assert {row["name"] for row in rows if not row["fits"]} == set(unfit)
    lines = text(small).splitlines()
    said = [line.split("|")[1].strip() for line in lines if "does not fit |" in line]
    assert set(said) == set(unfit)
    (total,) = [line for line in lines if "**does not fit**" in line]
    assert all(name in total for name in unfit)


def test_the_text_names_what_it_assumes_and_marks_each_figure(bare):
    found = bare("mind-large", "8xH100")
    shown = text(found)
    assert "python -m replication plan --profile mind-large --gpus 8xH100" in shown
    assert "989 TFLOP/s" in shown and "embed 39% (measured)" in shown
    assert "on 8 devices" in shown and "nothing is calibrated" in shown
    assert "which more devices do not shorten: check -> data -> prepare -> " in shown
    rows = [line.strip("|").split("|") for line in shown.split("## The order")[1].splitlines()]
    rows = [[cell.strip() for cell in row] for row in rows if len(row) == 7][2:]
    assert len(rows) == len(found.stages)
    for row in rows:
        assert row[1] in ("estimated", "start-up")
        assert all(figure[0] in "~-" for figure in row[3:]), row


def test_the_bottleneck_is_what_limits(bare):
    assert "Bottleneck: device time, above all" in text(bare("mind-large", "1xH100"))
    many = bare("mind-large", "64xH100")
    (line,) = [line for line in text(many).splitlines() if "Bottleneck" in line]
    assert "the longest chain, and in it audit@" in line and "audit.max_steps" in line
    longest = max(many.chain, key=lambda name: many.stage[name].seconds)
    assert longest in line


def test_disk_is_counted_once_where_stages_share_it(bare):
    found = bare("mind-large", "H100")
    assert sum(found.files.values()) < sum(stage.disk for stage in found.stages)
    # Pinned: 2,176,768,927 bytes of GloVe; 8.03 billion weights of 16 bits.
    assert found.files["checkpoints/glove"] == 2_176_768_927
    assert found.files["checkpoints/llama-8b-instruct"] == pytest.approx(16_060_522_496, rel=0.01)
    assert found.files["checkpoints/bert-base"] == pytest.approx(109_482_240 * 4, rel=0.02)
    assert found.files["data/raw"] > 531_360_717 + 103_592_887


def test_json_is_the_same_plan(bare, capsys):
    assert main(["plan", "--profile", "mind-large", "--gpus", "2xA100", "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    found = bare("mind-large", "2xA100")
    assert read["seconds"] == pytest.approx(found.seconds)
    assert read["critical_path"] == list(found.chain)
    for row in read["stages"]:
        assert row["seconds"] == pytest.approx(sum(row["parts"].values()))
        assert row["start"] + row["seconds"] <= read["seconds"] * (1 + 1e-9)
        assert row["device"] in (0, 1)
    assert read["machine"]["operations"] == machine("A100").operations


def test_without_names_it_is_params_yaml_on_what_its_profile_is_meant_for(bare):
    found = bare(None, None)
    assert (found.params.profile, found.devices) == ("demo", 1)
    assert found.machine == machine("core")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--gpus", "8xTPU"], "device: 'TPU' is not accepted; accepted: core, "),
        (["--profile", "huge"], "profile: 'huge' is not accepted; accepted: demo, laptop, local, "),
        (["--profile", "local"], "reports/data.json: is not of profile local, the size of "),
        (["--gpus", "eight"], "'eight' is not accepted; accepted: core"),
        (["--gpus", "8"], "--gpus: '8' is not accepted; expected a number and a device"),
    ],
)
def test_an_error_is_one_line(bare, capsys, arguments, told):
    assert main(["plan", *arguments]) == 1
    error = capsys.readouterr().err
    assert told in error and error.startswith("error: ") and error.count("\n") == 1


def test_a_broken_profile_is_told_in_one_line(own):
    (own / "conf/profile/demo.yaml").write_text("profile: [", encoding="utf-8")
    with pytest.raises(StudyError, match="conf: cannot be composed: "):
        plan("demo", None)


@pytest.mark.parametrize("stages", ["stages: [", "stages: {a: {cmd: 'true', deps: 3}}"])
def test_a_broken_pipeline_is_told_in_one_line(own, stages):
    (own / "dvc.yaml").write_text(stages, encoding="utf-8")
    with pytest.raises(StudyError, match=r"dvc\.yaml: DVC cannot read it: .*") as error:
        plan("demo", None)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_it_imports_no_torch():
    """The grid plans before its first stage, which would wait for it."""
    code = (
        "import sys; from replication.__main__ import main; status = main(['plan']); "
        "print(status, [m for m in ('torch', 'transformers') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == "0 []"
