"""Paths that a user gives: quoted for Hydra, from the home, relative, in a copy of the project."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from replication.__main__ import main
from replication.files.errors import StudyError
from replication.mind.source import provide_data
from replication.study import paths
from replication.study.compose import compose
from replication.study.params import load_params
from replication.study.settings import Data

ROOT = Path(__file__).parents[2]
PATHS = ("~/MIND", "/home/Jürgen/MIND", "/a/#1", "/it's", "/a=b", "/a,b", "/a(1)", "/a{b}", "/a[1]",
         "/a!b", "/a&b", "/a;b", '/a"b', "/日本", "C:\\é\\", '/é\\"')  # fmt: skip


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with conf/ and no more."""
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path / "study")
    Path("conf").symlink_to(ROOT / "conf")
    return tmp_path / "study"


@pytest.mark.parametrize("path", PATHS)
def test_the_quoted_form_is_shown_and_means_the_path(study, path):
    with pytest.raises(StudyError) as told:
        compose(["profile=local", f"data.path={path}"], paths.PARAMS)
    assert not paths.PARAMS.exists() and "\n" not in str(told.value)
    (override,) = shlex.split(str(told.value).partition("for the shell: ")[2])
    compose(["profile=local", override], paths.PARAMS)
    assert load_params().data.path == path


@pytest.mark.parametrize("path", ["/a b", "/a:b", "/a$b", "/a@b", "/a+b", "C:\\x", "/a|b"])
def test_what_hydra_reads_as_it_stands_needs_no_quotes(study, path):
    compose(["profile=local", f"data.path={path}"], paths.PARAMS)
    assert load_params().data.path == path


def test_no_override_at_all_is_told(study, capsys):
    assert main(["compose", "seed"]) == 1
    assert "seed: Hydra cannot read it" in capsys.readouterr().err


def test_the_home_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.given("~/MIND") == tmp_path / "MIND"
    assert paths.given("~nobody-of-this-name/MIND") == Path("~nobody-of-this-name/MIND")
    assert paths.given("a~/MIND") == Path("a~/MIND")


@pytest.mark.parametrize("place", [".dvc/tmp/exps/tmp1", ".dvc/tmp/exps/tmp1/part", "copies/x"])
@pytest.mark.parametrize("path", ["own/MIND", "../beside"])
def test_a_relative_path_is_found_from_a_copy(tmp_path, monkeypatch, place, path):
    """Of DVC (--temp, --queue), of `verify` and of tasks of SLURM, which name the project."""
    project, copy = tmp_path / "project", tmp_path / "project" / place
    copy.mkdir(parents=True)
    for folder in (project / "own/MIND", tmp_path / "beside"):
        folder.mkdir(parents=True)
    if place.startswith("copies"):
        monkeypatch.setenv(paths.PROJECT, str(project))
    else:
        monkeypatch.delenv(paths.PROJECT, raising=False)
    monkeypatch.chdir(copy)
    assert paths.given(path).resolve() == (project / path).resolve()
    (copy / path).mkdir(parents=True)  # what the copy has itself comes first
    assert paths.given(path) == Path(path)
    assert paths.download_folders()[:2] == [paths.DOWNLOADS, project / paths.DOWNLOADS]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(paths.PROJECT, raising=False)
    assert paths.project() is None and paths.given("own/MIND") == Path("own/MIND")


def test_a_path_to_nothing_is_told_with_where_it_was_looked_for(project_folder, monkeypatch):
    monkeypatch.chdir(project_folder)
    params = load_params()
    params = replace(params, data=Data(path="none/MIND"), profile="local")
    with pytest.raises(StudyError) as told:
        provide_data(params, Path("data/none"))
    assert str(told.value) == (
        f"data.path: none/MIND: no such folder or file, from {Path.cwd()}; an absolute path holds "
        "everywhere"
    )
