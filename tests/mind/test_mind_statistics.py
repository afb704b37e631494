import copy
import json

import pytest
from files import write_tiny_mind
from zips import pinned, write_pins, write_zips

from replication.files.errors import StudyError
from replication.mind.prepare import prepare
from replication.mind.statistics import check_statistics

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


def test_a_figure_does_not_stop_bytes_that_are_known_for_certain(raw, tmp_path, pins, capsys):
    """Then it is the pinned figure that is wrong."""
    path = pins({"train": {"news": 5}})
    verified = {split: {"verified": True} for split in ("train", "dev")}
    (raw / "source.json").write_text(json.dumps({"splits": verified}), encoding="utf-8")
    prepare(raw, tmp_path / "out", "small", path)
    assert "news of MIND-small is 3 in train, expected 5 " in capsys.readouterr().err
    verified["dev"]["verified"] = False
    (raw / "source.json").write_text(json.dumps({"splits": verified}), encoding="utf-8")
    with pytest.raises(StudyError, match="news of MIND-small is 3 in train, expected 5"):
        prepare(raw, tmp_path / "out", "small", path)
