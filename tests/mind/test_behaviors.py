from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from files import SAMPLE, impression, write_rows
from hypothesis import given
from hypothesis import strategies as st

from replication.evaluation.predictions import score_predictions
from replication.files.errors import StudyError
from replication.mind.behaviors import Behaviors, read_behaviors
from replication.mind.news import read_news

NEWS_IDS = pl.Series("news_id", ["N1", "N2", "N3", "N55"])
EPOCH = datetime(1970, 1, 1)

clicks = st.lists(st.sampled_from(NEWS_IDS.to_list()), max_size=5)
candidates = st.lists(st.tuples(st.sampled_from(NEWS_IDS.to_list()), st.integers(0, 1)), min_size=1)
impressions = st.tuples(
    st.integers(0, 2**40),
    st.sampled_from(["U1", "U2", "Ü3"]),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
    clicks,
    candidates,
)


def mind_time(time: datetime, zeros: str) -> str:
    """As MIND writes it (no leading zeros) or padded to two digits (zeros = "0")."""
    return time.strftime(f"%{zeros}m/%{zeros}d/%Y %{zeros}I:%M:%S %p")


def as_rows(behaviors: Behaviors) -> list[tuple]:
    """The impressions as the strategy above draws them."""
    offsets = behaviors.candidates.offsets
    rows = []
    for i in range(len(behaviors.candidates)):
        shown = NEWS_IDS[behaviors.candidates.row(i)].to_list()
        labels = behaviors.labels[offsets[i] : offsets[i + 1]].tolist()
        rows.append(
            (
                int(behaviors.impression_id[i]),
                behaviors.user_id[i],
                EPOCH + timedelta(seconds=int(behaviors.time[i])),
                NEWS_IDS[behaviors.histories.row(behaviors.history_row[i])].to_list(),
                list(zip(shown, labels, strict=True)),
            )
        )
    return rows


@given(
    rows=st.lists(impressions, min_size=1, max_size=8, unique_by=lambda row: row[0]),
    zeros=st.sampled_from(["", "-"]),
    end=st.sampled_from(["\n", "\r\n"]),
    last_end=st.booleans(),
)
def test_what_was_written_is_read(tmp_path_factory, rows, zeros, end, last_end):
    lines = [
        impression(i, user, mind_time(time, zeros), " ".join(h), " ".join(f"{a}-{b}" for a, b in c))
        for i, user, time, h, c in rows
    ]
    path = write_rows(tmp_path_factory.mktemp("b") / "behaviors.tsv", lines, end, last_end)
    behaviors = read_behaviors(path, NEWS_IDS)
    assert as_rows(behaviors) == rows
    assert len(behaviors.histories) == len({(user, *history) for _, user, _, history, _ in rows})


def test_dtypes_and_a_single_candidate(tmp_path):
    path = write_rows(tmp_path / "behaviors.tsv", [impression(history="", candidates="N55-1")])
    behaviors = read_behaviors(path, NEWS_IDS)
    assert behaviors.histories.lengths.tolist() == [0]
    assert behaviors.candidates.values.tolist() == [3] and behaviors.labels.tolist() == [1]
    assert behaviors.impression_id.dtype == behaviors.time.dtype == np.int64
    assert behaviors.history_row.dtype == np.int32 and behaviors.labels.dtype == np.int8
    assert behaviors.histories.values.dtype == behaviors.candidates.values.dtype == np.int32


def test_equal_histories_of_two_users_stay_apart(tmp_path):
    rows = [impression(1, "U1"), impression(2, "U2"), impression(3, "U1"), impression(4, "U2")]
    behaviors = read_behaviors(write_rows(tmp_path / "behaviors.tsv", rows), NEWS_IDS)
    assert behaviors.history_row.tolist() == [0, 1, 0, 1]


