"""A data set of another format, brought by a class in this file that one line lists."""

import csv
from pathlib import Path

import numpy as np
import pytest

from replication.files.atomic import new_folder
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.mind.demo.corpus import mind_time
from replication.mind.imports.base import DataSet
from replication.mind.prepare import prepare
from replication.mind.source import provide_data
from replication.study import paths
from replication.study.params import load_params
from replication.study.registry import DATA_SETS, data_set


class Ratings(DataSet):
    """`ratings.csv` in a folder: user, item, rating from 1 to 5; above 3 is a click."""

    def takes(self, params):
        return (paths.given(params.data.path) / "ratings.csv").is_file()

    def check(self, params, where):
        if params.data.release is not None:
            raise StudyError(f"{where}: data.release: not accepted with ratings.csv")

    def provide(self, params, out, pins):
        path = paths.given(params.data.path) / "ratings.csv"
        with path.open(encoding="utf-8") as file:
            rated = [(u, i, int(r)) for u, i, r in csv.reader(file)]
        items = sorted({item for _, item, _ in rated})
        news = [f"{item}\tall\tall\tItem {item}\t\t\t[]\t[]\n" for item in items]
        with new_folder(out) as folder:
            for number, split in enumerate(("train", "dev")):
                lines = []
                for user in sorted({user for user, *_ in rated}):
                    mine = [(i, r) for u, i, r in rated if u == user][number::2]
                    shown = " ".join(f"{i}-{int(r > 3)}" for i, r in mine)
                    when = mind_time(86_400 * number)
                    lines.append(f"{len(lines) + 1}\t{user}\t{when}\t\t{shown}\n")
                (folder / split).mkdir()
                for name, rows in (("news", news), ("behaviors", lines)):
                    (folder / split / f"{name}.tsv").write_text("".join(rows), encoding="utf-8")


@pytest.fixture
def ratings(own_project, edit) -> Path:
    """A folder of ratings, which params.yaml names."""
    folder = own_project / "ratings"
    folder.mkdir()
    lines = [f"U{u},I{i},{5 if (u + i // 2) % 2 else 1}\n" for u in range(4) for i in range(8)]
    (folder / "ratings.csv").write_text("".join(lines), encoding="utf-8")
    edit(lambda values: values.update(profile="ratings"))
    edit(lambda values: values["data"].update(path=str(folder)))
    return folder


def test_without_its_line_the_folder_is_taken_for_mind(ratings):
    with pytest.raises(StudyError, match=r"data\.path: .*ratings/train/news\.tsv: no such file"):
        provide_data(load_params(), Path("raw"))


def test_it_is_brought_and_prepared(ratings):
    DATA_SETS["ratings"] = Ratings
    provide_data(load_params(), Path("raw"))
    prepare(Path("raw"), Path("prepared"))
    data = load_prepared(Path("prepared"))
    assert data.articles.title.to_list()[1] == "Item I0" and len(data.articles.title) == 1 + 8
    assert len(data.train) == len(data.test) == 4
    labels = np.asarray(data.train.labels).reshape(4, 4)
    assert labels.tolist() == [[(u + i) % 2 for i in range(4)] for u in range(4)]


def test_it_refuses_what_it_cannot_take(ratings, edit):
    DATA_SETS["ratings"] = Ratings
    edit(lambda values: values["data"].update(release="small"))
    with pytest.raises(StudyError, match=r"data\.release: not accepted with ratings\.csv"):
        load_params()


@pytest.mark.parametrize(
    ("profile", "path", "kind"),
    [
        ("demo", "conf", "Demo"),
        ("laptop", "conf", "Demo"),
        ("mind", "params.yaml", "Release"),
        ("mind", "none", "Folder"),
    ],
)
def test_which_line_takes_which_parameters(params, profile, path, kind):
    from dataclasses import replace

    data = replace(params.data, path=path)
    assert type(data_set(replace(params, profile=profile, data=data))).__name__ == kind
