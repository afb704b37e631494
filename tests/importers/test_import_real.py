"""The real folders, read in place where they are to hand; nothing of them is kept."""

from pathlib import Path

import pytest

from replication.importers.base import Options
from replication.importers.write import import_data
from replication.mind.behaviors import read_behaviors
from replication.mind.news import read_news

REAL = Path(__file__).parents[3] / "shared" / "real"
CASES = {
    "ebnerd": ("ebnerd_demo", Options(), 24_724, 13_557),
    "xmind": ("xmind", Options(mind=REAL / "mind"), 1_633, 863),
    "movielens": ("ml-100k", Options(), 48_916, 6_441),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_a_real_folder_is_imported_and_the_study_reads_it(tmp_path, kind):
    name, options, train, test = CASES[kind]
    if not (REAL / name).is_dir():
        pytest.skip(f"../shared/real/{name} is not here")
    figures = import_data(kind, REAL / name, tmp_path / "out", options)["splits"]
    assert (figures["train"]["impressions"], figures["dev"]["impressions"]) == (train, test)
    for split, found in figures.items():
        news = read_news(tmp_path / "out" / split / "news.tsv")
        read = read_behaviors(tmp_path / "out" / split / "behaviors.tsv", news["news_id"])
        assert len(news) == found["articles"]
        assert len(read.impression_id) == found["impressions"]
        assert int(read.labels.sum()) == found["clicks"]
