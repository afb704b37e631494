"""xMIND laid over MIND's behaviours: what a miniature becomes, and what malformed ones are told."""

import polars as pl
import pytest
from miniatures import written
from zipped import zipped

from replication.files.errors import StudyError
from replication.importers.base import Options
from replication.importers.write import import_data

MIND = {
    "news": "N1\tsports\tsoccer\tOne\tEnglish\t\t[]\t[]\nN2\tnews\tus\tTwo\t\t\t[]\t[]\n"
    "N3\tnews\tus\tThree\t\t\t[]\t[]\n",
    "behaviors": "1\tU1\t11/9/2019 8:36:57 AM\tN1 N3 N2\tN1-1 N2-0 N3-0\n"
    "2\tU2\t11/10/2019 8:36:57 PM\t\tN3-1 N2-0\n",
}
TSV = "nid\ttitle\tabstract\nN1\t一\t英語\nN2\t二\t\nN9\t九\t\n"  # none of N3


def write_mind(folder):
    for split in ("train", "dev"):
        (folder / split).mkdir(parents=True)
        for name, text in MIND.items():
            (folder / split / f"{name}.tsv").write_text(text, encoding="utf-8")
    return folder


def write_form(folder, form, tsv=TSV):
    folder.mkdir()
    if form == "zip":
        path, content = folder / "cmn_xMINDsmall_dev.zip", {"xMINDsmall_dev/news.tsv": tsv.encode()}
        path.write_bytes(zipped({"xMINDsmall_dev/": b"", **content}))
    elif form == "tsv":
        (folder / "cmn.tsv").write_text(tsv, encoding="utf-8")
    else:
        (folder / "data" / "cmn").mkdir(parents=True)
        rows = [line.split("\t") for line in tsv.splitlines()]
        table = pl.DataFrame(rows[1:], schema=rows[0], orient="row")
        table.write_parquet(folder / "data" / "cmn" / "train.parquet.gzip", compression="gzip")
    return folder


@pytest.mark.parametrize("form", ["zip", "tsv", "parquet"])
def test_translations_take_the_place_of_titles(tmp_path, form):
    options = Options(mind=write_mind(tmp_path / "mind"))
    folder = write_form(tmp_path / "in", form)
    figures = import_data("xmind", folder, tmp_path / "out", options)
    assert written(tmp_path / "out", "dev", "news") == [
        ["N1", "sports", "soccer", "一", "英語", "", "[]", "[]"],
        ["N2", "news", "us", "二", "", "", "[]", "[]"],
    ]
    assert written(tmp_path / "out", "dev", "behaviors") == [
        ["1", "U1", "11/09/2019 08:36:57 AM", "N1 N2", "N1-1 N2-0"]
    ]
    assert figures["splits"]["dev"]["left_out"] == {
        "articles without text": 1,
        "candidates without text": 2,
        "impressions whose clicks have no text": 1,
        "clicks of histories without text": 1,
    }


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"cmn.tsv": b"nid\ttitle\nN1\tA\n"}, "cmn.tsv, line 1, field abstract: 2 fields"),
        ({"cmn.tsv": b"N1\tA\tB\n"}, "cmn.tsv, line 1, field nid: no head"),
        ({"cmn.tsv": b"nid\ttitle\tabstract\nN1\t\xe6\t\n"}, "line 2, field title: byte 0xe6"),
        ({"cmn_a.zip": b"PK"}, "cmn_a.zip: broken zip"),
        ({"cmn_a.zip": zipped({"../news.tsv": b""})}, "a path in it leads out"),
        ({"cmn_a.zip": zipped({"a/news.tsv": b"x", "b/news.tsv": b"x"})}, "2 files called news"),
        ({"cmn_a.zip": zipped({"a/news.tsv": b"N1\tx\n"})}, "cmn_a.zip: news.tsv, line 1, field"),
        ({"cmn.tsv": b"", "fin.tsv": b""}, "several languages (cmn, fin); choose by --language"),
        ({"cmn.parquet": b"PAR1"}, "cmn.parquet: no readable Parquet"),
        ({"readme": b""}, "no translation in it"),
    ],
)
def test_a_malformed_one_is_told_in_one_line(tmp_path, files, told):
    (tmp_path / "in").mkdir()
    for name, content in files.items():
        (tmp_path / "in" / name).write_bytes(content)
    options = Options(mind=write_mind(tmp_path / "mind"))
    with pytest.raises(StudyError) as error:
        import_data("xmind", tmp_path / "in", tmp_path / "out", options)
    assert told in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_it_wants_minds_behaviours(tmp_path):
    with pytest.raises(StudyError, match="--mind: is missing"):
        import_data("xmind", write_form(tmp_path / "in", "tsv"), tmp_path / "out", Options())
