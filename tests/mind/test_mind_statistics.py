import copy
import json

import pytest
from files import write_tiny_mind
from zips import pinned, write_pins, write_zips

from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.mind.prepare import prepare
from replication.mind.statistics import check_statistics, known_as

# Counted by hand in the lines of `write_tiny_mind`.
FIGURES = {
    "train": {"news": 3, "candidates": 6, "history_mean": 1.3, "first": "2019-11-09T00:00:01"},
    "test": {"clicks": 2, "history_mean": 1},
    "both": {"articles": 4, "users": 3, "empty_history_share": 0.2, "test_users_unseen_share": 0.5},
    "any": {"history_mean": 1.33, "history_max": 2, "history_median": 2},
}


@pytest.fixture
def raw(tmp_path):
    return write_tiny_mind(tmp_path / "raw")


@pytest.fixture
def pins(raw, tmp_path):
    """Writes pins.yaml with the given figures."""
    release = pinned(write_zips(raw, tmp_path / "zips"))
    return lambda figures: write_pins(tmp_path / "pins.yaml", release | {"figures": figures})


@pytest.fixture
def meta(raw, tmp_path) -> dict:
    prepare(raw, tmp_path / "prepared")
    return json.loads((tmp_path / "prepared" / "meta.json").read_text())


def test_the_figures_of_a_release(meta, pins):
    check_statistics(meta, "small", pins(FIGURES))


def test_nothing_to_hold_against(meta, pins):
    check_statistics(meta, "small", pins(None))
    check_statistics(meta, None, pins({"train": {"news": 4}}))


WRONG = [
    ("train", "news", 4, "3 in train"),
    ("train", "candidates", 7, "6 in train"),
    ("train", "history_mean", 1.4, "1.3333333333333333 in train"),
    ("train", "history_mean", 1.330, None),  # two decimals; its own are 1.33
    ("train", "history_mean", 1.332, "1.3333333333333333 in train"),
    ("train", "first", "2019-11-09T00:00:02", "2019-11-09T00:00:01 in train"),
    ("test", "clicks", 3, "2 in test"),
    ("both", "users", 2, "3 in both"),
    ("both", "empty_history_share", 0.3, "0.2 in both"),
    ("both", "nonsense", 1, "missing"),
    ("any", "history_max", 3, "2 in train and 1 in test and 2 in both"),
]


@pytest.mark.parametrize(("part", "name", "value", "found"), WRONG)
def test_a_figure_that_is_not_the_releases(meta, pins, part, name, value, found):
    figures = copy.deepcopy(FIGURES)
    figures[part][name] = value
    path = pins(figures)
    if found is None:
        check_statistics(meta, "small", path)
        return
    with pytest.raises(StudyError) as error:
        check_statistics(meta, "small", path)
    start = f"{name} of MIND-small is {found}, expected {value} ({path}); "
    assert str(error.value).startswith(start) and "\n" not in str(error.value)


def test_prepare_refuses_data_of_another_release(raw, tmp_path, pins):
    out = tmp_path / "out"
    prepare(raw, out, "small", pins(FIGURES))
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    with pytest.raises(StudyError, match=r"^news of MIND-small is 3 in train, expected 5 "):
        prepare(raw, out, "small", pins({"train": {"news": 5}}))
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before


def test_made_up_data_are_not_mind_small(raw, tmp_path):
    with pytest.raises(StudyError, match=r"^news of MIND-small is 3 in train, expected 51282 "):
        prepare(raw, tmp_path / "out", "small")
    assert not (tmp_path / "out").exists()


def test_a_figure_of_grade_m_is_told_with_both_numbers(meta, pins, capsys):
    check_statistics(meta, "small", pins({"both": {"articles": {"value": 5, "grade": "M"}}}))
    told = capsys.readouterr().err
    assert told.startswith("warning: articles of MIND-small is 4 in both, expected 5 (")
    assert "a figure of grade M" in told and told.count("\n") == 1


