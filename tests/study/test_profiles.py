"""Every cell of every shipped profile is a full configuration, and every checkpoint is pinned."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from dvc.utils.hydra import compose_and_dump

from replication.experiment.flips import TUNINGS, audit_cell
from replication.recommenders import Sizes
from replication.study.numbers import candidates
from replication.study.params import Params, grid_cell, load_params
from replication.study.protocol import DEVIATIONS

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "conf/profile").glob("*.yaml"))
MIND = ["mind-demo", "mind-large", "mind-small"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the shipped configuration."""
    folder = tmp_path_factory.mktemp("profiles")
    shutil.copytree(ROOT / "conf", folder / "conf")
    return folder


@pytest.fixture(autouse=True)
def project(folder, monkeypatch):
    monkeypatch.chdir(folder)


def compose(*overrides: str) -> Params:
    """What `dvc exp run -S` makes of its overrides."""
    conf = str(Path("conf").resolve())
    compose_and_dump("params.yaml", conf, None, "config", f"{conf}/protocol", list(overrides))
    return load_params(Path("params.yaml"))


def grid(params: Params) -> list[Params]:
    """The cells of stages `grid` and `grid-llm`."""
    every = [(e, t) for e in params.grid.encoders for t in params.grid.tunings]
    every += [(e, "frozen") for e in params.grid.llms]
    return [
        grid_cell(params, recommender, encoder, tuning, protocol, seed)
        for recommender in params.grid.recommenders
        for encoder, tuning in every
        for protocol in params.grid.protocols
        for seed in params.grid.seeds
    ]


def name(cell: Params) -> tuple:
    return cell.recommender, cell.encoder, cell.tuning, cell.protocol.name, cell.seed


@pytest.mark.parametrize("profile", PROFILES)
def test_every_cell_is_a_full_configuration(profile):
    """`grid_cell` checks each: names that exist, a depth that there is, heads that divide."""
    params = compose(f"profile={profile}")
    assert params.profile == profile
    cells = grid(params)
    assert len(set(map(name, cells))) == len(cells) > 0
    for cell in cells:
        entry = cell.registry[cell.encoder]
        assert cell.finetune_layers == entry.finetune_layers
        kind = "layers" if entry.family == "transformer" else "words"
        assert cell.schedule_name == ("frozen" if cell.tuning == "frozen" else f"tuned_{kind}")
    for recommender in params.grid.recommenders:
        for depth in params.sweep.layers:
            of = recommender, params.sweep.encoder, "finetuned", params.sweep.protocol
            assert grid_cell(params, *of, 1, depth).finetune_layers == depth
    for pair in params.audit.pairs:
        for base in params.audit.bases:
            for flip in ("none", *DEVIATIONS):
                for tuning in TUNINGS:
                    cell = audit_cell(params, pair, base, flip, tuning)
                    assert cell.encoder in params.registry


@pytest.mark.parametrize("profile", PROFILES)
def test_the_sweep_completes_the_depth_of_the_grid(profile):
    params = compose(f"profile={profile}")
    own = params.registry[params.sweep.encoder].finetune_layers
    assert params.sweep.encoder in params.grid.encoders and own not in params.sweep.layers
    if profile in MIND:
        assert sorted([own, *params.sweep.layers]) == [0, 2, 4, 6, 8, 10, 12]


def test_mind_small_is_the_grid_of_the_paper():
    params = compose("profile=mind-small")
    cells = grid(params)
    seeds = params.grid.seeds
    assert len(cells) == 3 * 8 * 2 * 2 * len(seeds) and len(seeds) > 1
    assert set(Counter((c.recommender, c.protocol.name) for c in cells).values()) == {
        8 * 2 * len(seeds)
    }
    # Each of the paper's eight, frozen and fine-tuned; the fine-tuned LLM is its adapter's.
    adapted = {adapter.base: name for name, adapter in params.adapters.items()}
    sides = {(c.encoder, c.tuning) for c in cells}
    assert len(params.paper) == 8 and len(sides) == 16
    for ours in params.paper.values():
        assert (ours, "frozen") in sides
        assert ((ours, "finetuned") in sides) != ((adapted.get(ours), "frozen") in sides)
    assert {p.recommender for p in params.audit.pairs.values()} == {"nrms", "naml"}


@pytest.mark.parametrize("profile", MIND)
def test_profiles_on_mind_have_the_published_sizes_and_their_own_release(profile):
    params = compose(f"profile={profile}")
    assert {f: getattr(params.model, f) for f in Sizes.__dataclass_fields__} == vars(Sizes())
    assert (params.text.title_tokens, params.text.abstract_tokens, params.history) == (20, 50, 50)
    assert (ROOT / params.data.path).is_file() and f"mind-{params.data.release}" == profile


def test_the_laptops_profile_has_the_published_sizes_and_entries():
    """Its registry repeats entries of others word for word; nothing stands for another model."""
    params = compose("profile=mind-small-laptop")
    whole = compose("profile=mind-small", "encoders=[published,more]")
    assert params.encoders.keys() == {"glove", "bert-tiny", "minilm"}
    for key, entry in params.encoders.items():
        assert entry == whole.encoders[key]
    for key in ("model", "text", "history", "evaluation"):
        assert getattr(params, key) == getattr(whole, key)
    sides = {(c.encoder, c.tuning, c.protocol.name) for c in grid(params)}
    frozen = {(e, "frozen", p) for e in params.encoders for p in ("clean", "released")}
    tuned = {(e, "finetuned", p) for e in ("glove", "bert-tiny") for p in ("clean", "released")}
    assert sides == frozen | tuned and params.grid.seeds == (1,) and not params.adapters
    assert all(theirs == ours for theirs, ours in params.paper.items())


