"""Open what was given: a folder or a zip, Parquet with checked columns, and text made one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from replication.files.archives import read_member
from replication.files.errors import StudyError, shown
from replication.files.listing import files_below
from replication.mind.behaviors import TIME_FORMAT

INTEGER, INTEGERS = "a whole number", "a list of whole numbers"
TIME, TIMES = "a time", "a list of times"
TEXT = "text"
_LIMIT = 1 << 34  # bytes of one file in a zip
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def read_parquet(path: Path, columns: dict[str, str]) -> pl.DataFrame:
    """The columns of a Parquet file, by name and kind (INTEGER, ...); no other is read.

    `StudyError` for a missing or unreadable file, a missing column, one of another kind, and a
    cell without a value (but text may be missing).
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file; expected Parquet with {', '.join(columns)}")
    try:
        schema = pl.read_parquet_schema(path)
        for name, kind in columns.items():
            if name not in schema:
                raise StudyError(f"{path}: no column {name}; expected {', '.join(columns)}")
            if not _is(schema[name], kind):
                raise StudyError(f"{path}, column {name}: {schema[name]}; expected {kind}")
        table = pl.read_parquet(path, columns=list(columns))
    except _BROKEN as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(
            f"{path}: no readable Parquet ({shown(problem, 80)}); get it again"
        ) from None
    for name, kind in columns.items():
        values = table[name]
        empty = values.is_null()
        if kind in (INTEGERS, TIMES):
            empty |= values.list.eval(pl.element().is_null().any()).list.first().fill_null(False)
        if kind != TEXT and empty.any():
            raise StudyError(f"{path}, row {_first(empty)}, column {name}: empty; expected {kind}")
    return table


def _is(found: pl.DataType, kind: str) -> bool:
    inner = found.inner if isinstance(found, pl.List) else None
    if kind in (INTEGERS, TIMES):
        found = inner if inner is not None else pl.Null()  # type: ignore[assignment]
    if kind in (INTEGER, INTEGERS):
        return found.is_integer()
    return isinstance(found, pl.Datetime if kind in (TIME, TIMES) else pl.String)


def _first(bad: pl.Series) -> int:
    """The row, from 1, of the first that is bad."""
    return int(bad.arg_max() or 0) + 1


def refuse(path: Path, values: pl.Series, bad: pl.Series, expected: str) -> None:
    """`StudyError` about the first of `values` that is `bad`; their name is the column."""
    if bad.any():
        row = _first(bad)
        problem = shown(values[row - 1])
        raise StudyError(f"{path}, row {row}, column {values.name}: {problem}; expected {expected}")


def given(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder or below it; the folder itself where it is a zip. None:
    there is none. `StudyError` where there are several."""
    if folder.is_file():
        return folder
    found = files_below(folder, name)
    if len(found) > 1:
        raise StudyError(f"{folder}: {len(found)} files called {name} in it; expected one")
    return found[0] if found else None


@contextmanager
def opened(source: Path, name: str) -> Iterator[Path]:
    """The file itself, or where `source` is a zip the one called `name` in it, unpacked for as long
    as the block lasts; an error about it then names the zip. The name may begin with folders, as
    `read_member` has it. `StudyError` as from there."""
    if source.suffix != ".zip":
        yield source
        return
    with TemporaryDirectory() as place:
        path = Path(place) / Path(name).name
        try:
            with path.open("wb") as file:
                file.writelines(read_member(source, name, _LIMIT))
            yield path
        except StudyError as error:
            raise StudyError(str(error).replace(str(path), f"{source}: {name}")) from None


def one_line(text: pl.Expr) -> pl.Expr:
    """Text as a field of a table divided by tabs can hold it: white space and control characters
    are single spaces, and none stand at the ends; a missing one is ""."""
    return (
        text.fill_null("").str.replace_all(r"[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+", " ").str.strip_chars()
    )


def clock(times: pl.Series) -> pl.Series:
    """Datetime, or seconds since 1970, as MIND writes a time."""
    if times.dtype.is_integer():
        times = pl.from_epoch(times, "s")
    return times.dt.strftime(TIME_FORMAT)
