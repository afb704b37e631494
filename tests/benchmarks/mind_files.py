"""Files in MIND's format and MIND-small's shape, of synthetic words: for timing, not for study.

Real figures that they follow: impressions, users, articles and candidates of each split; the
spread of history lengths (median 19, mean 32) and of candidates (median 24, mean 37); text lengths;
file sizes, entity columns included. Which articles are shown and clicked follows nothing but a
skewed popularity.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

DAY = 86_400
START = int((datetime(2019, 11, 9) - datetime(1970, 1, 1)).total_seconds())
ARTICLES = 65_238
USERS = 94_057
WORDS = 30_000


@dataclass(frozen=True)
class Split:
    """Figures of one split of MIND-small; its articles and users are the first or the last ones."""

    impressions: int
    candidates: int
    articles: int
    users: int
    first_day: int
    days: int


SPLITS = {
    "train": Split(156_965, 5_843_444, 51_282, 50_000, first_day=0, days=6),
    "dev": Split(73_152, 2_740_998, 42_416, 50_000, first_day=6, days=1),
}


def write_mind(folder: Path, share: float = 1.0, seed: int = 1) -> None:
    """Write ``folder/{train,dev}/{news,behaviors}.tsv``; the same arguments give the same bytes.

    share   scales articles, users and impressions alike; 1 is MIND-small, 0.01 the least
    """
    rng = np.random.default_rng(seed)
    articles, users = round(share * ARTICLES), round(share * USERS)
    news = _news(articles, rng)
    for name, split in SPLITS.items():
        n_articles, n_users = round(share * split.articles), round(share * split.users)
        first_article = 0 if name == "train" else articles - n_articles
        first_user = 0 if name == "train" else users - n_users
        behaviors = _behaviors(
            split,
            round(share * split.impressions),
            news["news_id"][first_article : first_article + n_articles],
            first_user + np.arange(n_users),
            rng,
        )
        (folder / name).mkdir(parents=True)
        _write(news[first_article : first_article + n_articles], folder / name / "news.tsv")
        _write(behaviors, folder / name / "behaviors.tsv")


def _news(articles: int, rng: np.random.Generator) -> pl.DataFrame:
    """The articles of both splits, with MIND's eight columns."""
    letters = rng.choice(np.frombuffer(b"abcdefghijklmnoprstuvwy", np.uint8), (WORDS, 9))
    lengths = np.clip(rng.poisson(5.2, WORDS), 2, 9)
    words = pl.Series([bytes(w[:n]).decode() for w, n in zip(letters, lengths, strict=True)])
    kinds = pl.Series([f"category{i}" for i in range(18)])
    subkinds = pl.Series([f"subcategory{i}" for i in range(270)])
    entities = pl.Series(
        [
            f'{{"Label": "{a} {b}", "Type": "P", "WikidataId": "Q{i + 1000}", "Confidence": 1.0, '
            f'"OccurrenceOffsets": [{i % 60}], "SurfaceForms": ["{a} {b}"]}}'
            for i, (a, b) in enumerate(pairwise(words))
        ]
    )
    subkind = rng.integers(len(subkinds), size=articles)
    written = rng.random(articles) > 0.05  # abstracts that are there

    def texts(lengths: np.ndarray, of: pl.Series, gap: str = " ") -> pl.Series:
        return _joined(of, _skewed(len(of), int(lengths.sum()), rng), lengths, gap)

    return pl.DataFrame(
        {
            "news_id": pl.Series(1000 + rng.permutation(articles)),
            "category": kinds.gather(subkind % len(kinds)),
            "subcategory": subkinds.gather(subkind),
            "title": texts(np.clip(rng.poisson(10.9, articles), 3, None), words),
            "abstract": texts(rng.poisson(34.4, articles).clip(1) * written, words),
            "url": pl.Series(rng.integers(10**6, 10**7, articles)),
            "title_entities": texts(rng.poisson(1.2, articles), entities, ", "),
            "abstract_entities": texts(rng.poisson(1.9, articles), entities, ", "),
        }
    ).with_columns(
        pl.format("N{}", "news_id").alias("news_id"),
        pl.format("https://assets.msn.com/labs/mind/{}.html", "url").alias("url"),
        pl.format("[{}]", "title_entities").alias("title_entities"),
        pl.format("[{}]", "abstract_entities").alias("abstract_entities"),
    )


def _behaviors(
    split: Split, impressions: int, news_ids: pl.Series, users: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    """The impressions of one split, every user in one at least, with MIND's five columns."""
    articles = len(news_ids)
    clicks = np.exp(rng.normal(np.log(19), 1.05, len(users))).astype(np.int64).clip(0, 558)
    clicks[rng.random(len(users)) < 0.02] = 0
    histories = _joined(news_ids, _skewed(articles, int(clicks.sum()), rng), clicks)
    user = np.concatenate([np.arange(len(users)), rng.integers(len(users), size=impressions)])
    user = rng.permutation(user[:impressions])

    shown = np.exp(rng.normal(0, 1, impressions))
    shown *= split.candidates / split.impressions / shown.mean()
    shown = shown.astype(np.int64).clip(2, 300)
    # The two labels of an article lie beside each other: place 2i is article i not clicked.
    labelled = (news_ids + "-0").to_frame("0").with_columns((news_ids + "-1").alias("1"))
    labelled = labelled.select(pl.concat_list("0", "1").explode()).to_series()
    starts = np.cumsum(shown) - shown
    clicked = rng.random(shown.sum()) < 0.5 / (split.candidates / split.impressions)
    clicked[starts + (rng.random(impressions) * shown).astype(np.int64)] = True
    items = 2 * _skewed(articles, len(clicked), rng) + clicked

    second = np.sort(rng.integers(split.days * DAY, size=impressions))
    time = pl.from_epoch(pl.Series(START + split.first_day * DAY + second), time_unit="s")
    return pl.DataFrame(
        {
            "impression_id": np.arange(1, impressions + 1),
            "user_id": "U" + pl.Series(1000 + users).gather(user).cast(pl.String),
            "time": time.dt.strftime("%-m/%-d/%Y %-I:%M:%S %p"),
            "history": histories.gather(user),
            "impressions": _joined(labelled, items, shown),
        }
    )


def _skewed(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers below n, the low ones more often: a quarter of them makes up half of the draws."""
    return (n * rng.random(size) ** 2).astype(np.int64)


def _joined(items: pl.Series, places: np.ndarray, lengths: np.ndarray, gap: str = " ") -> pl.Series:
    """One text per length: so many of `items` at the next `places`, with `gap` between them."""
    row = pl.Series("row", np.repeat(np.arange(len(lengths)), lengths)).set_sorted()
    parts = pl.DataFrame({"row": row, "part": items.gather(places)})
    filled = parts.group_by("row", maintain_order=True).agg(pl.col("part").str.join(gap))
    return pl.repeat("", len(lengths), eager=True).scatter(filled["row"], filled["part"])


def _write(rows: pl.DataFrame, path: Path) -> None:
    rows.write_csv(path, include_header=False, separator="\t", quote_style="never")
