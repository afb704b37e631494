"""The demo corpus: format, splits, determinism, sizes."""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from marginals import BEHAVIORS, NEWS, clicks_of, read

from replication.files.errors import StudyError
from replication.mind.demo.corpus import DemoSize, mind_time, write_demo

SMALL = DemoSize(400, 120, 120, 300, 150)


@pytest.fixture(scope="module", params=["train", "dev"])
def split(request: pytest.FixtureRequest, demo_corpus) -> tuple[str, pl.DataFrame, pl.DataFrame]:
    name = request.param
    news = read(demo_corpus / name / "news.tsv", NEWS)
    return name, news, read(demo_corpus / name / "behaviors.tsv", BEHAVIORS)


def candidates(behaviors: pl.DataFrame) -> list[list[str]]:
    return [[c.rsplit("-", 1)[0] for c in row.split(" ")] for row in behaviors["candidates"]]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_news_rows_have_minds_shape(split):
    _, news, _ = split
    assert news["id"].n_unique() == len(news)
    assert all(re.fullmatch(r"N[1-9]\d*", i) for i in news["id"])
    assert all(news["url"] == "https://example.org/demo/" + news["id"] + ".html")
    assert all(t == t.strip() != "" for t in news["title"])
    assert news["title"].n_unique() == len(news)
    numbers = [int(i[1:]) for i in news["id"]]
    assert numbers != sorted(numbers)
    assert max(numbers) > len(numbers)


def test_no_slot_is_left_open(split):
    _, news, _ = split
    assert not any(mark in t for t in (*news["title"], *news["abstract"]) for mark in "{}")


def test_entities_name_what_stands_at_their_offsets(split):
    _, news, _ = split
    ids: dict[str, str] = {}
    for column, text in (("in_title", "title"), ("in_abstract", "abstract")):
        for entities, words in zip(news[column], news[text], strict=True):
            for entity in json.loads(entities):
                assert list(entity) == [
                    "Label",
                    "Type",
                    "WikidataId",
                    "Confidence",
                    "OccurrenceOffsets",
                    "SurfaceForms",
                ]
                assert entity["OccurrenceOffsets"]
                for start, form in zip(
                    entity["OccurrenceOffsets"], entity["SurfaceForms"], strict=True
                ):
                    assert words[start : start + len(form)] == form
                assert ids.setdefault(entity["Label"], entity["WikidataId"]) == entity["WikidataId"]
    assert len(set(ids.values())) == len(ids)


def test_times_are_written_as_in_mind(split):
    name, _, behaviors = split
    shape = r"11/(9|1\d)/2019 (1[0-2]|[1-9]):[0-5]\d:[0-5]\d [AP]M"
    assert all(re.fullmatch(shape, time) for time in behaviors["time"])
    days = {datetime.strptime(t, "%m/%d/%Y %I:%M:%S %p").day for t in behaviors["time"]}
    assert days == ({15} if name == "dev" else {9, 10, 11, 12, 13, 14})
    assert mind_time(0) == "11/9/2019 12:00:00 AM"
    assert mind_time(43_200 + 61) == "11/9/2019 12:01:01 PM"


def test_every_impression_has_a_click_and_a_non_click(split):
    _, _, behaviors = split
    assert behaviors["impression"].n_unique() == len(behaviors)
    for row in behaviors["candidates"]:
        assert set(clicks_of(row)) == {0, 1}
    assert max(sum(clicks_of(row)) for row in behaviors["candidates"]) <= 18


def test_articles_exist_and_candidates_are_distinct(split):
    _, news, behaviors = split
    known = set(news["id"])
    for row in candidates(behaviors):
        assert len(set(row)) == len(row)
        assert known.issuperset(row)
    assert known.issuperset(article for h in behaviors["history"] for article in h.split())


def test_a_users_history_is_constant(split):
    _, _, behaviors = split
    assert behaviors.select("user", "history").n_unique() == behaviors["user"].n_unique()


def test_splits_overlap_as_in_mind(demo_corpus: Path):
    size = DemoSize()
    train, dev = (read(demo_corpus / name / "news.tsv", NEWS) for name in ("train", "dev"))
    ids, ids_dev = set(train["id"]), set(dev["id"])
    assert len(ids | ids_dev) == size.articles
    assert len(ids_dev - ids) / size.articles == pytest.approx(13_956 / 65_238, abs=0.005)
    assert len(ids) / size.articles == pytest.approx(51_282 / 65_238, abs=0.005)
    assert len(ids_dev) / size.articles == pytest.approx(42_416 / 65_238, abs=0.005)
    shared = train.join(dev, on="id", how="semi").sort("id")
    assert shared.equals(dev.join(train, on="id", how="semi").sort("id"))

    logs, logs_dev = (
        read(demo_corpus / name / "behaviors.tsv", BEHAVIORS) for name in ("train", "dev")
    )
    users, users_dev = set(logs["user"]), set(logs_dev["user"])
    assert (len(users), len(users_dev)) == (size.train_users, size.test_users)
    assert len(users_dev - users) / len(users_dev) == pytest.approx(44_057 / 50_000, abs=0.005)
    shown = [article for row in candidates(logs_dev) for article in row]
    assert sum(article not in ids for article in shown) / len(shown) > 0.55  # news lives a day


def test_same_seed_same_bytes_in_another_process(tmp_path: Path):
    write_demo(tmp_path / "a", SMALL, 7)
    code = (
        "import sys; from pathlib import Path;"
        "from replication.mind.demo.corpus import DemoSize, write_demo;"
        "write_demo(Path(sys.argv[1]), DemoSize(400, 120, 120, 300, 150), 7)"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONHASHSEED": "123", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code, tmp_path / "b"], check=True, env=environment)
    write_demo(tmp_path / "c", SMALL, 8)
    first = digests(tmp_path / "a")
    assert first == digests(tmp_path / "b")
    assert len(first) == 5
    assert not set(first.values()) & set(digests(tmp_path / "c").values())


@pytest.mark.parametrize(
    "size", [SMALL, DemoSize(300, 1, 1, 1, 1), DemoSize(900, 50, 700, 2000, 100)]
)
def test_sizes_are_kept(tmp_path: Path, size: DemoSize):
    write_demo(tmp_path / "demo", size, 3)
    news = [read(tmp_path / "demo" / s / "news.tsv", NEWS) for s in ("train", "dev")]
    logs = [read(tmp_path / "demo" / s / "behaviors.tsv", BEHAVIORS) for s in ("train", "dev")]
    assert pl.concat(news)["id"].n_unique() == size.articles
    assert [len(log) for log in logs] == [size.train_impressions, size.test_impressions]
    for log in logs:
        assert all(set(clicks_of(row)) == {0, 1} for row in log["candidates"])


@pytest.mark.parametrize(
    ("size", "seed", "named"),
    [
        (DemoSize(articles=299), 1, "articles is 299"),
        (DemoSize(train_users=0), 1, "train_users is 0"),
        (DemoSize(), -1, "seed is -1"),
    ],
)
def test_impossible_sizes_are_named(tmp_path: Path, size: DemoSize, seed: int, named: str):
    with pytest.raises(StudyError, match=named):
        write_demo(tmp_path / "demo", size, seed)
    assert not any(tmp_path.iterdir())
