"""MIND's file format (tab-separated, no header, no quoting) and one-line errors about it."""

from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from replication.files.errors import StudyError, shown

_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5", b"\x78\x9c", b"\x78\xda")  # gzip, zstd, zlib: no UTF-8


def read_rows(path: Path, fields: list[str]) -> pl.DataFrame:
    """Read a tab-separated file: one str column per field; row i is line i + 1.

    Line ends may be LF or CRLF, the last one may be missing, a byte order mark is skipped; a
    double quote is a character like any other. StudyError for a missing or empty file, invalid
    UTF-8, a NUL byte, a blank line or a wrong number of fields.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file; expected a file in MIND's format")
    with path.open("rb") as file:
        compressed = file.read(2) in _COMPRESSED
    if compressed:  # polars would unpack it, however large it grows
        refuse_invalid_utf8(path, fields)
    try:
        lines = pl.read_lines(path)["line"]
    except pl.exceptions.ComputeError:
        refuse_invalid_utf8(path, fields)
        raise
    if lines.is_empty():
        fail(path, 0, fields[0], "the file is empty", "one row per line")
    if lines[0].startswith("\ufeff"):
        lines = lines.str.strip_prefix("\ufeff")

    zeros = lines.str.contains("\0", literal=True)
    if zeros.any():  # a disk or a copy that failed leaves them
        row = _first(zeros)
        column = min(lines[row].partition("\0")[0].count("\t"), len(fields) - 1)
        fail(path, row, fields[column], "holds a NUL byte", "text")
    found = lines.str.count_matches("\t", literal=True) + 1
    wrong = found != len(fields)
    if wrong.any():
        row = _first(wrong)
        blank = not lines[row].strip()
        missing = 0 if blank else min(found[row], len(fields) - 1)  # or the last, if too many
        problem = "blank line" if blank else f"{found[row]} fields"
        fail(path, row, fields[missing], problem, f"{len(fields)} fields separated by tabs")
    parts = lines.str.split_exact("\t", len(fields) - 1)
    return parts.struct.rename_fields(fields).struct.unnest()


def _first(bad: pl.Series) -> int:
    """Where the first true one is, of which there is one."""
    place = bad.arg_max()
    assert place is not None
    return place


def refuse(
    path: Path,
    values: pl.Series,
    bad: pl.Series,
    problem: str,
    expected: str,
    rows: np.ndarray | None = None,
) -> None:
    """StudyError about the first of `values` (n,) that is `bad` (n,) bool, if there is one.

    The series' name is the field. `rows` (n,) are the rows of the file that the values stand on;
    without it, value i stands on row i.
    """
    if bad.any():
        i = _first(bad)
        row = i if rows is None else rows[i]
        fail(path, row, values.name, f"{problem}: {shown(values[i])}", expected)


def refuse_repeated(path: Path, values: pl.Series) -> None:
    """StudyError about the first of `values` that stands on an earlier line too."""
    repeated = ~values.is_first_distinct()
    if repeated.any():
        row = _first(repeated)
        first = values.index_of(values[row])
        assert first is not None  # the value stands at `row` itself
        problem = f"{shown(str(values[row]))} stands on line {first + 1} already"
        fail(path, row, values.name, problem, "each once")


def refuse_invalid_utf8(path: Path, fields: list[str]) -> None:
    """StudyError about the first byte that is not UTF-8, which polars does not name."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = min(before.count(b"\t", before.rfind(b"\n") + 1), len(fields) - 1)
        problem = f"byte 0x{content[error.start]:02x} is not UTF-8"
        fail(path, before.count(b"\n"), fields[column], problem, "UTF-8 text")


def fail(path: Path, row: int, field: str, problem: str, expected: str) -> NoReturn:
    """Raise the StudyError about `field` on row `row` (line row + 1) of a file."""
    raise StudyError(f"{path}, line {row + 1}, field {field}: {problem}; expected {expected}")
