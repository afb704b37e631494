"""params.yaml is the composition of conf/, and a bad key stops everything before any work."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import fields, replace
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from dvc.stage.utils import is_valid_name
from dvc.utils.hydra import compose_and_dump
from ruamel.yaml import YAML

from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.recommenders import RECOMMENDERS, Recommender, Sizes
from replication.study import checks
from replication.study.numbers import candidates
from replication.study.params import (
    Params,
    flipped,
    grid_cell,
    load_params,
    load_protocol,
    protocol_label,
)
from replication.study.protocol import DEVIATIONS, Protocol
from replication.study.registry import located

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with the shipped configuration, to be bent."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def compose(*overrides: str) -> Params:
    conf = str(Path("conf").resolve())
    compose_and_dump("params.yaml", conf, None, "config", f"{conf}/protocol", list(overrides))
    return load_params()


def bent(*overrides: str) -> Params:
    """The same of overrides of keys, without Hydra, which takes half a second for each."""
    if any(item.startswith(("profile=", "protocol=")) for item in overrides):
        return compose(*overrides)
    values = read_yaml(Path("params.yaml"))
    for item in overrides:
        key, _, value = item.lstrip("+~").partition("=")
        *groups, last = key.split(".")
        place = reduce(getitem, groups, values)
        assert (last in place) == (item[0] != "+")
        if item[0] == "~":
            del place[last]
        else:
            place[last] = YAML(typ="safe", pure=True).load(value)
    Path("params.yaml").write_text(json.dumps(values), encoding="utf-8")
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


def test_every_recommender_stands_at_its_address():
    for listed in RECOMMENDERS.values():
        assert issubclass(located(listed.code), Recommender)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["recommender=npa"], ["recommender", "'npa'", "naml, nrms, lstur"]),
        (["encoder=bert"], ["encoder", "'bert'", "minilm", "smollm2"]),
        (["finetune_layers=7"], ["finetune_layers", "7", "0 to 6", "minilm"]),
        (["finetune_layers=-1"], ["finetune_layers", "-1", "0 to 6"]),
        (["encoder=minilm-l3", "finetune_layers=4"], ["finetune_layers", "0 to 3"]),
        (["encoder=smollm2"], ["tuning", "smollm2", "frozen"]),
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
        (["model.heads=7"], ["model.heads", "7", "a divisor of model.filters = 96"]),
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
        (
            ["encoders.minilm.source=hub", "+encoders.minilm.revision=main"],
            ["encoders.minilm.revision", "'main'", "40 hex"],
        ),
        (
            ["+encoders.minilm.tokenizer={name: a/b}"],
            ["encoders.minilm.tokenizer.revision", "missing"],
        ),
        (["training.frozen.learning_rate=fast"], ["training.frozen.learning_rate", "'fast'"]),
        (["training.frozen.learning_rate=[0.1, 0]"], ["frozen.learning_rate", "more than 0"]),
        (["+training.frozen.search_steps=0"], ["training.frozen.search_steps", "1 or more"]),
        (["protocol.prompt=lost"], ["protocol.prompt", "'lost'", "kept"]),
        (["protocol.groups=days"], ["protocol.groups", "'days'", "histories"]),
        (["grid.llms=[llama]"], ["grid.llms", "'llama'", "smollm2-lora"]),
        (["grid.also.llms=[llama]"], ["grid.also.llms", "'llama'", "smollm2-lora"]),
        (["grid.also.protocols=[clean]"], ["grid.also", "frozen-clean is in the grid"]),
        (["training.tuned_layers.start=warm"], ["tuned_layers.start", "'warm'", "fresh", "frozen"]),
        (["sweep.encoder=bert"], ["sweep.encoder", "'bert'", "minilm-l3"]),
        (["sweep.layers=[k0, k7]"], ["sweep.layers", "7 is not", "0, 1, 2, 3, 4, 5, 6"]),
        (["sweep.layers=[k0, 2]"], ["sweep.layers.1", "expected k1, k2", "given: 2"]),
        (["sweep.layers=[k2]"], ["sweep.layers", "k2 is the depth", "in the grid"]),
        (["grid.seeds=[s1, 2]"], ["grid.seeds.1", "expected s1, s2", "given: 2"]),
        (["grid.seeds=[s-1]"], ["grid.seeds.0", "expected s1, s2", "'s-1'"]),
        (["parts.tuned=[k2]"], ["parts.tuned", "'k2' is not", "bottom2, layer2, biases2, lora2"]),
        (
            ["parts.tuned=[lora9]", "parts.encoders=[minilm]"],
            ["parts.tuned: lora9, of minilm: 9 is not", "1, 2, 3, 4, 5, 6"],
        ),
        (["parts.encoders=[bert]"], ["parts.encoders", "'bert'", "minilm-l3"]),
        (["tuned_parts=middle"], ["tuned_parts", "'middle'", "bottom", "lora"]),
        (["tuned_parts=lora", "encoder=static"], ["tuned_parts", "has no layers: top"]),
        (["encoder=smollm2"], ["tuning: smollm2", "accepted: frozen, or tuned_parts: lora"]),
        (
            ["encoder=smollm2", "tuned_parts=lora", "protocol=released"],
            ["protocol.prompt", "'truncated'", "where smollm2 is tuned in a recommender: 'kept'"],
        ),
        (["lora.rank=0"], ["lora.rank", "1 or more"]),
        (["sweep.protocol=dirty"], ["sweep.protocol", "'dirty'", "clean, released"]),
        (["audit.bases=[dirty]"], ["audit.bases", "'dirty'", "clean, released"]),
        (["audit.pairs.words.recommender=npa"], ["audit.pairs.words.recommender", "lstur"]),
        (["audit.pairs.llm.finetuned=llama"], ["audit.pairs.llm.finetuned", "smollm2-lora"]),
        (["+audit.pairs.llm.tuned=a"], ["unknown key audit.pairs.llm.tuned", "finetuned"]),
        (["paper.glove=words"], ["paper.glove", "'words'", "static"]),
        (["adapters.smollm2-lora.base=llama"], ["adapters.smollm2-lora.base", "'llama'"]),
        (["adapters.smollm2-lora.base=minilm"], ["adapters.smollm2-lora", "causal base"]),
        (["adapters.smollm2-lora.base_format=int8"], ["base_format", "'int8'", "nf4"]),
        (["~seed"], ["seed", "missing"]),
    ],
)
def test_a_bad_parameter_names_its_key_and_what_is_accepted(overrides, words):
    with pytest.raises(StudyError) as error:
        bent(*overrides)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word.lower() in message.lower(), message


@pytest.mark.parametrize("character", "a0_-.@/ ,:;=()[]{}+#'~%$&*!?|\\\"<>^`")
def test_a_name_that_is_accepted_is_one_that_dvc_takes(character, monkeypatch):
    """Names become parts of stages: `embed@NAME`, `grid@RECOMMENDER-NAME-frozen-PROTOCOL-s1`."""
    name, params = f"a{character}1", load_params()
    adapter = params.adapters["smollm2-lora"]
    words = params.audit.pairs["words"]
    protocols = [*checks.known_protocols(), name]
    changed = {
        "encoder": replace(params, encoders={**params.encoders, name: params.encoders["static"]}),
        "adapter": replace(params, adapters={**params.adapters, name: adapter}),
        "pair": replace(params, audit=replace(params.audit, pairs={name: words})),
        "recommender": params,
        "protocol": params,
    }
    for kind, given in changed.items():
        with monkeypatch.context() as patched:
            if kind == "recommender":
                patched.setitem(RECOMMENDERS.data, name, RECOMMENDERS.data["nrms"])
            if kind == "protocol":
                patched.setattr(checks, "known_protocols", lambda: protocols)
            accepted = is_valid_name(name) and " " not in name
            with nullcontext() if accepted else pytest.raises(StudyError, match="is not accepted"):
                checks.check(given, Path("params.yaml"))


def test_broken_yaml_names_the_file():
    Path("params.yaml").write_text("a: [1\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"params.yaml, line 2: not valid YAML"):
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


def test_a_cell_of_the_sweep_has_its_own_depth():
    params = compose()
    assert grid_cell(params, "nrms", "minilm", "finetuned", "clean", 1, 0).finetune_layers == 0
    with pytest.raises(StudyError, match="finetune_layers: 7 is not accepted; accepted: 0 to 6"):
        grid_cell(params, "nrms", "minilm", "finetuned", "clean", 1, 7)


def test_an_adapter_is_an_encoder_of_its_own_of_its_bases_size():
    params = compose()
    base, adapted = params.registry["smollm2"], params.registry["smollm2-lora"]
    assert "smollm2-lora" not in params.encoders and base == params.encoders["smollm2"]
    assert (adapted.source, adapted.name, adapted.family) == ("adapted", "smollm2", "causal")
    assert (adapted.layers, adapted.width) == (base.layers, base.width)
    assert grid_cell(params, "naml", "smollm2-lora", "frozen", "clean", 1).tuning == "frozen"
    with pytest.raises(StudyError, match=r"tuning: smollm2 is a causal .*\(smollm2-lora\)"):
        grid_cell(params, "naml", "smollm2", "finetuned", "clean", 1)


def test_a_learning_rate_is_a_number_or_a_list_to_search():
    rates = "[0.001, 0.0001]"
    schedule = compose(f"training.frozen.learning_rate={rates}").training.frozen
    assert schedule.learning_rate == (1e-3, 1e-4) and schedule.search_steps is None
    assert candidates(schedule.learning_rate) == (1e-3, 1e-4)
    assert candidates(schedule.encoder_learning_rate) == (5e-3,)


def test_a_revision_may_be_unknown_until_its_checkpoint_is_wanted():
    params = compose("encoders.minilm.source=hub")
    assert params.encoders["minilm"].revision is None


@pytest.mark.parametrize("base", ["clean", "released"])
def test_one_deviation_is_flipped_alone(base):
    plain, other = load_protocol(base), load_protocol({"clean": "released"}.get(base, "clean"))
    assert flipped(base, "none") == plain
    for name, keys in DEVIATIONS.items():
        found = flipped(base, name)
        for field in fields(Protocol):
            source = other if field.name in keys else plain
            assert getattr(found, field.name) == getattr(source, field.name), (name, field.name)


def test_a_flipped_deviation_shows_in_the_label():
    assert protocol_label(compose().protocol) == "clean"
    assert protocol_label(compose("protocol.attention_masks=false").protocol) == "clean~D4"
    both = compose("protocol=released", "protocol.seeded=true", "protocol.negatives=4")
    assert protocol_label(both.protocol) == "released~D11~D12"
