"""params.yaml is the composition of conf/, and a bad key stops everything before any work."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import compose_and_dump

from replication.errors import StudyError
from replication.params import (
    RECOMMENDER_NAMES,
    Params,
    grid_cell,
    load_params,
    load_protocol,
    protocol_label,
    read_yaml,
)
from replication.recommenders import RECOMMENDERS, Sizes

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with the shipped configuration, to be bent."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def compose(*overrides: str) -> Params:
    conf = str(Path("conf").resolve())
    compose_and_dump("params.yaml", conf, None, "config", conf, list(overrides))
    return load_params()


def test_the_committed_parameters_are_the_composition():
    committed = Path("params.yaml").read_text(encoding="utf-8")
    compose()
    assert Path("params.yaml").read_text(encoding="utf-8") == committed


@pytest.mark.parametrize("profile", sorted(p.stem for p in (ROOT / "conf/profile").glob("*.yaml")))
@pytest.mark.parametrize("protocol", ["clean", "released"])
def test_every_shipped_combination_is_valid(profile, protocol):
    params = compose(f"profile={profile}", f"protocol={protocol}")
    assert (params.profile, params.protocol.name) == (profile, protocol)
    assert params.protocol == load_protocol(protocol)


def test_local_uses_the_published_widths_and_the_demo_says_what_it_changes():
    local, demo = compose("profile=local"), compose()
    published = Sizes()
    assert {f: getattr(local.model, f) for f in Sizes.__dataclass_fields__} == vars(published)
    assert (local.text.title_tokens, local.text.abstract_tokens, local.history) == (20, 50, 50)
    assert demo.model.filters < published.filters


def test_names_of_recommenders_are_those_of_the_registry():
    assert set(RECOMMENDER_NAMES) == set(RECOMMENDERS)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["recommender=npa"], ["recommender", "'npa'", "naml, nrms, lstur"]),
        (["encoder=bert"], ["encoder", "'bert'", "minilm", "llama-tiny"]),
        (["finetune_layers=7"], ["finetune_layers", "7", "0 to 6", "minilm"]),
        (["finetune_layers=-1"], ["finetune_layers", "-1", "0 to 6"]),
        (["encoder=minilm-l3", "finetune_layers=4"], ["finetune_layers", "0 to 3"]),
        (["encoder=llama-tiny"], ["tuning", "llama-tiny", "frozen"]),
        (["tuning=half"], ["tuning", "'half'", "frozen"]),
        (["seed=one"], ["seed", "'one'", "integer"]),
        (["grid.recommenders=[]"], ["grid.recommenders", "empty"]),
        (["grid.seeds=[]"], ["grid.seeds", "empty"]),
        (["grid.encoders=[]", "grid.llms=[]"], ["grid.encoders", "empty"]),
        (["grid.encoders=[bert]"], ["grid.encoders", "'bert'", "minilm"]),
        (["grid.protocols=[dirty]"], ["grid.protocols", "'dirty'", "clean, released"]),
        (["+grid.extra=1"], ["unknown key grid.extra", "recommenders", "seeds"]),
        (["+shadow=1"], ["unknown key shadow", "finetune_layers"]),
        (["+training.frozen.momentum=1"], ["unknown key training.frozen.momentum", "patience"]),
        (["+encoders.minilm.depth=1"], ["unknown key encoders.minilm.depth", "layers"]),
        (["training.frozen.batch_size=many"], ["training.frozen.batch_size", "'many'"]),
        (["training.frozen.batch_size=0"], ["training.frozen.batch_size", "1 or more"]),
        (["training.tuned_layers.learning_rate=0"], ["tuned_layers.learning_rate", "more than 0"]),
        (["training.frozen.max_steps=0"], ["training.frozen.max_steps", "1 or more"]),
        (["training.precision=fp8"], ["training.precision", "'fp8'", "bf16"]),
        (["protocol.selection=dev"], ["protocol.selection", "'dev'", "last_day"]),
        (["protocol.negatives=0"], ["protocol.negatives", "1 or more"]),
        (["history=0"], ["history", "1 or more"]),
        (["model.heads=7"], ["model.heads", "7", "a divisor of model.filters = 120"]),
        (
            ["protocol=released", "model.cls_heads=7"],
            ["model.cls_heads", "a divisor of encoders.minilm.width = 384"],
        ),
        (
            ["protocol=released", "encoder=static", "model.heads=8"],
            ["model.heads", "a divisor of encoders.static.width = 300"],
        ),
        (["model.window=2"], ["model.window", "odd"]),
        (["model.dropout=1.0"], ["model.dropout", "below 1"]),
        (["encoders.minilm.finetune_layers=9"], ["encoders.minilm.finetune_layers", "0 to 6"]),
        (["encoders.minilm.source=hub"], ["encoders.minilm.revision", "40 hex"]),
        (
            ["encoders.minilm.source=hub", "+encoders.minilm.revision=main"],
            ["encoders.minilm.revision", "'main'"],
        ),
        (["~seed"], ["seed", "missing"]),
    ],
)
def test_a_bad_parameter_names_its_key_and_what_is_accepted(overrides, words):
    with pytest.raises(StudyError) as error:
        compose(*overrides)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word.lower() in message.lower(), message


def test_broken_yaml_names_the_file():
    Path("params.yaml").write_text("a: [1\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"params.yaml: not valid YAML"):
        load_params()
    Path("params.yaml").unlink()
    with pytest.raises(StudyError, match=r"params.yaml: no such file"):
        load_params()


def test_yaml_reads_small_numbers_as_numbers_and_runs_no_code():
    Path("a.yaml").write_text("a: 1e-05\n", encoding="utf-8")
    assert read_yaml(Path("a.yaml")) == {"a": 1e-05}
    Path("b.yaml").write_text("a: !!python/object/apply:os.getcwd []\n", encoding="utf-8")
    with pytest.raises(StudyError, match="not valid YAML"):
        read_yaml(Path("b.yaml"))


def test_a_grid_cell_takes_its_depth_from_the_registry_and_its_protocol_from_the_group():
    params = compose("finetune_layers=5", "protocol=released")
    cell = grid_cell(params, "lstur", "minilm-l3", "finetuned", "clean", 7)
    assert (cell.finetune_layers, cell.protocol.name, cell.seed) == (1, "clean", 7)
    assert cell.schedule == params.training.tuned_layers
    assert grid_cell(params, "naml", "static", "finetuned", "clean", 1).schedule_name == (
        "tuned_words"
    )
    with pytest.raises(StudyError, match="accepted: static, minilm"):
        grid_cell(params, "naml", "bert", "frozen", "clean", 1)


def test_a_flipped_deviation_shows_in_the_label():
    assert protocol_label(compose().protocol) == "clean"
    assert protocol_label(compose("protocol.attention_masks=false").protocol) == "clean~D4"
    both = compose("protocol=released", "protocol.seeded=true", "protocol.negatives=4")
    assert protocol_label(both.protocol) == "released~D11~D12"
