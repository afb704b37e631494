"""`python -m replication import`: what it prints, does not overwrite, and goes on with."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from miniatures import write_100k, write_ebnerd
from web import Answer, serving
from zipped import zipped

from replication.__main__ import main
from replication.files.errors import StudyError
from replication.importers import releases, write
from replication.importers.base import Options
from replication.importers.ebnerd import EbNerd
from replication.importers.kinds import IMPORTERS, importer


def test_the_command_writes_and_says_what_is_left_out(tmp_path, capsys):
    folder, out = write_ebnerd(tmp_path / "in"), tmp_path / "out"
    assert main(["import", "ebnerd", str(folder), str(out)]) == 0
    said = capsys.readouterr().out
    assert "train: 2 impressions, 2 clicks, 2 users, 3 articles" in said
    assert "1 clicks on what was not in view" in said
    assert f"-S profile=local -S data.path={out}" in said


def test_an_error_is_one_line(tmp_path, capsys):
    assert main(["import", "adressa", str(tmp_path / "no"), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter").write_text("dear", encoding="utf-8")
    with pytest.raises(StudyError, match="is there and no import"):
        write.import_data("ebnerd", write_ebnerd(tmp_path / "in"), tmp_path / "out", Options())
    assert (tmp_path / "out" / "letter").is_file()


def test_an_import_that_is_done_is_not_done_again_but_where_it_asks_for_something_else(tmp_path):
    folder, out = write_100k(tmp_path / "in"), tmp_path / "out"
    write.import_data("movielens", folder, out, Options())
    first = (out / "import.json").stat().st_mtime_ns
    write.import_data("movielens", folder, out, Options())
    assert (out / "import.json").stat().st_mtime_ns == first
    write.import_data("movielens", folder, out, Options(shown=3))
    assert json.loads((out / "import.json").read_text(encoding="utf-8"))["options"]["shown"] == 3


def test_one_that_was_cut_off_goes_on_with_the_split_at_which_it_was(tmp_path, monkeypatch):
    folder, out, split, asked = write_ebnerd(tmp_path / "in"), tmp_path / "out", EbNerd.split, []

    def cut_off(self, name):
        asked.append(name)
        if asked == ["train", "dev"]:
            raise KeyboardInterrupt
        return split(self, name)

    monkeypatch.setattr(EbNerd, "split", cut_off)
    with pytest.raises(KeyboardInterrupt):
        write.import_data("ebnerd", folder, out, Options())
    assert not out.exists()
    figures = write.import_data("ebnerd", folder, out, Options())
    assert asked == ["train", "dev", "dev"]
    assert figures["splits"].keys() == {"train", "dev"}
    assert sorted(p.name for p in out.iterdir()) == ["dev", "import.json", "train"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(language="cmn"), "--language: ebnerd has no use for it"),
        (Options(history=0), "--history: 0 is not accepted"),
    ],
)
def test_an_option_that_means_nothing_is_refused(tmp_path, options, told):
    with pytest.raises(StudyError, match=told):
        write.import_data("ebnerd", write_ebnerd(tmp_path / "in"), tmp_path / "out", options)


@pytest.mark.parametrize("kind", IMPORTERS)
def test_the_command_takes_what_is_listed(kind, tmp_path, capsys):
    assert importer(kind).options
    assert main(["import", kind, str(tmp_path / "no"), str(tmp_path / "out")]) == 1
    assert "no data set" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    assert kind in capsys.readouterr().out


def test_another_data_set_is_refused_with_those_that_are_listed(tmp_path, capsys):
    assert main(["import", "mine", str(tmp_path / "no"), str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert "'mine'" in told and ", ".join(IMPORTERS) in told


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A miniature of MovieLens 100k as a pinned release of a server on this machine."""
    files = sorted(write_100k(tmp_path / "in").iterdir())
    content = zipped({f"ml-100k/{file.name}": file.read_bytes() for file in files})
    pin = {"sha256": hashlib.sha256(content).hexdigest(), "files": {}}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(lambda path, headers: Answer(200, content)) as address:
        known = {"100k": pin | {"url": f"{address}/ml-100k.zip"}}
        monkeypatch.setattr(releases, "releases", lambda kind: known)
        yield pin


def test_a_release_is_downloaded_checked_and_named(served, tmp_path, capsys):
    assert main(["import", "movielens", "100k", "out"]) == 0
    [source] = json.loads((tmp_path / "out/import.json").read_text(encoding="utf-8"))["sources"]
    assert (source["file"], source["release"]) == ("ml-100k.zip", "100k")
    by_hand = write.import_data("movielens", tmp_path / "in", tmp_path / "by hand", Options())
    assert {each["release"] for each in by_hand["sources"]} == {None}
    capsys.readouterr()
    releases.releases("movielens")["100k"]["sha256"] = "0" * 64
    assert main(["import", "movielens", "100k", "out again"]) == 1
    assert "it is not the pinned file" in capsys.readouterr().err
    assert not (tmp_path / "out again").exists()


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("movielens", "32m", "movielens 32m: its SHA-256 is not known here"),
        ("movielens", "2m", "expected movielens as it is published, or 100k or 1m to download it$"),
        ("adressa", "100k", "100k: no such folder; expected adressa as it is published$"),
    ],
)
def test_what_is_not_served_is_told(tmp_path, monkeypatch, kind, name, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=told):
        write.import_data(kind, Path(name), tmp_path / "out", Options())


def test_pinned_releases_are_sound():
    for kind in IMPORTERS:
        for release in releases.releases(kind).values():
            assert release["url"].startswith("https://") and release["url"].endswith(".zip")
            pins = [pin for pin in (release["sha256"], *release["files"].values()) if pin]
            assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)
