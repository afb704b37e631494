"""MovieLens and Adressa: impressions of clicks alone."""

import random

import pytest
from miniatures import EVENTS, event, write_1m, write_32m, write_100k, write_adressa, written
from zipped import zipped

from replication.files.errors import StudyError
from replication.importers.base import Options
from replication.importers.write import import_data

RELEASES = {"100k": write_100k, "1m": write_1m, "32m": write_32m}


@pytest.mark.parametrize("release", RELEASES)
def test_movielens_in_miniature(tmp_path, release):
    figures = import_data("movielens", RELEASES[release](tmp_path / "in"), tmp_path / "out",
                          Options(shown=3))  # fmt: skip
    rows = written(tmp_path / "out", "train", "behaviors")
    # User 1 rates films 1 to 4 and no other had been rated before: of its three clicks nothing is
    # left. Of the films rated before user 2's click on the third, it never rates the first alone.
    assert rows == [["4", "2", "01/02/1970 12:02:00 AM", "", rows[0][4]]]
    assert sorted(rows[0][4].split()) == ["1-0", "3-1"]
    test = written(tmp_path / "out", "dev", "behaviors")
    assert [row[:4] for row in test] == [
        ["1", "2", "01/05/1970 12:02:00 AM", "3"],
        ["2", "3", "01/05/1970 12:03:00 AM", ""],
    ]
    for row, (click, others) in zip(test, [("5", {"1", "4"}), ("1", {"2", "3", "4", "5"})],
                                    strict=True):  # fmt: skip
        shown = row[4].split()
        assert f"{click}-1" in shown and len(shown) == 3
        assert {item[:-2] for item in shown if item.endswith("-0")} <= others
    assert figures["splits"]["train"]["left_out"] == {
        "clicks with nothing to show beside": 3,
        "impressions that stay with fewer candidates": 1,
    }
    news = {row[0]: row[1:5] for row in written(tmp_path / "out", "dev", "news")}
    assert news["5"] == ["Action", "Comedy", "Epsilon (1994)", "Action, Comedy"]


def many(seed: int = 0) -> list[tuple[int, int, int, int]]:
    draw = random.Random(seed)
    pairs = {(draw.randrange(1, 9), draw.randrange(1, 6)) for _ in range(60)}
    return [(u, f, draw.randrange(1, 6), draw.randrange(9)) for u, f in sorted(pairs)]


def test_the_order_of_the_file_decides_nothing_and_the_seed_does(tmp_path):
    rated = many()
    shuffled = random.Random(1).sample(rated, len(rated))
    texts = []
    for name, rows, seed in (("a", rated, 1), ("b", shuffled, 1), ("c", rated, 2)):
        folder = write_100k(tmp_path / name, rows)
        import_data("movielens", folder, tmp_path / f"{name}-out", Options(shown=3, seed=seed))
        texts.append((tmp_path / f"{name}-out/train/behaviors.tsv").read_text(encoding="utf-8"))
    assert texts[0] == texts[1] != texts[2]


def test_a_film_that_the_user_rates_at_any_time_is_not_shown_as_unclicked(tmp_path):
    rated = many(3)
    import_data("movielens", write_100k(tmp_path / "in", rated), tmp_path / "out", Options(shown=4))
    known = {(str(u), str(f)) for u, f, *_ in rated}
    for split in ("train", "dev"):
        for _, user, _, _, shown in written(tmp_path / "out", split, "behaviors"):
            items = shown.split()
            assert len({item[:-2] for item in items}) == len(items)
            assert not [i for i in items if i.endswith("-0") and (user, i[:-2]) in known]


