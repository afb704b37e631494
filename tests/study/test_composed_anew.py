"""params.yaml says that it is composed, and what is lost when it is composed anew is told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import shell

from replication.__main__ import main
from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.compose import compose, refuse_unknown, said_to_dvc
from replication.study.params import load_params
from replication.study.shares import shares

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "conf", "conf")
    shutil.copytree(ROOT / "replication/mind/demo", "replication/mind/demo")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def edit(old: str, new: str) -> None:
    text = paths.PARAMS.read_text(encoding="utf-8")
    assert old in text
    paths.PARAMS.write_text(text.replace(old, new), encoding="utf-8")


def test_the_file_says_where_it_comes_from(study):
    first = paths.PARAMS.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("composed: from conf/") and "edit conf/" in first
    compose(["profile=local"], paths.PARAMS)
    assert paths.PARAMS.read_text(encoding="utf-8").splitlines()[0] == first
    params, protocols = read_yaml(paths.PARAMS), {"clean": {}, "released": {}}
    assert "composed: " not in "".join(shares(params, protocols).values())


def test_a_hand_edit_and_an_earlier_override_are_told_before_they_go(study, capsys):
    edit("history: 15\n", "history: 30\n")
    compose(["seed=2"], paths.PARAMS)
    assert capsys.readouterr().err == (
        "warning: params.yaml is composed anew from conf/, and loses what it held beside it "
        "(history=30): say it again with -S, or in conf/\n"
    )
    assert load_params().history == 15
    compose(["seed=3"], paths.PARAMS)  # says it anew, so nothing is lost
    compose(["seed=3", "profile=local"], paths.PARAMS)
    assert not capsys.readouterr().err
    compose([], paths.PARAMS)
    assert "(profile=local, seed=3)" in capsys.readouterr().err
    compose([], paths.PARAMS)
    compose(["seed=2"], Path("elsewhere.yaml"))
    assert not capsys.readouterr().err


def test_what_no_override_can_say_is_told_too(study, capsys):
    edit("history: 15\n", "history: '${seed}'\n")
    compose([], paths.PARAMS)
    assert "(what no -S can say)" in capsys.readouterr().err


def test_what_conf_alone_holds_is_no_loss(study, capsys):
    with Path("conf/encoders/offline.yaml").open("a", encoding="utf-8") as file:
        file.write("mine: {family: words, source: folder, name: m, layers: 0, width: 8, "
                   "finetune_layers: 0}\n")  # fmt: skip
    edit("history: 15\n", "history: 30\n")
    compose([], paths.PARAMS)
    assert "(history=30)" in capsys.readouterr().err
    assert "mine" in load_params().encoders


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("finetune_layer=4", "finetune_layer: no such key of the study; accepted: profile, "),
        ("training.frozen.batch=4", "training.frozen.batch: no such .*; accepted: batch_size, "),
        ("grid.also.seeds=[s1]", "grid.also.seeds: no such key of the study; accepted: "),
        ("encoders.minilm.layer=4", "conf: cannot be composed: .*encoders.minilm.layer"),
    ],
)
def test_a_key_that_there_is_not_is_refused_with_those_that_there_are(study, override, told):
    before = paths.PARAMS.read_bytes()
    with pytest.raises(StudyError, match=told):
        compose(["seed=2", override], paths.PARAMS)
    assert paths.PARAMS.read_bytes() == before


def test_every_key_of_the_parameters_is_known(study):
    """Each as an override of its own, and none that -S does not set."""

    def leaves(values, path=()):
        for key, value in values.items():
            yield ".".join([*path, key]) + "=x"
            if isinstance(value, dict):
                yield from leaves(value, (*path, key))

    refuse_unknown(list(leaves(read_yaml(paths.PARAMS))))
    words = ["dvc", "exp", "run", "-m", "a=b", "-S", "params.yaml:c=1", "-Sd=2", "--set-param=e=3"]
    assert list(said_to_dvc([*words, "-S", "+f=4"])) == ["c=1", "d=2", "e=3", "+f=4"]


@pytest.mark.parametrize(
    "said", ["-Sseed=3", "--set-param=seed=3", "params.yaml:seed=3", "+seed=3"]
)
def test_the_ways_to_say_it_are_known(study, capsys, said):
    from replication.study.compose import tell_lost

    compose(["seed=2"], paths.PARAMS)
    tell_lost(Path(), ["dvc", "exp", "run", said])
    assert not capsys.readouterr().err


@pytest.mark.slow
def test_dvc_tells_it(study, monkeypatch):
    """By the plugin in conf/, in a Python that has not imported the package."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(study / ".dvc/site"))
    shutil.copytree(ROOT / ".dvc", ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copytree(ROOT / "replication", "replication", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    stage = "{cmd: touch a, params: [seed], outs: [a]}"
    Path("dvc.yaml").write_text(f"stages:\n  a: {stage}\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        shell(study, "git", *command)
    edit("history: 15\n", "history: 30\n")
    printed = shell(study, sys.executable, "-m", "dvc", "exp", "run", "-S", "seed=2")
    assert printed.count("(history=30): say it again with -S, or in conf/") == 1
    again = subprocess.run(["git", "diff", "params.yaml"], capture_output=True, text=True).stdout
    assert "history" not in again and "+seed: 2" in again
    command = [sys.executable, "-m", "dvc", "exp", "run", "-S", "finetune_layer=4"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "ERROR: finetune_layer: no such key of the study; accepted: profile" in refused.stderr
    assert "+finetune_layer" not in refused.stderr


# ---------------------------------------------------------------- what data.path names


def test_check_links_to_the_data_and_takes_no_harm_to_them(study, monkeypatch):
    own = study / "home/MIND"
    own.mkdir(parents=True)
    (own / "news.tsv").write_text("precious")
    monkeypatch.setenv("HOME", str(study / "home"))
    assert main(["check"]) == 0
    assert paths.SOURCE.resolve() == study / "replication/mind/demo"
    compose(["profile=local", 'data.path="~/MIND"'], paths.PARAMS)
    for _ in range(2):
        assert main(["check"]) == 0
        assert paths.SOURCE.is_symlink() and paths.SOURCE.resolve() == own
    compose([], paths.PARAMS)
    assert main(["check"]) == 0 and (own / "news.tsv").read_text() == "precious"


def test_the_link_holds_where_the_project_is_moved(study, monkeypatch):
    """Data of the project's own move with it; those elsewhere stay where they are."""
    moved = study.with_name(f"{study.name}-moved")
    assert main(["check"]) == 0
    study.rename(moved)
    monkeypatch.chdir(moved)
    assert paths.SOURCE.resolve(strict=True) == moved / "replication/mind/demo"


def test_check_stops_where_nothing_lies(study, capsys):
    compose(["profile=local", "data.path=none/MIND"], paths.PARAMS)
    assert main(["check"]) == 1
    assert capsys.readouterr().err == (
        f"error: data.path: none/MIND: no such folder or file, from {study}; an absolute path "
        "holds everywhere\n"
    )
    assert not paths.SOURCE.exists() and not paths.SETTINGS.exists()


def test_check_stops_where_the_folder_of_an_encoder_that_is_used_is_not_there(study, capsys):
    with Path("conf/encoders/offline.yaml").open("a", encoding="utf-8") as file:
        file.write("mine: {family: transformer, source: folder, name: none/bert, layers: 2, "
                   "width: 8, finetune_layers: 1}\n")  # fmt: skip
    compose([], paths.PARAMS)
    assert main(["check"]) == 0  # nothing runs over it
    told = f"error: encoders.mine.name: none/bert is not a folder, from {study}"
    for override in ("encoder=mine", "grid.encoders=[mine]", "grid.also.encoders=[mine]"):
        compose([override], paths.PARAMS)
        capsys.readouterr()
        assert main(["check"]) == 1 and capsys.readouterr().err.startswith(told)
    Path("none/bert").mkdir(parents=True)
    assert main(["check"]) == 0


def test_dvc_removes_the_link_and_not_the_data(study, monkeypatch):
    """Stage `data` sees a change of the user's files through it."""
    from dvc.repo import Repo

    (study / "own").mkdir()
    (study / "own/news.tsv").write_text("precious")
    Path("dvc.yaml").write_text(
        "stages:\n"
        "  check:\n    cmd: mkdir -p cache/source && ln -s $PWD/own cache/source/data\n"
        "    deps: [params.yaml]\n    outs: [{cache/source: {cache: false}}]\n"
        "  data:\n    cmd: echo > raw\n    deps: [cache/source/data]\n    outs: [raw]\n"
    )
    Repo.init(str(study), no_scm=True).close()
    with Repo() as repo:
        repo.reproduce()
        repo.reproduce(force=True)
        assert repo.status() == {}
        (study / "own/more").write_text("more")
        assert list(repo.status()) == ["data"]
        edit("seed: 1\n", "seed: 2\n")
        assert len(repo.reproduce()) == 2
    assert (study / "own/news.tsv").read_text() == "precious"
