"""MovieLens 100k, 1M and 32M (grouplens.org/datasets/movielens) as published: a film that the user
likes is a click, its title the title and its genres the abstract."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from replication.files.errors import StudyError, shown
from replication.importers.base import NO_TEXT, positions
from replication.importers.built import Built, Events
from replication.importers.tables import given, one_line, opened

LIKED = 4  # of 5
_HEAD = ("userId", "movieId", "rating", "timestamp")


@dataclass(frozen=True)
class Form:
    """How a release is written: its files, what divides fields, whether names stand first."""

    ratings: str
    films: str
    ratings_by: str
    films_by: str
    head: bool


FORMS = (
    Form("u.data", "u.item", "\t", "|", False),  # 100k
    Form("ratings.dat", "movies.dat", "::", "::", False),  # 1M
    Form("ratings.csv", "movies.csv", ",", ",", True),  # 32M
)
# In the order of the columns of u.item from the sixth on (u.genre).
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


class MovieLens(Built):
    """All ratings are events, those of 4 and more clicks. Films without a title are left out."""

    def _found(self) -> tuple[Form, Path, Path]:
        if self.folder.is_file():
            import zipfile

            try:
                names = {Path(name).name for name in zipfile.ZipFile(self.folder).namelist()}
            except (zipfile.BadZipFile, OSError):
                raise StudyError(f"{self.folder}: no zip; expected MovieLens, zipped") from None
            for form in FORMS:
                if {form.ratings, form.films} <= names:
                    return form, self.folder, self.folder
        else:
            for form in FORMS:
                ratings, films = given(self.folder, form.ratings), given(self.folder, form.films)
                if ratings and films:
                    return form, ratings, films
        expected = ", ".join(f"{form.ratings} with {form.films}" for form in FORMS)
        raise StudyError(f"{self.folder}: no ratings with films; expected one of {expected}")

    def sources(self) -> list[Path]:
        return sorted({*self._found()[1:]})

    def events(self) -> Events:
        form, ratings, films = self._found()
        with opened(films, form.films) as path:
            news, numbers, silent = _films(path, form)
        with opened(ratings, form.ratings) as path:
            rated = _ratings(path, form)
        left_out = Counter({NO_TEXT: silent})
        codes = positions(rated["movieId"].to_numpy(), numbers)
        left_out["events of articles without text"] = int((codes < 0).sum())
        rated, codes = rated.filter(pl.Series(codes >= 0)), codes[codes >= 0]
        users, user = np.unique(rated["userId"].to_numpy(), return_inverse=True)
        return Events(
            user=user,
            article=codes,
            time=rated["timestamp"].to_numpy(),
            click=rated["rating"].to_numpy() >= LIKED,
            users=pl.Series(users).cast(pl.String),
            news=news,
            left_out=left_out,
        )


def _ratings(path: Path, form: Form) -> pl.DataFrame:
    """userId, movieId, timestamp int64; rating float32."""
    content = path.read_bytes()
    text = content.replace(b"::", b"\t") if form.ratings_by == "::" else content
    whole, part = pl.Int64, pl.Float32
    try:
        table = pl.read_csv(
            text,
            has_header=form.head,
            separator="\t" if form.ratings_by == "::" else form.ratings_by,
            schema=dict(zip(_HEAD, (whole, whole, part, whole), strict=True)),
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        _refuse_rating(path, content, form)
        raise
    head = content.partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
    empty = table.select(pl.any_horizontal(pl.all().is_null().any())).item()
    if empty or not len(table) or (form.head and tuple(head) != _HEAD):
        _refuse_rating(path, content, form)
    wrong = ~table["rating"].is_between(0.5, 5)
    if wrong.any():
        row = int(wrong.arg_max() or 0) + 1 + form.head
        problem = f"{table['rating'].filter(wrong)[0]:g}"
        raise StudyError(f"{path}, row {row}, column rating: {problem}; expected 0.5 to 5")
    return table


def _refuse_rating(path: Path, content: bytes, form: Form) -> None:
    """StudyError about the first row of what is no table of ratings."""
    lines = content.decode("utf-8", "replace").splitlines()
    if not lines:
        raise StudyError(f"{path}: the file is empty; expected {', '.join(_HEAD)}")
    for row, line in enumerate(lines, 1):
        values = line.split(form.ratings_by)
        if row == 1 and form.head:
            missing = [name for name in _HEAD if name not in values]
            if tuple(values) != _HEAD:
                column = missing[0] if missing else values[0]
                raise StudyError(f"{path}, row 1, column {column}: the head is {shown(line)}; "
                                 f"expected {','.join(_HEAD)}")  # fmt: skip
            continue
        if len(values) != len(_HEAD):
            column = _HEAD[min(len(values), len(_HEAD) - 1)]
            raise StudyError(f"{path}, row {row}, column {column}: {len(values)} fields; "
                             f"expected {', '.join(_HEAD)}")  # fmt: skip
        for name, value in zip(_HEAD, values, strict=True):
            try:
                float(value) if name == "rating" else int(value)
            except ValueError:
                raise StudyError(
                    f"{path}, row {row}, column {name}: {shown(value)}; expected a number"
                ) from None
    raise StudyError(f"{path}: no table of {', '.join(_HEAD)}")


def _films(path: Path, form: Form) -> tuple[pl.DataFrame, np.ndarray, int]:
    """News by number, ascending; the numbers; and how many had no title."""
    rows = []
    for row, values in enumerate(_fields(path, form), 1):
        if row == 1 and form.head:
            if values != ["movieId", "title", "genres"]:
                raise StudyError(f"{path}, row 1, column movieId: the head is {shown(values)}; "
                                 "expected movieId,title,genres")  # fmt: skip
            continue
        wanted = 5 + len(GENRES) if form.films_by == "|" else 3
        if len(values) != wanted:
            raise StudyError(f"{path}, row {row}, column genres: {len(values)} fields; "
                             f"expected {wanted}")  # fmt: skip
        if not values[0].isdecimal():
            raise StudyError(
                f"{path}, row {row}, column movieId: {shown(values[0])}; expected a number"
            )
        if form.films_by == "|":
            genres = [g for g, has in zip(GENRES, values[5:], strict=True) if has == "1"]
        else:
            genres = values[2].split("|")
        first = genres[0] if genres and genres[0] else "unknown"
        second = genres[1] if len(genres) > 1 else first
        rows.append((int(values[0]), values[0], first, second, values[1], ", ".join(genres)))
    names = ("number", "news_id", "category", "subcategory", "title", "abstract")
    films = pl.DataFrame(rows, schema=names, orient="row") if rows else None
    if films is None:
        raise StudyError(f"{path}: the file is empty; expected a film a row")
    twice = films["number"].is_duplicated()
    if twice.any():
        row = int(twice.arg_max() or 0) + 1 + form.head
        number = films["number"].filter(twice)[0]
        raise StudyError(f"{path}, row {row}, column movieId: {number} stands twice; expected once")
    films = films.sort("number").with_columns(
        one_line(pl.col(name)) for name in ("category", "subcategory", "title", "abstract")
    )
    # What GroupLens calls the film that it has no record of.
    told = films.filter(~pl.col("title").is_in(["", "unknown"]))
    return told.drop("number"), told["number"].to_numpy(), len(films) - len(told)


def _fields(path: Path, form: Form) -> list[list[str]]:
    text = decoded(path)
    if form.head:
        return list(csv.reader(io.StringIO(text, newline="")))
    return [line.split(form.films_by) for line in text.replace("\r\n", "\n").split("\n") if line]


def decoded(path: Path) -> str:
    """The text of a file that is UTF-8 or, as the older releases are, ISO 8859-1. StudyError where
    one line is the one and another the other."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    latin, utf = 0, 0
    for row, line in enumerate(content.split(b"\n"), 1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            utf = utf or row
        except UnicodeDecodeError:
            latin = latin or row
    if utf:
        raise StudyError(f"{path}, row {max(latin, utf)}, column title: mixed encodings: row {utf} "
                         f"is UTF-8, row {latin} is not; expected one for the file")  # fmt: skip
    return content.decode("iso-8859-1")