def test_films_in_a_zip_with_a_folder_and_in_utf8(tmp_path):
    folder = write_100k(tmp_path / "in", encoding="utf-8")
    files = {f"ml-100k/{p.name}": p.read_bytes() for p in folder.iterdir()}
    (tmp_path / "ml.zip").write_bytes(zipped({"ml-100k/": b"", "extra/readme": b"", **files}))
    import_data("movielens", tmp_path / "ml.zip", tmp_path / "out", Options())
    titles = [row[3] for row in written(tmp_path / "out", "dev", "news")]
    assert "Béta (1991)" in titles


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("u.data", b"1\t2\t3\n", "u.data, row 1, column timestamp: 3 fields"),
        ("u.data", b"1\t2\t3\t4\n1\tx\t3\t4\n", "u.data, row 2, column movieId: 'x'"),
        ("u.data", b"1\t2\t9\t4\n", "u.data, row 1, column rating: 9; expected 0.5 to 5"),
        ("u.data", b"", "u.data: the file is empty"),
        ("u.item", b"1|A\n", "u.item, row 1, column genres: 2 fields; expected 24"),
        ("u.item", "1|é|".encode() + b"\n2|\xe9|\n", "row 2, column title: mixed encodings: row 1"),
        ("u.data", b"1\t1\t5\t4\n", "clicks on 1 days"),
    ],
)
def test_malformed_ratings_are_told_in_one_line(tmp_path, name, content, told):
    folder = write_100k(tmp_path / "in")
    (folder / name).write_bytes(content)
    with pytest.raises(StudyError) as error:
        import_data("movielens", folder, tmp_path / "out", Options())
    assert told in str(error.value) and "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_a_release_without_its_column(tmp_path):
    folder = write_32m(tmp_path / "in")
    path = folder / "ratings.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("timestamp", "date"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"ratings\.csv, row 1, column timestamp: the head is"):
        import_data("movielens", folder, tmp_path / "out", Options())


def test_adressa_in_miniature(tmp_path):
    figures = import_data("adressa", write_adressa(tmp_path / "in"), tmp_path / "out",
                          Options(test=0.2))  # fmt: skip
    day = "01/01/2017"
    train = written(tmp_path / "out", "train", "behaviors")
    # Hours from 23:00 UTC on 31 December. Read by others in the day before: aa before u2's bb; cc
    # before u2's ee (bb is known); aa, 24 hours old to the second, and bb before u3's cc; nothing
    # before u1's aa.
    assert [row[1:4] for row in train] == [
        ["u2", f"{day} 01:00:00 AM", ""],
        ["u2", "01/02/2017 01:00:00 AM", "bb"],
        ["u3", "01/02/2017 12:00:00 AM", ""],
    ]
    assert [sorted(row[4].split()) for row in train] == [
        ["aa-0", "bb-1"], ["cc-0", "ee-1"], ["aa-0", "bb-0", "cc-1"],
    ]  # fmt: skip
    assert figures["splits"]["train"]["left_out"]["events of no article"] == 1
    assert figures["splits"]["train"]["left_out"]["articles without text"] == 1
    assert figures["splits"]["train"]["left_out"]["events of an article that the user had before"]
    test = written(tmp_path / "out", "dev", "behaviors")
    assert [row[3] for row in test] == ["aa", ""]
    assert written(tmp_path / "out", "dev", "news")[0][1:4] == ["nyheter", "sport", "Om aa"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "20170102, line 2, field event: '{' is no JSON"),
        (b"[1]", "line 2, field event: [1]; expected an object"),
        (b'{"time": 3}', "line 2, field userId: is missing; expected text"),
        (b'{"userId": "u", "time": "now"}', "line 2, field time: 'now'; expected a whole number"),
        (b'{"userId": "u", "time": 3, "title": "\xe6"}', "line 2, field event: byte 0xe6 is not"),
    ],
)
def test_malformed_events_are_told_in_one_line(tmp_path, line, told):
    folder = write_adressa(tmp_path / "in", [EVENTS[0], [event("u", 1)], EVENTS[2]])
    with (folder / "20170102").open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(StudyError) as error:
        import_data("adressa", folder, tmp_path / "out", Options())
    assert told in str(error.value) and "\n" not in str(error.value)