def write_origin(raw, splits: dict) -> None:
    told = {"release": "small", "splits": splits}
    (raw / "source.json").write_text(json.dumps(told), encoding="utf-8")


def of_verified_zips(raw) -> dict:
    """source.json as stage `data` leaves it for zips with pinned checksums."""
    splits = {
        split: {
            "file": f"MINDsmall_{split}.zip",
            "sha256": split,
            "verified": True,
            "tables": {name: sha256(raw / split / name) for name in ("news.tsv", "behaviors.tsv")},
        }
        for split in ("train", "dev")
    }
    write_origin(raw, splits)
    return splits


def card_of(raw, tmp_path, pins) -> dict:
    out = tmp_path / "card"
    prepare(raw, out, "small", pins)
    return json.loads((out / "meta.json").read_text(encoding="utf-8"))


def test_a_folder_with_the_figures_is_not_known_by_its_files(raw, tmp_path, pins):
    card = card_of(raw, tmp_path, pins(FIGURES))
    assert "zips" not in card
    assert known_as(card, "small", pins(FIGURES)) == "figures"


def test_zips_with_pinned_checksums_are_the_release_where_the_figures_agree(raw, tmp_path, pins):
    of_verified_zips(raw)
    card = card_of(raw, tmp_path, pins(FIGURES))
    assert card["zips"]["dev"] == {
        "file": "MINDsmall_dev.zip", "sha256": "dev", "verified": True,
    }  # fmt: skip
    assert known_as(card, "small", pins(FIGURES)) == "verified"
    assert known_as(card | {"release": "large"}, "small", pins(FIGURES)) == "figures"
    assert known_as(card, "small", pins({"train": {"news": 4}})) == "other"
    assert known_as(card, "small", pins(None)) == "other"  # nothing to be known by
    assert known_as({}, "small", pins(FIGURES)) == "other"


def test_a_table_that_was_changed_after_its_zip_was_opened(raw, tmp_path, pins):
    """One title is another: every figure stays."""
    of_verified_zips(raw)
    news = raw / "dev" / "news.tsv"
    news.write_text(news.read_text(encoding="utf-8").replace("Only here", "Only then"), "utf-8")
    card = card_of(raw, tmp_path, pins(FIGURES))
    assert [card["zips"][split]["verified"] for split in ("train", "dev")] == [True, False]
    assert known_as(card, "small", pins(FIGURES)) == "figures"


def test_tables_are_known_by_their_own_digests(raw, tmp_path):
    digests = {
        split: {name: sha256(raw / split / name) for name in ("news.tsv", "behaviors.tsv")}
        for split in ("train", "dev")
    }
    release = pinned(write_zips(raw, tmp_path / "zips")) | {"figures": FIGURES}
    for split, found in digests.items():
        release[split]["digests"] = found
    path = write_pins(tmp_path / "pins.yaml", release)
    card = card_of(raw, tmp_path, path)
    assert known_as(card, "small", path) == "verified"
    release["dev"]["digests"] = digests["dev"] | {"news.tsv": None}
    assert known_as(card, "small", write_pins(tmp_path / "one.yaml", release)) == "figures"
    release["dev"]["digests"] = digests["dev"] | {"news.tsv": "0" * 64}
    assert known_as(card, "small", write_pins(tmp_path / "two.yaml", release)) == "figures"


def test_a_figure_does_not_stop_bytes_that_are_known_for_certain(raw, tmp_path, pins, capsys):
    """Then it is the pinned figure that is wrong."""
    path = pins({"train": {"news": 5}})
    verified = of_verified_zips(raw)
    prepare(raw, tmp_path / "out", "small", path)
    assert "news of MIND-small is 3 in train, expected 5 " in capsys.readouterr().err
    verified["dev"]["verified"] = False
    write_origin(raw, verified)
    with pytest.raises(StudyError, match="news of MIND-small is 3 in train, expected 5"):
        prepare(raw, tmp_path / "out", "small", path)
