"""Adressa (Norwegian; reclab.idi.ntnu.no/dataset) in its light version as published: a file a day,
named like 20170101, an event a line as JSON. Reading an article is a click."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

from replication.files.errors import StudyError, shown
from replication.files.listing import files_below
from replication.importers.base import NO_TEXT
from replication.importers.built import DAY, Built, Events
from replication.importers.tables import one_line
from replication.mind.tsv import fail, read_lines

_NAME = re.compile(r"\d{8}(\.jsonl?)?")
# Nothing else is read: of a reader no place, device or profile.
FIELDS = {
    "userId": pl.String,
    "time": pl.Int64,
    "id": pl.String,
    "title": pl.String,
    "category1": pl.String,
}
_ALWAYS = ("userId", "time")  # an event of a front page has no article


class Adressa(Built):
    """The title as the first event has it, no abstract; the first part of `category1` is the
    category, the last the subcategory. Candidates are drawn from what was read in the day before.
    """

    window = DAY

    def sources(self) -> list[Path]:
        found = files_below(self.folder) if self.folder.is_dir() else []
        days = [path for path in found if _NAME.fullmatch(path.name)]
        if not days:
            raise StudyError(f"{self.folder}: no file named like 20170101; expected Adressa's "
                             "folder, unpacked, a file a day")  # fmt: skip
        return days

    def events(self) -> Events:
        events = pl.concat([_read(path) for path in self.sources()])
        left_out: Counter = Counter()
        there = events.filter(pl.col("id").fill_null("") != "")
        left_out["events of no article"] = len(events) - len(there)
        parts = pl.col("category1").fill_null("").str.split("|")
        news = (
            there.sort("time", maintain_order=True)
            .group_by("id", maintain_order=True)
            .agg(
                # The first that there is, for an event may lack it.
                pl.col("title", "category1").filter(pl.col("title") != "").first()
            )
            .sort("id")
            .select(
                pl.col("id").alias("news_id"),
                one_line(parts.list.first().replace("", "unknown")).alias("category"),
                one_line(parts.list.last().replace("", "unknown")).alias("subcategory"),
                pl.col("title").fill_null(""),
                pl.lit("").alias("abstract"),
            )
        )
        told = news.filter(pl.col("title") != "")
        left_out[NO_TEXT] = len(news) - len(told)
        codes = there["id"].cast(pl.Enum(told["news_id"]), strict=False).to_physical()
        left_out["events of articles without text"] = codes.null_count()
        there, codes = there.filter(codes.is_not_null()), codes.drop_nulls()
        users = there["userId"].unique().sort()
        return Events(
            user=there["userId"].cast(pl.Enum(users)).to_physical().cast(pl.Int64).to_numpy(),
            article=codes.cast(pl.Int64).to_numpy(),
            time=there["time"].to_numpy(),
            click=np.ones(len(there), bool),
            users=users,
            news=told,
            left_out=left_out,
        )


def _read(path: Path) -> pl.DataFrame:
    """The fields of each event."""
    try:
        events = pl.read_ndjson(path, schema=FIELDS)
        sound = len(events) and not sum(events[name].null_count() for name in _ALWAYS)
    except pl.exceptions.PolarsError:
        sound = False
    if not sound:
        _refuse(path, read_lines(path, ["event"], "an event a line, as JSON"))
    return events.with_columns(one_line(pl.col("title")))


def _refuse(path: Path, lines: pl.Series) -> None:
    """StudyError about the first line that is no event."""
    for row, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError as error:
            fail(path, row, "event", f"{shown(line)} is no JSON ({error})", "an event a line")
        if not isinstance(event, dict):
            fail(path, row, "event", shown(event), "an object with userId, time, id, title")
        for name, kind in FIELDS.items():
            value, wanted = event.get(name), int if kind == pl.Int64 else str
            if value is None and name not in _ALWAYS:
                continue
            if type(value) is not wanted:
                said = "is missing" if name not in event else shown(value)
                fail(path, row, name, said, "a whole number" if wanted is int else "text")
    raise StudyError(f"{path}: no table of events; expected {', '.join(FIELDS)}")
