"""xMIND (arXiv 2403.17876): MIND's articles in another language, laid over MIND's behaviours by
article id. As published: zips or TSV with nid, title, abstract, or the same columns in Parquet."""

from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from replication.files.errors import StudyError
from replication.files.listing import files_below
from replication.importers import tables
from replication.importers.base import (
    NO_TEXT,
    SPLITS,
    Batch,
    Importer,
    Split,
    joined,
    shown_candidates,
)
from replication.mind.behaviors import read_behaviors
from replication.mind.news import read_news
from replication.mind.raw_files import find_file
from replication.mind.tsv import fail, read_rows

LANGUAGES = (
    *("cmn", "fin", "grn", "hat", "ind", "jpn"),
    *("kat", "ron", "som", "swh", "tam", "tha", "tur", "vie"),
)
_COLUMNS = ("nid", "title", "abstract")
_ENDS = (".zip", ".tsv", ".parquet", ".parquet.gzip")


class XMind(Importer):
    """Title and abstract are the translated ones, category and subcategory MIND's. An article that
    has no translation is left out: in English among others it would stand out."""

    options = ("mind", "language")

    def sources(self) -> list[Path]:
        return [*self._translated_files, *self._mind.values()]

    @cached_property
    def _mind(self) -> dict[str, Path]:
        folder = self.asked.mind
        if folder is None:
            raise StudyError("--mind: is missing; expected MIND's folder with train/ and dev/")
        names = ("news.tsv", "behaviors.tsv")
        return {f"{s}/{name}": find_file(folder / s, name) for s in SPLITS for name in names}

    @cached_property
    def _translated_files(self) -> list[Path]:
        """Those of one language: its three letters begin the file's name, or name a folder."""
        below = [self.folder] if self.folder.is_file() else files_below(self.folder)
        found: dict[str, list[Path]] = {}
        for path in below:
            if path.name.endswith(_ENDS):
                found.setdefault(_language(path), []).append(path)
        asked = self.asked.language
        if asked is not None:
            found = {asked: found[asked]} if asked in found else {}
        if not found:
            raise StudyError(f"{self.folder}: no translation{f' into {asked}' if asked else ''} in "
                             f"it; expected files such as cmn_xMINDsmall_dev.zip")  # fmt: skip
        if len(found) > 1:
            names = ", ".join(sorted(name or "(none)" for name in found))
            raise StudyError(f"{self.folder}: several languages ({names}); choose by --language")
        return next(iter(found.values()))

    @cached_property
    def _translations(self) -> pl.DataFrame:
        """nid, title, abstract; of an article in several files, as the first has it."""
        tables_ = [_read(path) for path in self._translated_files]
        return pl.concat(tables_).unique("nid", keep="first", maintain_order=True)

    def split(self, name: str) -> Split:
        path = self._mind[f"{name}/news.tsv"]
        mind = read_news(path)
        news = mind.select("news_id", "category", "subcategory").join(
            self._translations, left_on="news_id", right_on="nid", how="left", maintain_order="left"
        )
        told = (news["title"].fill_null("") != "").to_numpy()
        read = read_behaviors(self._mind[f"{name}/behaviors.tsv"], mind["news_id"])
        split = Split(news.with_columns(pl.col("title", "abstract").fill_null("")), iter(()))
        split.left_out[NO_TEXT] = int((~told).sum())

        def codes(articles: np.ndarray) -> np.ndarray:
            return np.where(told[articles], articles, -1)

        stays, candidates, clicked, lengths = shown_candidates(
            codes(read.candidates.values),
            read.labels.astype(bool),
            read.candidates.lengths,
            split.left_out,
        )
        clicks = codes(read.histories.values)
        rows = np.repeat(np.arange(len(read.histories)), read.histories.lengths)
        split.left_out["clicks of histories without text"] = int((clicks < 0).sum())
        rows, clicks = rows[clicks >= 0], clicks[clicks >= 0]
        many = np.bincount(rows, minlength=len(read.histories))
        texts = joined(news["news_id"].gather(clicks), many)
        used = np.zeros(len(read.histories), bool)
        used[read.history_row[stays]] = True
        batch = Batch(
            impression_id=read.impression_id[stays],
            user_id=read.user_id.filter(pl.Series(stays)),
            time=tables.clock(pl.Series(read.time[stays])),
            history=texts.gather(pl.Series(read.history_row[stays])),
            read=clicks[used[rows]],
            candidates=candidates,
            clicked=clicked,
            lengths=lengths,
        )
        return Split(split.news, iter([batch]), split.left_out)


def _language(path: Path) -> str:
    for name in (path.name[:3], *(folder.name for folder in path.parents)):
        if name in LANGUAGES:
            return name
    return ""


def _read(path: Path) -> pl.DataFrame:
    if ".parquet" in path.name:
        table = tables.read_parquet(path, dict.fromkeys(_COLUMNS, tables.TEXT))
        tables.refuse(path, table["nid"], table["nid"].is_null(), "an article's id")
    else:
        with tables.opened(path, "news.tsv") as tsv:
            table = read_rows(tsv, list(_COLUMNS))
            if table.row(0) != _COLUMNS:
                fail(tsv, 0, "nid", "no head", f"the names {', '.join(_COLUMNS)}")
            table = table[1:]
    return table.with_columns(tables.one_line(pl.col(name)) for name in ("title", "abstract"))
