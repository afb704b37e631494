"""Every study beyond the paper composes on every kind of profile, without weights or data."""

import re
from pathlib import Path

import pytest

from replication.encoders.sources.places import load_places
from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.paper.cells import sweep_cells
from replication.paper.questions import load_questions
from replication.pipeline.plan.plan import plan
from replication.pipeline.plan.stages import study

ROOT = Path(__file__).parents[3]
STUDIES = sorted(path.stem for path in (ROOT / "conf/study").glob("*.yaml"))
BEYOND = [name for name in STUDIES if name != "none"]
PROFILES = ["demo", "mind-small"]  # one that makes its data, one that fetches them
LARGE = [name for name in BEYOND if "mind-large" in (ROOT / f"conf/study/{name}.yaml").read_text()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "name"),
    [(p, n) for n in BEYOND for p in PROFILES] + [("mind-large", n) for n in LARGE],
)
def test_every_stage_of_a_study_has_what_it_needs(studied, profile, name):
    """What is embedded is read, what is read is embedded, and no stage is left over from the
    profile's own study of the paper."""
    params, graph = studied(profile, name)
    assert (params.profile, params.study) == (profile, name)
    assert all(need in graph for needs in graph.values() for need in needs)
    runs = [
        stage for stage in graph if stage.startswith(("grid@", "grid-llm@", "sweep@", "parts@"))
    ]
    read = {need for run in runs for need in graph[run] if need.startswith("embed")}
    made = {stage for stage in graph if stage.startswith("embed")}
    assert runs and read == made
    assert {f"checkpoint@{key}" for key in params.encoders} <= graph.keys()
    assert {f"adapt@{key}" for key in params.adapters} <= graph.keys()
    assert all(cell.layers is not None for cell in sweep_cells(params)), "no depth to compare"
    held = {*params.grid.encoders, *params.grid.llms}
    assert set(params.questions.ladder) <= held


@pytest.mark.parametrize("name", [name for name in BEYOND if name.startswith("size")])
def test_a_ladder_is_one_family_smallest_first(studied, name):
    params, _ = studied("demo", name)
    rungs = [params.encoders[key] for key in params.questions.ladder]
    assert len(rungs) >= 3 and list(params.encoders) == list(params.questions.ladder)
    sizes = [rung.layers * rung.width**2 for rung in rungs]
    assert sizes == sorted(sizes) and len(set(sizes)) == len(sizes)
    assert {rung.family for rung in rungs} == {"causal"} and not params.adapters
    assert params.grid.tunings == ("frozen",) and len(params.grid.seeds) == 3


TABLE = 128_256 * 8_192  # Llama 3's tokens, of the largest's width; its head is as large


@pytest.mark.parametrize(
    ("name", "largest", "size", "memory"),
    [
        ("size-qwen3", "qwen3-32b", 32.76e9, 2 * (32.76e9 - 0.78e9)),
        # In 4 bits with a scale of 4 bytes for 64 weights, but for the table and the head.
        ("size-llama", "llama-70b", 70.55e9, (70.55e9 - 2 * TABLE) * (4 + 32 / 64) / 8 + 4 * TABLE),
    ],
)
def test_the_largest_model_is_planned_by_its_own_parameters(bare, name, largest, size, memory):
    """Each fits one device of 80 GB. The checkpoint is in 16 bits, with the head."""
    found = bare("mind-small", "1xH100", name)
    stage = found.stage[f"embed@{largest}"]
    assert stage.memory == pytest.approx(memory, rel=0.01)
    assert found.machine.memory == 80e9 and found.fits(stage) and found.unfit == []
    assert found.stage[f"checkpoint@{largest}"].disk == pytest.approx(2 * size, rel=0.03)
    assert f"--study {name} " in found.command


@pytest.mark.parametrize(
    ("held", "devices", "memory", "fits"),
    [
        ("[spread]", "1xH100", 141.1e9, False),
        ("[spread]", "2xH100", 141.1e9 / 2, True),
        ("[nf4, spread]", "2xRTX4090", 42.7e9 / 2, True),
        ("[]", "2xH100", 141.1e9 - 2 * TABLE, False),  # without its head
    ],
)
def test_what_is_spread_is_divided_among_the_devices(own, held, devices, memory, fits):
    path = own / "conf/encoders/llama-sizes.yaml"
    path.write_text(path.read_text().replace("held: [nf4]", f"held: {held}"))
    found = plan("mind-small", devices, "size-llama")
    stage = found.stage["embed@llama-70b"]
    assert stage.memory == pytest.approx(memory, rel=0.01)
    assert found.fits(stage) == fits


def test_entries_that_stand_in_two_files_are_the_same():
    encoders = ROOT / "conf/encoders"
    more, sizes = (read_yaml(encoders / f"{name}.yaml") for name in ("more", "llama-sizes"))
    assert sizes["llama-8b"] == more["llama-8b"]
    depths = read_yaml(encoders / "smollm2-depths.yaml")
    offline = read_yaml(encoders / "offline.yaml")["smollm2"]
    assert depths["smollm2-l12"] == offline == read_yaml(encoders / "smollm2.yaml")["smollm2"]
    own = read_yaml(encoders / "offline.yaml")["minilm"]
    assert read_yaml(encoders / "minilm.yaml")["minilm"] == own
    assert depths["smollm2"] == offline | {"layers": 30}
    five = read_yaml(encoders / "languages-offline.yaml")
    known = read_yaml(encoders / "offline.yaml") | depths
    known["minilm-l1"] = known["minilm-l3"] | {"layers": 1}
    known["smollm2-l3"] = depths["smollm2-l6"] | {"layers": 3}
    assert five == {name: known[name] for name in five}


def test_what_a_study_fetches_is_told_with_its_licence(studied):
    known = load_places().repositories
    entries = [e for name in BEYOND for e in studied("demo", name)[0].encoders.values()]
    assert {entry.name for entry in entries if entry.source == "hub"} <= known.keys()


def test_the_commands_of_questions_name_studies_that_there_are():
    commands = [question.command for question in load_questions() if question.command]
    named = {name for command in commands for name in re.findall(r"study=([\w-]+)", command)}
    assert named and named <= set(BEYOND)


def test_a_study_that_there_is_not_is_refused_with_those_that_there_are(configuration, monkeypatch):
    monkeypatch.chdir(configuration)
    with pytest.raises(StudyError, match="study: 'drifts' is not accepted; accepted: drift, "):
        study("demo", "drifts")


def test_a_rung_that_is_no_encoder_is_refused(own):
    path = own / "conf/study/size.yaml"
    path.write_text(path.read_text().replace("ladder: *ladder", "ladder: [smollm3]"))
    with pytest.raises(StudyError, match=r"questions\.ladder: 'smollm3' is not accepted; accepted"):
        study("demo", "size")
