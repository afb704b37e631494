"""Write a data set in MIND's form, in one step, with the figures of what was left out."""

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from replication.files.atomic import new_folder, write_json
from replication.files.digest import sha256
from replication.files.documents import read_json
from replication.files.errors import StudyError, shown
from replication.importers.base import SPLITS, Batch, Options, Split, joined
from replication.importers.kinds import importer
from replication.importers.releases import fetched, release_of
from replication.machine.environment import code_digest
from replication.mind.tsv import ARTICLE_ID, UNSEEN

FIGURES = "import.json"
_TAIL = {"url": "", "title_entities": "[]", "abstract_entities": "[]"}


def import_data(kind: str, folder: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write `out` with train/ and dev/, each news.tsv and behaviors.tsv, and import.json: what it
    was made of, and per split how much came in, is there and was left out, by rule. Where there is
    no such `folder` it is the name of a release, which is downloaded (`releases.fetched`).

    A folder made of the same bytes under the same options by the same code is left as it is; an
    import that was cut off goes on with the split at which it was.
    Errors: `StudyError` for an option that the data set does not read, a missing or malformed
    file, and an `out` that holds something else. `out` is then as it was before.
    """
    asked = importer(kind)
    for option in fields(Options):
        if getattr(options, option.name) != option.default and option.name not in asked.options:
            raise StudyError(f"--{option.name}: {kind} has no use for it; leave it out")
    _check(options)
    if not folder.exists():
        folder = fetched(kind, str(folder))
    found = asked(folder, options)
    made_of = {
        "data_set": kind,
        "options": {
            name: value if isinstance(value, int | float | None) else str(value)
            for name, value in asdict(options).items()
            if name in asked.options and name != "mind"
        },
        "sources": [_source(kind, path) for path in found.sources()],
        "code": code_digest("files", "mind", "importers"),
    }
    if _is_there(out, made_of):
        return dict(read_json(out / FIGURES))
    with new_folder(out, json.dumps(made_of, sort_keys=True)) as new:
        splits = {}
        for name in SPLITS:
            note = new / f".{name}.json"
            if not note.is_file():
                shutil.rmtree(new / name, ignore_errors=True)
                write_json(note, write_split(found.split(name), new / name))
            splits[name] = read_json(note)
        figures = {**made_of, "splits": splits}
        write_json(new / FIGURES, figures)
    return figures


def _source(kind: str, path: Path) -> dict[str, Any]:
    digest = sha256(path)
    known = release_of(kind, digest)
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest, "release": known}


def _check(options: Options) -> None:
    for name, least in (("shown", 2), ("history", 1), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise StudyError(f"--{name}: {value} is not accepted; expected {least} or more")
    if not 0 < options.test < 1:
        raise StudyError(f"--test: {options.test} is not accepted; expected a share such as 0.1")


def _is_there(out: Path, made_of: dict[str, Any]) -> bool:
    """Whether the import is done; `StudyError` where it would replace what is no import."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / FIGURES).is_file():
        raise StudyError(f"{out}: is there and no import; name a new folder, or remove it")
    there = read_json(out / FIGURES)
    return all(there.get(key) == value for key, value in made_of.items())


def write_split(split: Split, folder: Path) -> dict[str, Any]:
    """Write the new `folder` with news.tsv and behaviors.tsv; the figures of the split.

    Errors: `StudyError` where no impression is left, and for an id that MIND's form cannot hold.
    """
    folder.mkdir()
    ids = split.news["news_id"]
    _refuse(ids, ~ids.str.contains(ARTICLE_ID), "an article's id without spaces and -")
    labelled = pl.concat([ids + "-0", ids + "-1"])
    used = np.zeros(len(ids), bool)
    count = {"impressions": 0, "clicks": 0, "candidates": 0}
    users: set[str] = set()
    empty = 0
    with (folder / "behaviors.tsv").open("wb") as file:
        for batch in split.batches:
            known = batch.user_id.unique()
            _refuse(known, known.str.contains(f"^$|{UNSEEN}"), "a user's id")
            _rows(batch, labelled).write_csv(file, **_FORM)
            used[batch.candidates] = True
            used[batch.read] = True
            users.update(known)
            empty += int((batch.history == "").sum())
            count["impressions"] += len(batch.user_id)
            count["clicks"] += int(batch.clicked.sum())
            count["candidates"] += len(batch.candidates)
    if not count["impressions"]:
        reasons = "; ".join(f"{n:,} {what}" for what, n in split.left_out.items() if n)
        raise StudyError(f"no impression is left for {folder.name}/: {reasons or 'there was none'}")
    news = split.news.filter(pl.Series(used)).with_columns(
        pl.lit(text).alias(name) for name, text in _TAIL.items()
    )
    with (folder / "news.tsv").open("wb") as file:
        news.write_csv(file, **_FORM)
    left_out = {what: n for what, n in split.left_out.items() if n}
    return {
        **count,
        "impressions_without_history": empty,
        "users": len(users),
        "articles": len(news),
        "left_out": left_out,
    }


_FORM: dict[str, Any] = {"separator": "\t", "include_header": False, "quote_style": "never"}


def _rows(batch: Batch, labelled: pl.Series) -> pl.DataFrame:
    codes = batch.candidates + batch.clicked * (len(labelled) // 2)
    return pl.DataFrame(
        {
            "impression_id": batch.impression_id,
            "user_id": batch.user_id,
            "time": batch.time,
            "history": batch.history,
            "impressions": joined(labelled.gather(codes), batch.lengths),
        }
    )


def _refuse(values: pl.Series, bad: pl.Series, expected: str) -> None:
    if bad.any():
        raise StudyError(f"{shown(values.filter(bad)[0])} is not accepted; expected {expected}")