FIRST = impression(1)
FIELD = {"impression_id": "2", "user_id": "U1", "time": "11/9/2019 8:36:57 AM", "history": "N1",
         "candidates": "N3-1 N1-0"}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "field", "problem"),
    [
        (impression(2)[:4], "impressions", "4 fields; expected 5 fields"),
        ((*impression(2), "more"), "impressions", "6 fields; expected 5 fields"),
        (("",), "impression_id", "blank line"),
        (impression("two"), "impression_id", "not an integer: 'two'"),
        (impression("2.0"), "impression_id", "not an integer: '2.0'"),
        (impression(""), "impression_id", "not an integer: ''"),
        (impression(1), "impression_id", "'1' stands on line 1 already"),
        (impression("01"), "impression_id", "'1' stands on line 1 already"),
        (impression(2, user_id=""), "user_id", "no user: ''"),
        (impression(2, time=""), "time", "not a time: ''"),
        (impression(2, time="2019-11-09 08:36:57"), "time", "not a time: '2019-11-09"),
        (impression(2, time="13/9/2019 8:36:57 AM"), "time", "not a time: '13/9"),
        (impression(2, time="2/30/2019 8:36:57 AM"), "time", "not a time: '2/30"),
        (impression(2, time="11/9/19 8:36:57 AM"), "time", "not a time: '11/9/19"),
        (impression(2, time="11/9/2019 20:36:57 PM"), "time", "not a time: '11/9/2019 20"),
        (impression(2, history="N1 N77"), "history", "no such article: 'N77'"),
        (impression(2, history="N1  N2"), "history", "no such article: ''"),
        (impression(2, candidates=""), "impressions", "no candidates: ''"),
        (impression(2, candidates="N1-0 N77-1"), "impressions", "no such article: 'N77'"),
        (impression(2, candidates="N1-0 N2"), "impressions", "no label: 'N2'"),
        (impression(2, candidates="N1-0 N2-2"), "impressions", "no label: 'N2-2'"),
        (impression(2, candidates="N1-0 "), "impressions", "no label: ''"),
        (impression(2, candidates="N1-0,N2-1 N3"), "impressions", "no label: 'N3'"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, row, field, problem):
    path = write_rows(tmp_path / "behaviors.tsv", [FIRST, row, impression(3)])
    with pytest.raises(StudyError) as error:
        read_behaviors(path, NEWS_IDS)
    message = str(error.value)
    assert message.startswith(f"{path}, line 2, field {field}: ")
    assert problem in message and "; expected " in message and "\n" not in message


MARKS = {"\ufeff": "byte order mark", "\u00a0": "no-break space", "\r": "carriage return",
         "\u200b": "zero width space", "\x0b": "U+000B"}  # fmt: skip
SPOILED = [
    *(({field: place.format(FIELD[field], mark)}, field, name)
      for mark, name in MARKS.items()
      for field in FIELD
      for place in ("{0}{1}", "{1}{0}")
      # A carriage return before a line's end belongs to it.
      if (field, mark, place) != ("candidates", "\r", "{0}{1}")),
    *(({field: f" {text}"}, field, "leading space") for field, text in FIELD.items()),
    *(({field: f"{text} "}, field, "trailing space") for field, text in FIELD.items()),
    ({"history": "N1  N2"}, "history", "second space"),
    ({"candidates": "N1-0  N2-1"}, "candidates", "second space"),
    ({"candidates": "N1-0\r\r"}, "candidates", "carriage return"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field", "mark"), SPOILED)
def test_what_cannot_be_seen_is_named_by_whoever_reads_the_table(tmp_path, changes, field, mark):
    """Stage `prepare` and the command `score` refuse the same lines, in the same words."""
    rows = [FIRST, impression(**{"impression_id": 2} | changes)]
    path = write_rows(tmp_path / "behaviors.tsv", rows, end="\r\n")
    submission = tmp_path / "prediction.txt"
    submission.write_text("1 [1,2]\n2 [1,2]\n")
    messages = []
    for read in (
        lambda: read_behaviors(path, NEWS_IDS),
        lambda: score_predictions(path, submission),
    ):
        with pytest.raises(StudyError) as error:
            read()
        messages.append(str(error.value))
    column = "impressions" if field == "candidates" else field
    assert messages[0].startswith(f"{path}, line 2, field {column}: ")
    assert mark in messages[0] and "; expected " in messages[0]
    assert messages[0] == messages[1]


def test_a_byte_order_mark_at_the_start_is_skipped_by_both(tmp_path):
    path = write_rows(tmp_path / "behaviors.tsv", [FIRST])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (tmp_path / "prediction.txt").write_text("\ufeff1 [1,2]\n", encoding="utf-8")
    assert read_behaviors(path, NEWS_IDS).impression_id.tolist() == [1]
    assert score_predictions(path, tmp_path / "prediction.txt", samples=2)["auc"] == 1


def test_a_repeated_history_is_named_where_it_stands_first(tmp_path):
    rows = [FIRST, *(impression(i, "U9", history="N1 N77") for i in (2, 3))]
    with pytest.raises(StudyError, match="line 2, field history: no such article: 'N77'"):
        read_behaviors(write_rows(tmp_path / "behaviors.tsv", rows), NEWS_IDS)


def test_a_missing_or_empty_file_is_named(tmp_path):
    path = tmp_path / "behaviors.tsv"
    with pytest.raises(StudyError, match=r"behaviors\.tsv: no such file"):
        read_behaviors(path, NEWS_IDS)
    path.touch()
    with pytest.raises(StudyError, match="line 1, field impression_id: the file is empty"):
        read_behaviors(path, NEWS_IDS)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs real MIND rows in ../shared/mind-sample")
@pytest.mark.parametrize(("split", "impressions"), [("train", 92), ("dev", 27)])
def test_real_rows(split, impressions):
    folder = SAMPLE / "paired" / split
    news = read_news(folder / "news.tsv")
    behaviors = read_behaviors(folder / "behaviors.tsv", news["news_id"])
    assert len(behaviors.candidates) == impressions
    assert behaviors.candidates.lengths.sum() == len(behaviors.labels)
    text = (folder / "behaviors.tsv").read_text(encoding="utf-8")
    assert behaviors.labels.sum() == text.count("-1 ") + text.count("-1\n")


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs real MIND rows in ../shared/mind-sample")
def test_the_real_marginals():
    path = SAMPLE / "behaviors.tsv"
    ids = pl.read_lines(path)["line"].str.extract_all(r"\bN\d+").explode().unique()
    behaviors = read_behaviors(path, ids)
    history = behaviors.histories.lengths[behaviors.history_row]
    shown = behaviors.candidates.lengths
    assert len(shown) == 5000
    assert (history.mean(), shown.mean()) == (
        pytest.approx(32, abs=0.05),
        pytest.approx(37.9, abs=0.05),
    )
    assert (np.median(history), np.median(shown)) == (18, 24)
    assert (history == 0).mean() == pytest.approx(0.021, abs=0.0005)
