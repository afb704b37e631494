"""Overrides found without Hydra compose, with Hydra, the parameters that they were found from."""

import shlex
import subprocess
from pathlib import Path

import pytest
from dvc.utils.hydra import compose_and_dump
from ruamel.yaml import YAML

from replication.study.overrides import overrides

ROOT = Path(__file__).parents[2]
CONF = {
    path.relative_to(ROOT / "conf").with_suffix("").as_posix(): path.read_bytes()
    for path in (ROOT / "conf").rglob("*.yaml")
}


@pytest.fixture
def composed(tmp_path):
    """What `dvc exp run -S` writes for these overrides."""

    def compose(*items: str) -> bytes:
        conf, none = str(ROOT / "conf"), str(ROOT / "conf/protocol")  # without Hydra plugins
        compose_and_dump(tmp_path / "params.yaml", conf, None, "config", none, list(items))
        return (tmp_path / "params.yaml").read_bytes()

    return compose


def read(params: bytes):
    return YAML(typ="safe", pure=True).load(params)


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["seed=2"],
        ["protocol=released"],
        ["protocol=released", "protocol.negatives=7"],
        ["profile=mind-small"],
        ["profile=mind-demo", "protocol=released", "seed=2"],
        ["profile=mind-large", "encoders=offline", "encoder=static"],
        ["study=drift", "data.train_days=2"],
        ["profile=mind-small", "study=size", "seed=2"],
        ["study=size-llama", "grid.seeds=[s1]"],
        ["profile=local", "data.path='/a folder/b'"],
        ["encoders=published", "encoder=bert-base"],
        ["encoders=[published,more]", "encoder=bert-large"],
        ["profile=mind-small", "encoders=[published,llama-mirror]"],
        ["training.frozen.learning_rate=1e-05", "training.frozen.max_steps=null"],
        ["grid.recommenders=[nrms,lstur]", "~audit.pairs.words"],
        ["data.path='null'", "data.release='1.0'", "data.seed=1.0", "data.articles='[1,2]'"],
        [r"data.path='it\'s \\\' x\\'"],
    ],
    ids=" ".join,
)
def test_the_same_words_are_found(composed, items):
    assert sorted(overrides(composed(*items), CONF)) == sorted(items)


@pytest.mark.parametrize(
    "items",
    [
        ["+encoders.mine={family: causal, source: hub, sha256: {model.safetensors: 1e5}}"],
        ["+encoders.minilm.sha256={other.json: x}", "~encoders.static"],
        ["~encoders.minilm.sha256"],
        ["encoders=[offline,more]"],
        ["grid.seeds=[]", "data=null", "evaluation.bootstrap_samples={low: 1, high: [true, '']}"],
    ],
    ids=" ".join,
)
def test_other_words_say_the_same(composed, items):
    params = composed(*items)
    found = overrides(params, CONF)
    assert read(composed(*found)) == read(params)
    assert found != ()


def test_it_is_the_default_of_conf_that_counts():
    """Not the parameters that some commit had: Hydra does not look at them."""
    assert overrides((ROOT / "params.yaml").read_bytes(), CONF) == ()


@pytest.mark.parametrize(
    "text", [b"${data.path}", b'"a\\0b"', b'"a\\nb"', b"2020-01-01", b"{1: 2}"]
)
def test_what_no_override_can_say_gives_none(composed, text):
    params = composed().replace(b"encoder: minilm\n", b"encoder: " + text + b"\n")
    assert read(params) != read(composed())
    assert overrides(params, CONF) is None


@pytest.mark.parametrize(
    "params",
    [b"", b"\xff", b"a: [", b"[]", b"profile: demo", b"profile: no\nprotocol: {name: clean}",
     b"profile: [a]\nprotocol: {name: clean}\nencoders: {}", b"1: 2",
     b"profile: demo\nprotocol: clean\nencoders: {}",
     b"profile: demo\nprotocol: {name: clean}\nencoders: 1",
     b"profile: demo\nprotocol: {name: clean}\nencoders: {}\n2: 3"],
)  # fmt: skip
def test_damaged_parameters_give_none(params):
    assert overrides(params, CONF) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [("config", b""), ("config", b"defaults: 1"), ("config", b"defaults: [{a: b, c: d}]"),
     ("config", b"defaults: [{profile: demo}, {gone: file}]"), ("profile/demo", b"- 1"),
     ("profile/demo", b"defaults: [/profile/demo]"), ("encoders/more", b"a: ["),
     ("protocol/clean", b"\xff"), ("mind-models", b"defaults: [{override /encoders: 3}]")],
)  # fmt: skip
def test_damaged_configuration_gives_none(composed, name, text):
    params = composed("profile=mind-small") if name.startswith("mind") else composed()
    assert overrides(params, CONF | {name: text}) is None


def test_the_line_survives_a_shell(composed):
    """As a user pastes it, quotes and all."""
    items = ["data.path='a b; $HOME \"q\"'", "~audit.pairs.words"]
    found = overrides(composed(*items), CONF)
    line = " ".join(shlex.quote(item) for item in found)
    done = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True)
    assert done.stdout.splitlines() == list(found)
