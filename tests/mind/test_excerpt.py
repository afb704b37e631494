"""An excerpt of a release: its impressions by their numbers, and the articles that they need."""

import hashlib
import json
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from files import article, impression, write_rows
from ruamel.yaml import YAML
from zips import write_pins, write_zips

from replication.files.errors import StudyError
from replication.mind.excerpt import load_chosen
from replication.mind.prepare import prepare
from replication.mind.releases import PINS, load_pins
from replication.mind.source import provide_data
from replication.study.settings import Data

REAL = Path(__file__).parents[3] / "shared" / "real" / "mind"  # real rows, where they are to hand
NEWS = [article(f"N{n}", title=f"Title {n}") for n in (10, 2, 3, 4, 5, 6, 7, 8, 9, 1)]
ROWS = [
    impression(11, "U1", "11/9/2019 8:00:00 AM", "N10 N2", "N3-1 N4-0"),
    impression(2, "U2", "11/12/2019 8:00:00 AM", "", "N4-0 N5-1"),
    impression(30, "U3", "11/13/2019 8:00:00 AM", "N2", "N5-1 N3-0"),
    impression(4, "U1", "11/14/2019 8:00:00 AM", "N10", "N6-1 N3-0"),
    impression(5, "U4", "11/14/2019 9:00:00 AM", "N7", "N8-1 N9-0"),  # not chosen
]
NUMBERS = {"train": [2, 11, 30], "test": [4]}
FIGURES = {"train": {"impressions": 3, "clicks": 3, "news": 5}, "test": {"impressions": 1}}


def write_source(folder: Path, rows=ROWS, news=NEWS) -> Path:
    """A release whose training split has the rows; returns the folder of its zips."""
    for split in ("train", "dev"):
        write_rows(folder / "raw" / split / "behaviors.tsv", rows if split == "train" else ROWS[:1])
        write_rows(folder / "raw" / split / "news.tsv", news)
    return write_zips(folder / "raw", folder / "zips", inside="MINDsmall_train/")


def write_list(folder: Path, numbers=NUMBERS, figures=FIGURES) -> Path:
    """pins.yaml with the excerpt, and the numbers beside it."""
    content = (folder / "zips" / "MINDsmall_train.zip").read_bytes()
    pinned = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    tables = {"news.tsv": None, "behaviors.tsv": None}
    split = {"hub": pinned, "original": None, "tables": tables}
    path = write_pins(folder / "pins.yaml", {"train": split, "dev": split, "figures": None})
    pins = json.loads(path.read_text(encoding="utf-8"))
    pins["releases"]["mini"] = {
        "release": "small", "split": "train", "numbers": "few.yaml", "figures": figures,
    }  # fmt: skip
    path.write_text(json.dumps(pins), encoding="utf-8")
    (folder / "few.yaml").write_text(json.dumps(numbers), encoding="utf-8")
    return path


def provide(source: Path, pins: Path, out: Path) -> Path:
    data = Data(path=str(source), release="mini")
    provide_data(SimpleNamespace(profile="mind-mini", data=data), out, pins)
    return out


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_impressions_by_their_numbers_and_the_articles_that_they_need(tmp_path):
    zips = write_source(tmp_path)
    pins = write_list(tmp_path)
    out = provide(zips, pins, tmp_path / "out")
    written = {split: lines(out / split / "behaviors.tsv") for split in ("train", "dev")}
    assert written["train"] == ["\t".join(ROWS[i]) for i in (1, 0, 2)]  # by their numbers
    assert written["dev"] == ["\t".join(ROWS[3])]
    kept = {s: [line.split("\t")[0] for line in lines(out / s / "news.tsv")] for s in written}
    assert kept == {"train": ["N2", "N3", "N4", "N5", "N10"], "dev": ["N3", "N6", "N10"]}
    assert lines(out / "train/news.tsv")[0] == "\t".join(NEWS[1])
    origin = json.loads((out / "source.json").read_text(encoding="utf-8"))
    assert origin["release"] == "mini" and origin["splits"]["train"] == origin["splits"]["dev"]
    assert origin["splits"]["dev"]["file"] == "MINDsmall_train.zip"
    assert origin["splits"]["dev"]["verified"] is True
    prepare(out, tmp_path / "prepared", "mini", pins)  # the figures are looked for, and found


