"""reports/inventory.json against dvc.lock and the files, read without the package's help."""

import hashlib
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replication.files.errors import StudyError
from replication.pipeline.inventory import write_inventory
from replication.study import paths

ROOT = Path(__file__).parents[2]
RENEW = "renew it: `python -m replication inventory` (`dvc repro` does it by itself)"


def disagreements(root: Path) -> list[str]:
    """What an inventory leaves out, or says otherwise than dvc.lock and the files."""
    yaml = YAML(typ="safe", pure=True)
    recorded = yaml.load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    inventory = json.loads((root / paths.INVENTORY).read_text(encoding="utf-8"))["artefacts"]
    found = []
    for row in inventory:
        if row["kept"] == "git":
            content = (root / row["path"]).read_bytes()
            truth = (f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), 1)
        else:
            out = next(o for o in recorded[row["stage"]]["outs"] if o["path"] == row["path"])
            truth = (f"md5:{out['md5']}", out["size"], out.get("nfiles", 1))
        if (row["digest"], row["bytes"], row["files"]) != truth:
            found.append(f"{row['path']}: {truth}")
    listed = {row["path"] for row in inventory}
    for stage in {row["stage"] for row in inventory}:
        for made in (out["path"] for out in recorded[stage]["outs"]):
            files = [made]
            if made.startswith("reports/") and (root / made).is_dir():
                files = [f.relative_to(root).as_posix() for f in (root / made).rglob("*.*")]
            found += [f"{file}: left out" for file in files if file not in listed]
    return found


def test_the_committed_inventory_is_that_of_the_committed_results():
    assert not disagreements(ROOT), RENEW


def test_the_inventory_names_every_stage_that_makes_something():
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    inventory = json.loads((ROOT / paths.INVENTORY).read_text(encoding="utf-8"))["artefacts"]
    named = {row["stage"].split("@")[0] for row in inventory}
    # The demo's own study has no run that tunes other `parts`.
    silent = {"check", "code-encoders", "code-runs", "inventory", "parts"}
    assert named == set(stages["stages"]) - silent, RENEW


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A DVC project of two stages: one output in the cache, two files in git."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "reports").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  make:\n"
        "    cmd: mkdir -p data && printf abc > data/big && printf de > data/bigger\n"
        "    outs: [data]\n"
        "  tell:\n"
        "    cmd: cd reports && mkdir -p tables && printf 1 > tables/a.csv && printf 2 > b\n"
        "    deps: [data]\n"
        "    outs:\n"
        "      - reports/tables: {cache: false}\n"
        "      - reports/b: {cache: false}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reproduce() -> None:
    from dvc.repo import Repo

    with Repo() as repo:
        repo.reproduce()


def test_an_inventory_agrees_with_what_was_made_and_a_changed_file_is_told(project):
    reproduce()
    write_inventory()
    rows = json.loads(paths.INVENTORY.read_text(encoding="utf-8"))["artefacts"]
    assert [(row["path"], row["stage"], row["kept"], row["bytes"]) for row in rows] == [
        ("data", "make", "dvc", 5),
        ("reports/b", "tell", "git", 1),
        ("reports/tables/a.csv", "tell", "git", 1),
    ]
    assert not disagreements(project)
    (project / "data/big").unlink()  # as after cloning
    write_inventory()
    assert not disagreements(project)
    (project / "reports/b").write_text("3")
    (project / "reports/tables/c.csv").write_text("4")
    told = sorted(disagreements(project))
    assert len(told) == 2
    assert told[1] == "reports/tables/c.csv: left out"


def test_what_was_never_made_is_told_in_one_line(project):
    with pytest.raises(StudyError, match=r"^dvc\.lock: make: nothing recorded of data; run `dvc "):
        write_inventory()
    reproduce()
    (project / "reports/b").unlink()
    with pytest.raises(StudyError, match=r"^reports/b: no such file; stage tell makes it: run"):
        write_inventory()
    assert not paths.INVENTORY.exists()
