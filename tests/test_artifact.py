"""What is handed to others: the archive, its manifest, the citation and the licence."""

import json
import re
import shutil
import sys
import tarfile
import tomllib
from importlib.metadata import files
from pathlib import Path

import pytest
from commands import shell
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

import replication

ROOT = Path(__file__).parents[1]
# MIND's tables, as lines: an article's eight columns, an impression's five.
NEWS = re.compile(r"^N\d+(\t[^\t\n]*){7}$", re.MULTILINE)
BEHAVIORS = re.compile(r"^\d+\tU\d+\t[^\t\n]*\t[^\t\n]*\t[^\t\n]*N\d+", re.MULTILINE)
BINARY = {".png", ".safetensors"}  # what is no text, hence not searched: pictures, toy parameters


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The project's files as they are here, committed."""
    folder = tmp_path_factory.mktemp("repository")
    listing = shell(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shell(folder, "git", "init", "-q")
    shell(folder, "git", "add", "-A")
    shell(folder, "git", "commit", "-q", "-m", "project")
    return folder


def make_archive(repository: Path) -> Path:
    shell(repository, "make", "archive")
    (archive,) = (repository / "build").glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def unpacked(repository, tmp_path_factory) -> Path:
    """The one folder that the archive holds, in a folder that was empty."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with tarfile.open(make_archive(repository)) as archive:
        archive.extractall(folder, filter="data")
    (only,) = folder.iterdir()
    return only


@pytest.mark.slow
def test_the_archive_holds_what_is_committed_and_its_manifest_verifies(repository, unpacked):
    tracked = set(filter(None, shell(repository, "git", "ls-files", "-z").split("\0")))
    held = {f.relative_to(unpacked).as_posix() for f in unpacked.rglob("*") if f.is_file()}
    assert held == tracked | {"MANIFEST", "REVISION"}
    lines = (unpacked / "MANIFEST").read_text(encoding="utf-8").splitlines()
    assert {line.split("  ", 1)[1] for line in lines} == tracked | {"REVISION"}
    assert shell(unpacked, "sha256sum", "--check", "--quiet", "MANIFEST") == ""
    commit = shell(repository, "git", "rev-parse", "HEAD")
    assert (unpacked / "REVISION").read_text(encoding="utf-8") == commit
    assert commit.startswith(unpacked.name.removeprefix("replication-"))


def test_the_manifest_tells_a_changed_file(unpacked, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "copy")
    with (copy / "params.yaml").open("a", encoding="utf-8") as stream:
        stream.write("\n")
    told = shell(copy, "sha256sum", "--check", "--quiet", "MANIFEST", succeed=False)
    assert "params.yaml: FAILED" in told


def test_the_archive_is_the_same_bytes_each_time(repository, tmp_path):
    first = make_archive(repository).read_bytes()
    clone = tmp_path / "clone"
    shell(tmp_path, "git", "clone", "-q", str(repository), str(clone))
    assert make_archive(clone).read_bytes() == first


def test_what_is_not_committed_stops_the_archive_by_name(repository, tmp_path):
    clone = tmp_path / "clone"
    shell(tmp_path, "git", "clone", "-q", str(repository), str(clone))
    (clone / "replication/forgotten.py").touch()
    told = shell(clone, "make", "archive", succeed=False)
    assert "?? replication/forgotten.py" in told
    assert "error: not committed" in told
    assert not (clone / "build").exists()


@pytest.mark.slow
def test_the_archive_shows_the_results_and_becomes_a_project_of_dvc(unpacked, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "copy")
    shown = shell(copy, sys.executable, "-m", "replication", "show")
    assert f"Report: {copy}/reports/REPORT.md" in shown
    shell(copy, "make", ".git")
    assert shell(copy, "git", "status", "--porcelain") == ""
    revision = (copy / "REVISION").read_text(encoding="utf-8")
    assert shell(copy, "git", "config", "study.revision") == revision
    assert "baselines" in shell(copy, "dvc", "stage", "list", "--name-only")


def test_no_table_of_mind_is_in_the_archive(unpacked):
    for file in (f for f in unpacked.rglob("*") if f.is_file() and f.suffix not in BINARY):
        text = file.read_text(encoding="utf-8")  # a UnicodeDecodeError: another kind of file
        assert not NEWS.search(text), file
        assert not BEHAVIORS.search(text), file


def test_a_table_of_mind_would_be_found():
    article = ["N7", "category", "subcategory", "A title", "An abstract", "url", "[]", "[]"]
    impression = ["1", "U2", "11/11/2019 9:00:00 AM", "N3 N4", "N5-1 N6-0"]
    assert NEWS.search("\n".join(["", "\t".join(article), ""]))
    assert BEHAVIORS.search("\n".join(["", "\t".join(impression), ""]))
    assert BEHAVIORS.search("\t".join([*impression[:3], "", impression[4]]))


def test_the_citation_is_valid_and_agrees_with_the_package():
    """By the schema of the Citation File Format 1.2.0, which cffconvert carries."""
    (schema,) = (f for f in files("cffconvert") or () if f.as_posix().endswith("1.2.0/schema.json"))
    schema = json.loads(schema.locate().read_text(encoding="utf-8"))
    citation = YAML(typ="safe", pure=True).load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(citation)] == []
    assert not validator.is_valid({**citation, "license": "no such licence"})
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"] == replication.__version__
    assert citation["license"] == project["license"]
    for name in project["license-files"]:
        assert (ROOT / name).is_file()
    assert citation["license"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