def test_the_download_is_the_zip_of_the_training_split_alone(tmp_path, monkeypatch):
    zips = write_source(tmp_path)
    pins = write_list(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    downloads = tmp_path / "cache/downloads"
    downloads.mkdir(parents=True)
    (zips / "MINDsmall_train.zip").rename(downloads / "MINDsmall_train.zip")
    monkeypatch.setattr(
        "replication.mind.hub_zips._download", lambda *_: (_ for _ in ()).throw(OSError("offline"))
    )
    out = provide(pins, pins, tmp_path / "out")
    assert len(lines(out / "train/behaviors.tsv")) == 3
    assert load_pins(pins).zips("mini") == [("small", "train")]


def test_the_order_of_the_source_s_rows_does_not_matter(tmp_path):
    first = provide(write_source(tmp_path / "a"), write_list(tmp_path / "a"), tmp_path / "a/out")
    rows, news = list(ROWS), list(NEWS)
    random.Random(1).shuffle(rows)
    random.Random(2).shuffle(news)
    zips = write_source(tmp_path / "b", rows, news)
    second = provide(zips, write_list(tmp_path / "b"), tmp_path / "b/out")
    for table in (f"{split}/{t}.tsv" for split in ("train", "dev") for t in ("news", "behaviors")):
        assert (first / table).read_bytes() == (second / table).read_bytes()


def test_a_folder_in_which_the_excerpt_is_parted_already(tmp_path):
    """As others hand it on: its last day lies in dev/."""
    write_source(tmp_path)
    pins = write_list(tmp_path)
    whole = provide(tmp_path / "zips", pins, tmp_path / "whole")
    for split, rows in (("train", ROWS[:3]), ("dev", ROWS[3:])):
        write_rows(tmp_path / "parted" / split / "behaviors.tsv", rows)
        write_rows(tmp_path / "parted" / split / "news.tsv", NEWS)
    out = provide(tmp_path / "parted", pins, tmp_path / "out")
    for table in (f"{split}/{t}.tsv" for split in ("train", "dev") for t in ("news", "behaviors")):
        assert (out / table).read_bytes() == (whole / table).read_bytes()


def refusal(source: Path, pins: Path, out: Path) -> str:
    with pytest.raises(StudyError) as error:
        provide(source, pins, out)
    assert not out.exists() and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS[:2] + ROWS[3:], "holds no impression 30 of the 4 of"),
        (ROWS[4:], "holds no impression 2 and 3 more of the 4 of"),
    ],
)
def test_an_impression_that_is_not_there(tmp_path, rows, told):
    zips = write_source(tmp_path, rows)
    pins = write_list(tmp_path)
    message = refusal(zips, pins, tmp_path / "out")
    assert message.startswith(f"{zips / 'MINDsmall_train.zip'}: behaviors.tsv {told} ")
    assert message.endswith("expected the train split of MIND-small: get it again")


def test_an_article_that_is_not_there(tmp_path):
    zips = write_source(tmp_path, news=[row for row in NEWS if row[0] != "N4"])
    message = refusal(zips, write_list(tmp_path), tmp_path / "out")
    assert "news.tsv holds no article N4, which an impression names" in message


def test_a_zip_without_its_tables(tmp_path):
    zips = write_source(tmp_path)
    (tmp_path / "raw/train/behaviors.tsv").rename(tmp_path / "raw/train/other.tsv")
    (zips / "MINDsmall_train.zip").write_bytes(b"no zip")
    pins = write_list(tmp_path)
    assert "MINDsmall_train.zip: broken zip" in refusal(zips, pins, tmp_path / "out")


def test_figures_that_are_not_the_excerpt_s_stop(tmp_path):
    zips = write_source(tmp_path)
    pins = write_list(tmp_path, figures={"train": {"clicks": 4}})
    parted = tmp_path / "zips/train"  # a folder: nothing vouches for its bytes
    write_rows(parted / "behaviors.tsv", ROWS)
    write_rows(parted / "news.tsv", NEWS)
    out = provide(zips, pins, tmp_path / "out")
    with pytest.raises(StudyError, match=r"clicks of MIND-mini is 3 in train, expected 4"):
        prepare(out, tmp_path / "prepared", "mini", pins)


def test_a_number_that_stands_twice(tmp_path):
    path = tmp_path / "few.yaml"
    YAML().dump({"train": [1, 2], "test": [2]}, path)
    with pytest.raises(StudyError, match=r"few\.yaml: a number stands there twice"):
        load_chosen(path)


def test_the_shipped_excerpt_agrees_with_its_figures():
    excerpt = load_pins().excerpt("mini")
    chosen = load_chosen(PINS.with_name(excerpt.numbers))
    assert len(chosen.train) == excerpt.figures["train"]["impressions"] == 4032
    assert len(chosen.test) == excerpt.figures["test"]["impressions"] == 968
    assert max(*chosen.train, *chosen.test) <= 156_965  # the impressions of the split


@pytest.mark.skipif(not REAL.is_dir(), reason="needs real MIND rows in ../shared/real")
def test_the_real_rows_show_the_excerpt_s_figures(tmp_path):
    out = provide(REAL, PINS, tmp_path / "out")
    prepare(out, tmp_path / "prepared", "mini")
    for split in ("train", "dev"):
        for table in ("news.tsv", "behaviors.tsv"):
            assert sorted(lines(out / split / table)) == sorted(lines(REAL / split / table))
