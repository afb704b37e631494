"""Write the demo corpus: MIND's two folders of two files, and the truth behind the clicks."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from replication.files.atomic import new_folder
from replication.files.errors import StudyError
from replication.mind.demo.articles import Catalogue, write_articles
from replication.mind.demo.behaviour import Impressions, draw_impressions
from replication.mind.demo.population import Population, draw_population

_START = datetime(2019, 11, 9)
_FEWEST = 300  # articles: below it a day has too few for a page of headlines


@dataclass(frozen=True)
class DemoSize:
    """How much to invent. `articles` counts both splits together, each article once."""

    articles: int = 1500
    train_users: int = 1500
    test_users: int = 1500
    train_impressions: int = 6000
    test_impressions: int = 3000


def write_demo(folder: Path, size: DemoSize, seed: int, drift: float = 0.0) -> None:
    """Write an invented corpus; the same size and seed give the same bytes everywhere.

    The folder holds ``train/news.tsv``, ``train/behaviors.tsv``, ``dev/news.tsv`` and
    ``dev/behaviors.tsv`` in MIND's format (tabs, no quoting, no header, UTF-8), and
    ``truth.parquet`` with one row per candidate: ``split`` (train or dev), ``impression_id``
    (int64), ``position`` (int32, from 0, as written) and ``probability`` (float64): the true
    probability that the candidate is clicked given the number of clicks of its impression.

    Args:
        folder: replaced as a whole, and only once everything is written.
        size: see DemoSize.
        seed: any non-negative integer.
        drift: how fast readers' interests turn, of a right angle a day; see `behaviour.interest`.

    Raises:
        StudyError: a size, the seed or the drift is out of range.
    """
    for field in fields(size):
        least = _FEWEST if field.name == "articles" else 1
        found = getattr(size, field.name)
        if found < least:
            raise StudyError(f"demo corpus: {field.name} is {found}, expected {least} or more")
    if seed < 0:
        raise StudyError(f"demo corpus: seed is {seed}, expected 0 or more")
    if not 0 <= drift <= 1:
        raise StudyError(f"demo corpus: drift is {drift}, expected 0 to 1")
    # Streams of their own: more impressions leave the articles and users as they were.
    text, people, train, dev, order, drifting = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)
    )
    catalogue = write_articles(size.articles, text)
    train_people, dev_people = draw_population(
        catalogue, size.train_users, size.test_users, people, drifting
    )
    splits = {
        "train": (
            train_people,
            draw_impressions(
                catalogue, train_people, "train", size.train_impressions, train, drift
            ),
        ),
        "dev": (
            dev_people,
            draw_impressions(catalogue, dev_people, "dev", size.test_impressions, dev, drift),
        ),
    }
    truths = []
    with new_folder(folder) as temporary:
        for split, (population, impressions) in splits.items():
            (temporary / split).mkdir()
            listed = order.permutation(np.flatnonzero(catalogue.members(split)))
            _write_lines(temporary / split / "news.tsv", [catalogue.rows[i] for i in listed])
            numbers = order.permutation(len(impressions.user)) + 1
            lines = _behaviour_lines(catalogue, population, impressions, numbers)
            _write_lines(temporary / split / "behaviors.tsv", lines)
            truths.append(_truth(split, impressions, numbers))
        pl.concat(truths).write_parquet(temporary / "truth.parquet")


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def mind_time(seconds: int) -> str:
    """MIND's way of writing a time, e.g. "11/9/2019 6:42:51 PM"; seconds since 9 November 2019."""
    when = _START + timedelta(seconds=seconds)
    return (
        f"{when.month}/{when.day}/{when.year} "
        f"{when.hour % 12 or 12}:{when:%M:%S} {'AM' if when.hour < 12 else 'PM'}"
    )


def _behaviour_lines(
    catalogue: Catalogue, population: Population, impressions: Impressions, numbers: np.ndarray
) -> list[str]:
    names = np.array([f"N{i}" for i in catalogue.ids], dtype=object)
    histories = [" ".join(names[history]) for history in population.histories]
    shown_names = [(f"{name}-0", f"{name}-1") for name in names]
    lines = []
    for row, number in enumerate(numbers.tolist()):
        count, user = impressions.count[row], impressions.user[row]
        candidates = " ".join(
            [
                shown_names[article][click]
                for article, click in zip(
                    impressions.shown[row, :count].tolist(),
                    impressions.clicked[row, :count].tolist(),
                    strict=True,
                )
            ]
        )
        time = mind_time(int(impressions.second[row]))
        lines.append(f"{number}\tU{population.ids[user]}\t{time}\t{histories[user]}\t{candidates}")
    return lines


def _truth(split: str, impressions: Impressions, numbers: np.ndarray) -> pl.DataFrame:
    row, position = np.nonzero(impressions.shown >= 0)
    return pl.DataFrame(
        {
            "split": np.full(len(row), split),
            "impression_id": numbers[row].astype(np.int64),
            "position": position.astype(np.int32),
            "probability": impressions.probability[row, position],
        }
    )
