"""EB-NeRD: what a miniature becomes, counted by hand, and what malformed ones are told."""

import json
import tempfile
from datetime import timedelta

import polars as pl
import pytest
from miniatures import ARTICLES, BEHAVIORS, HISTORY, START, write_ebnerd, written
from zipped import zipped

from replication.files.errors import StudyError
from replication.importers.base import Options
from replication.importers.write import import_data
from replication.mind.behaviors import read_behaviors
from replication.mind.news import read_news


def test_a_miniature_becomes_what_is_computed_by_hand(tmp_path):
    figures = import_data("ebnerd", write_ebnerd(tmp_path / "in"), tmp_path / "out", Options())
    assert written(tmp_path / "out", "train", "behaviors") == [
        ["5", "1", "05/18/2023 07:00:00 AM", "10 13", "10-0 11-1 13-0"],  # oldest first
        ["9", "3", "05/18/2023 11:00:00 AM", "", "13-0 11-1"],
    ]
    assert written(tmp_path / "out", "train", "news") == [
        ["10", "1", "1", "Første historie", "To linjer", "", "[]", "[]"],
        ["11", "1", "7", "Anden", "", "", "[]", "[]"],
        ["13", "3", "9", "Fjerde", "", "", "[]", "[]"],
    ]
    assert figures["splits"]["train"] == figures["splits"]["dev"] == {
        "impressions": 2, "clicks": 2, "candidates": 5, "impressions_without_history": 1,
        "users": 2, "articles": 3,
        "left_out": {
            "articles without text": 1,
            "clicks of histories without text": 1,
            "clicks on what was not in view": 1,
            "candidates without text": 2,
            "impressions without a click": 2,  # none at all, and one on what was not in view
            "impressions whose clicks have no text": 1,
        },
    }  # fmt: skip
    assert json.loads((tmp_path / "out/import.json").read_text(encoding="utf-8")) == figures


def packed(folder, path, above="ebnerd_demo/", without=(), **more):
    """The folder's files in one zip, below a folder and beside what a Mac adds to a zip."""
    members = {}
    for file in sorted(folder.rglob("*.parquet")):
        name = f"{above}{file.relative_to(folder).as_posix()}"
        if not name.endswith(tuple(without)):
            members[name] = file.read_bytes()
            members[f"__MACOSX/{above}{file.parent.relative_to(folder)}/._{file.name}"] = b"x"
    path.write_bytes(zipped(members | more))
    return path


@pytest.mark.parametrize("above", ["", "ebnerd_demo/", "a/b/"])
def test_a_zip_gives_what_its_folder_gives(tmp_path, monkeypatch, above):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    folder = write_ebnerd(tmp_path / "in")
    # Splits that differ, so that one taken for the other shows.
    times = [time + timedelta(days=9) for time in BEHAVIORS["impression_time"]]
    later = {**BEHAVIORS, "impression_time": times}
    pl.DataFrame(later).write_parquet(folder / "validation/behaviors.parquet")
    path = packed(folder, tmp_path / "ebnerd_demo.zip", above)
    figures = [
        import_data("ebnerd", source, tmp_path / out, Options())
        for source, out in ((folder, "a"), (path, "b"))
    ]
    assert figures[0]["splits"] == figures[1]["splits"]
    [source] = figures[1]["sources"]
    assert (source["file"], source["bytes"]) == (path.name, path.stat().st_size)
    for file in (tmp_path / "a").rglob("*.tsv"):
        there = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == there.read_bytes()
    assert not list((tmp_path / "scratch").iterdir())


def test_a_zip_that_is_none_of_ebnerd_is_told_in_one_line(tmp_path):
    folder, path = write_ebnerd(tmp_path / "in"), tmp_path / "ebnerd.zip"

    def told() -> str:
        with pytest.raises(StudyError) as error:
            import_data("ebnerd", path, tmp_path / "out", Options())
        assert not (tmp_path / "out").exists() and "\n" not in str(error.value)
        return str(error.value).removeprefix(f"{path}: ")

    packed(folder, path, without=("validation/history.parquet",))
    assert told() == "no file called validation/history.parquet in it; expected one"
    packed(folder, path, **{"again/train/behaviors.parquet": b"x"})
    assert told() == "2 files called train/behaviors.parquet in it; expected one"
    packed(folder, path, **{"../out.parquet": b"x"})
    assert told() == "refused, for a path in it leads out: '../out.parquet'"
    path.write_bytes(b"none")
    assert told().startswith("broken zip")
    packed(folder, path, without=("articles.parquet",), **{"articles.parquet": b"none"})
    assert told().startswith("articles.parquet: no readable Parquet")
    path = path.rename(tmp_path / "ebnerd.rar")
    assert told() == "no folder; expected EB-NeRD's, or its zip"


def test_the_study_reads_what_is_written(tmp_path):
    import_data("ebnerd", write_ebnerd(tmp_path / "in"), tmp_path / "out", Options(history=1))
    for split in ("train", "dev"):
        news = read_news(tmp_path / "out" / split / "news.tsv")
        read = read_behaviors(tmp_path / "out" / split / "behaviors.tsv", news["news_id"])
        assert read.labels.tolist() == [0, 1, 0, 0, 1]
        assert news["news_id"][read.histories.values.tolist()].to_list() == ["13"]  # the newest


def without(table, column):
    return {name: values for name, values in table.items() if name != column}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"articles": without(ARTICLES, "title")}, "articles.parquet: no column title"),
        ({"behaviors": {**BEHAVIORS, "user_id": ["a"] * 5}}, "column user_id: String; expected a"),
        ({"behaviors": {**BEHAVIORS, "impression_time": [START, None] + [START] * 3}},
         "row 2, column impression_time: empty; expected a time"),
        ({"behaviors": {**BEHAVIORS, "impression_id": [5, 6, 5, 8, 9]}},
         "row 3, column impression_id: 5; expected each impression once"),
        ({"behaviors": {**BEHAVIORS, "article_ids_inview": [[10, 11], [10, None]] + [[10]] * 3}},
         "row 2, column article_ids_inview: empty"),
        ({"history": {**HISTORY, "impression_time_fixed": [[START], [START]]}},
         "row 2, column user_id: 1; expected a user with as many times"),
        ({"history": {**HISTORY, "user_id": [1, 1]}}, "row 2, column user_id: 1; expected each us"),
        ({"behaviors": {**BEHAVIORS, "article_ids_clicked": [[12]] * 5}}, "no impression is left"),
    ],
)  # fmt: skip
def test_a_malformed_one_is_told_in_one_line_and_leaves_nothing(tmp_path, parts, told):
    write_ebnerd(tmp_path / "in", **parts)
    with pytest.raises(StudyError) as error:
        import_data("ebnerd", tmp_path / "in", tmp_path / "out", Options())
    assert told in str(error.value) and "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("left", [0, 3, 200])
def test_truncated_parquet(tmp_path, left):
    path = write_ebnerd(tmp_path / "in") / "train" / "behaviors.parquet"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(StudyError, match=r"behaviors.parquet: no readable Parquet .*get it again"):
        import_data("ebnerd", tmp_path / "in", tmp_path / "out", Options())


def test_of_a_reader_nothing_else_is_read(tmp_path, monkeypatch):
    read, asked = pl.read_parquet, set()
    monkeypatch.setattr(pl, "read_parquet", lambda path, columns: asked.update(columns)
                        or read(path, columns=columns))  # fmt: skip
    import_data("ebnerd", write_ebnerd(tmp_path / "in"), tmp_path / "out", Options())
    assert asked == {*ARTICLES, *BEHAVIORS, *HISTORY} - {"gender"}
