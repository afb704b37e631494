"""Data sets in miniature, each as it is published; all in them is invented."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

START = datetime(2023, 5, 18, 7)
ARTICLES = {
    "article_id": [10, 11, 12, 13],
    "title": ["Første\thistorie", "Anden", "", "Fjerde"],  # 12 has no text
    "subtitle": ["To\nlinjer", None, "Kun dette", ""],
    "category": [1, 1, 2, 3],
    "subcategory": [[], [7, 8], [], [9]],
}
BEHAVIORS = {
    "impression_id": [5, 6, 7, 8, 9],
    "user_id": [1, 2, 1, 1, 3],
    "impression_time": [START + timedelta(hours=n) for n in range(5)],
    # As usual; a click without text; a click not in view; no click; a candidate without text.
    "article_ids_inview": [[10, 11, 13], [12, 10], [10, 11], [10, 13], [13, 12, 11]],
    "article_ids_clicked": [[11], [12], [13], [], [11]],
    "gender": ["never read"] * 5,
}
HISTORY = {
    "user_id": [2, 1],
    "article_id_fixed": [[10], [13, 12, 10]],
    "impression_time_fixed": [[START], [START, START, START - timedelta(days=1)]],
}


def write_ebnerd(folder: Path, articles=ARTICLES, behaviors=BEHAVIORS, history=HISTORY) -> Path:
    for split in ("train", "validation"):
        (folder / split).mkdir(parents=True)
        pl.DataFrame(behaviors).write_parquet(folder / split / "behaviors.parquet")
        pl.DataFrame(history).write_parquet(folder / split / "history.parquet")
    pl.DataFrame(articles).write_parquet(folder / "articles.parquet")
    return folder


DAYS = 24 * 3600
# user, film, rating, day: five days, the last of which is the test.
RATED = [
    *((1, 1, 5, 0), (1, 2, 4, 1), (1, 3, 2, 1), (1, 4, 5, 2)),
    *((2, 2, 3, 0), (2, 3, 4, 1), (2, 5, 5, 4), (3, 1, 4, 4)),
]
FILMS = ["Alpha (1990)", "Béta (1991)", "Gamma (1992)", "Delta (1993)", "Epsilon (1994)"]


def write_100k(folder: Path, rated=RATED, encoding="iso-8859-1") -> Path:
    folder.mkdir(parents=True)
    lines = [f"{u}\t{f}\t{r}\t{day * DAYS + 60 * u}\n" for u, f, r, day in rated]
    (folder / "u.data").write_text("".join(lines), encoding="utf-8")
    flags = "|".join(["0", "1", *["0"] * 3, "1", *["0"] * 13])  # Action, Comedy
    films = [f"{n}|{title}|01-Jan-1990|||{flags}\n" for n, title in enumerate(FILMS, 1)]
    (folder / "u.item").write_bytes("".join(films).encode(encoding))
    return folder


def write_1m(folder: Path) -> Path:
    folder.mkdir(parents=True)
    lines = [f"{u}::{f}::{r}::{day * DAYS + 60 * u}\n" for u, f, r, day in RATED]
    (folder / "ratings.dat").write_text("".join(lines), encoding="utf-8")
    films = [f"{n}::{title}::Action|Comedy\n" for n, title in enumerate(FILMS, 1)]
    (folder / "movies.dat").write_bytes("".join(films).encode("iso-8859-1"))
    return folder


def write_32m(folder: Path) -> Path:
    folder.mkdir(parents=True)
    lines = [f"{u},{f},{r}.0,{day * DAYS + 60 * u}\n" for u, f, r, day in RATED]
    head = "userId,movieId,rating,timestamp\n"
    (folder / "ratings.csv").write_text(head + "".join(lines), encoding="utf-8")
    films = [f'{n},"{title}",Action|Comedy\n' for n, title in enumerate(FILMS, 1)]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "".join(films), encoding="utf-8")
    return folder


def event(user: str, hour: float, article: str | None = None, **more) -> dict:
    told = {} if article is None else {"id": article, "title": f"Om {article}",
                                       "category1": "nyheter|sport"}  # fmt: skip
    said = {"userId": user, "time": 1483225200 + int(hour * 3600), "city": "never read"}
    return {**said, **told, **more}


EVENTS = [
    [event("u1", 1, "aa"), event("u2", 2, "bb"), event("u1", 3), event("u1", 4, "aa")],
    [event("u3", 25, "cc"), event("u1", 25.5, "dd", title=None), event("u2", 26, "ee")],
    [event("u1", 50, "bb"), event("u4", 51, "cc")],
]


def write_adressa(folder: Path, days=EVENTS) -> Path:
    folder.mkdir(parents=True)
    for day, events in enumerate(days, 1):
        text = "".join(json.dumps(e) + "\n" for e in events)
        (folder / f"2017010{day}").write_text(text, encoding="utf-8")
    return folder


def written(out: Path, split: str, name: str) -> list[list[str]]:
    """The fields of each line that an import has written."""
    text = (out / split / f"{name}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]
