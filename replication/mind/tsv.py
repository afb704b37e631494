"""MIND's file format (tab-separated, no header, no quoting) and one-line errors about it."""

import codecs
import unicodedata
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from replication.files.errors import StudyError, shown

# An article's id: "-" parts it from its label, and what cannot be seen is a part of no id.
ARTICLE_ID = r"^[^\s\p{Cc}\p{Cf}-]+$"
# What cannot be seen, but for single spaces between words.
UNSEEN = r"^\s|\s$|  |[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|[\p{Zs}--\x20]"
_NAMES = {"\ufeff": "byte order mark", "\r": "carriage return", "\n": "line feed", "\0": "NUL byte"}
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5", b"\x78\x9c", b"\x78\xda")  # gzip, zstd, zlib: no UTF-8


def read_lines(path: Path, fields: list[str], expected: str) -> pl.Series:
    """The lines of a text, str, without their ends; at least one.

    Line ends may be LF or CRLF, the last one may be missing, a byte order mark at the start is
    skipped. StudyError, which names one of the `fields` that tabs part, for a file that is missing,
    empty or compressed, and for invalid UTF-8.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file; expected {expected}")
    try:
        with path.open("rb") as file:
            compressed = file.read(2) in _COMPRESSED
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}; expected {expected}") from error
    if compressed:  # polars would unpack it, however large it grows
        refuse_invalid_utf8(path, fields)
    try:
        lines = pl.read_lines(path)["line"]
    except pl.exceptions.ComputeError:
        refuse_invalid_utf8(path, fields)
        raise
    if lines.is_empty():
        fail(path, 0, fields[0], "the file is empty", expected)
    return lines.str.strip_prefix("\ufeff") if lines[0].startswith("\ufeff") else lines


def read_rows(path: Path, fields: list[str]) -> pl.DataFrame:
    """Read a tab-separated file: one str column per field; row i is line i + 1.

    A double quote is a character like any other. StudyError as from `read_lines`, and for a NUL
    byte, a blank line or a wrong number of fields.
    """
    lines = read_lines(path, fields, "a file in MIND's format, one row per line")
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
        if "\r" in lines[row]:
            problem = f"a carriage return within the line, and {problem}"
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
    whole: pl.Series | None = None,
) -> None:
    """StudyError about the first of `values` (n,) that is `bad` (n,) bool, if there is one.

    The series' name is the field. `rows` (n,) are the rows of the file that the values stand on;
    without it, value i stands on row i. What cannot be seen in the value is said in words; `whole`
    has the whole field of every row, where values are parts of it.
    """
    if bad.any():
        i = _first(bad)
        row = i if rows is None else rows[i]
        within = "" if whole is None else whole[int(row)]
        fail(path, row, values.name, f"{problem}: {marked(values[i], within)}", expected)


def marked(text: str, within: str = "") -> str:
    """A text as an error shows it, with what cannot be seen in it or in what it is part of."""
    marks = _unseen(text) or _unseen(within)
    return shown(text) + (f" (with a {' and a '.join(marks)})" if marks else "")


def _unseen(text: str) -> list[str]:
    """In words (byte order mark, trailing space), three at most."""
    spaces = {
        "leading space": text[:1] == " ",
        "trailing space": text[-1:] == " ",
        "second space": "  " in text.strip(" "),
    }
    others = dict.fromkeys(c for c in text if c != " " and (c.isspace() or not c.isprintable()))
    names = [_NAMES.get(c) or unicodedata.name(c, "").lower() or f"U+{ord(c):04X}" for c in others]
    return [*names, *(name for name, there in spaces.items() if there)][:3]


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
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            problem = f"begins with the byte order mark of UTF-16: {problem}"
        fail(path, before.count(b"\n"), fields[column], problem, "UTF-8 text")


def fail(path: Path, row: int, field: str, problem: str, expected: str) -> NoReturn:
    """Raise the StudyError about `field` on row `row` (line row + 1) of a file."""
    raise StudyError(f"{path}, line {row + 1}, field {field}: {problem}; expected {expected}")