def test_mind_mini_has_the_published_widths_and_entries():
    """Its registry repeats entries of others word for word; larger models stand for larger ones."""
    params, published = compose("profile=mind-mini"), compose("profile=mind-small")
    offline = compose("profile=demo")
    for key, entry in params.encoders.items():
        assert entry == (published if key == "bert-tiny" else offline).encoders[key]
    assert {f: getattr(params.model, f) for f in Sizes.__dataclass_fields__} == {
        **vars(Sizes()), "aligned_start": True,
    }  # fmt: skip
    sides = {(c.encoder, c.tuning, c.protocol.name) for c in grid(params)}
    frozen = {(e, "frozen", "clean") for e in ("static", "bert-tiny", "minilm", "smollm2")}
    assert sides == frozen | {(e, "finetuned", "clean") for e in ("bert-tiny", "minilm")}
    assert {c.recommender for c in grid(params)} == {"naml", "nrms", "lstur"}
    assert params.grid.seeds == (1, 2, 3) and params.data.release == "mini"
    assert list(params.paper.values()) == ["static", "bert-tiny", "minilm", "smollm2"]  # by size


def test_the_laptop_has_the_demo_s_corpus_the_whole_llm_and_the_published_widths():
    params, demo = compose("profile=laptop"), compose("profile=demo")
    assert params.demo and demo.demo and not compose("profile=local").demo
    assert params.data == demo.data and params.grid.seeds == (1, 2, 3)
    assert params.encoders["smollm2"].layers == 30 > demo.encoders["smollm2"].layers
    assert {f: getattr(params.model, f) for f in Sizes.__dataclass_fields__} == {
        **vars(Sizes()), "aligned_start": True,
    }  # fmt: skip
    assert params.training.frozen.max_steps > demo.training.frozen.max_steps
    assert params.training.tuned_layers.max_steps > demo.training.tuned_layers.max_steps


def test_learning_rates_that_are_not_known_are_searched_among_the_releases():
    training = compose("profile=mind-small").training
    assert candidates(training.frozen.learning_rate) == (1e-4,)
    assert set(candidates(training.tuned_layers.learning_rate)) == {1e-4, 1e-5}
    assert set(candidates(training.tuned_layers.encoder_learning_rate)) == {1e-4, 1e-5}
    assert training.tuned_layers.search_steps == training.tuned_layers.evaluate_every


@pytest.mark.parametrize("group", ["offline", "published", "[published,more]"])
def test_every_checkpoint_is_pinned(group):
    profile = "demo" if group == "offline" else "mind-small"
    encoders = compose(f"profile={profile}", f"encoders={group}").encoders
    for key, entry in encoders.items():
        assert re.fullmatch(r"[a-z0-9-]+", key)  # DVC and Hydra read a dot as a path
        assert entry.width > 0 and 0 <= entry.finetune_layers <= entry.layers
        assert (entry.layers == 0) == (entry.family == "words")
        if entry.family == "transformer" and group != "offline":
            assert entry.finetune_layers == min(4, entry.layers)
        if entry.source != "hub":
            assert entry.sha256, key
        else:
            assert re.fullmatch("[0-9a-f]{40}", entry.revision), key
        if entry.tokenizer is not None:
            assert entry.tokenizer.revision == encoders["bert-base"].revision
            assert entry.tokenizer.name == encoders["bert-base"].name
            assert entry.tokenizer.sha256
        pins = [getattr(pin, "sha256", pin) for pin in entry.sha256.values()]
        assert pins and all(pin is None or re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)
        assert None not in pins or entry.source == "hub"  # where the revision pins too


def test_every_checkpoint_of_the_published_ones_is_wanted_and_no_revision_used_twice():
    params = compose("profile=mind-small", "encoders=[published,more]")
    revisions = [e.revision for e in params.encoders.values() if e.revision]
    assert len(revisions) == len(set(revisions)) == 10
    params = compose("profile=mind-small")
    wanted = {*params.grid.encoders, *params.grid.llms}
    assert wanted == {*params.encoders, *params.adapters}


def test_a_revision_is_set_by_one_override_and_others_can_be_left_out():
    pinned = compose("profile=mind-small", f"encoders.bert-medium.revision={'ab' * 20}")
    assert pinned.encoders["bert-medium"].revision == "ab" * 20
    without = compose("profile=mind-small", "grid.encoders=[glove,bert-base]")
    assert len(grid(without)) == 3 * 3 * 2 * 2 * len(without.grid.seeds)


def test_a_profile_chooses_its_encoders_unless_they_are_chosen():
    assert compose().encoders.keys() == compose("profile=local").encoders.keys()
    assert "bert-base" in compose("profile=mind-demo").encoders
    larger = compose("profile=mind-demo", "encoders=[published,more]", "encoder=bert-large")
    assert replace(larger, finetune_layers=24).registry["bert-large"].layers == 24


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        ("[published,llama-mirror]", "llama-8b-instruct"),
        ("[published,more,llama-mirror-base]", "llama-8b"),
    ],
)
def test_the_open_copy_of_a_gated_llama_is_one_override_away(groups, name):
    """Its shards are held against the sha256 of Meta's own."""
    gated = compose("profile=mind-small", "encoders=[published,more]").encoders[name]
    copy = compose("profile=mind-small", f"encoders={groups}").encoders[name]
    assert gated.name.startswith("meta-llama/") and copy.name.startswith("NousResearch/")
    assert copy.revision != gated.revision and copy.sha256 == gated.sha256
    shards = [pin for file, pin in copy.sha256.items() if file.endswith(".safetensors")]
    assert len(shards) == 4 and all(isinstance(pin, str) for pin in shards)  # grade H
