"""Variable-length rows as two flat arrays: values end to end, and where each row starts (CSR)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from replication.files.errors import StudyError


@dataclass(frozen=True)
class Ragged:
    """n rows of different lengths: row i is ``values[offsets[i]:offsets[i + 1]]``.

    values: (total,), any dtype; offsets: (n + 1,) int64, from 0 to total, never falling.
    Both may be memory-mapped: nothing here reads more of them than the rows asked for.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_lengths(cls, values: np.ndarray, lengths: np.ndarray) -> "Ragged":
        """Cut `values` (total,) into rows of the given `lengths` (n,), which sum to total."""
        return cls(values, _starts(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of values in each row: (n,) int64."""
        return np.diff(self.offsets)

    def row(self, i: int) -> np.ndarray:
        """The values of row i (0 <= i < n), a view."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """Where the values of `rows` stand in `values`, row after row: int64.

        It selects from arrays that run parallel to `values`, such as the labels of candidates.
        `rows` holds integers from 0 to n - 1, in any order, repeats allowed, or is a mask (n,).
        """
        rows = self._indices(rows)
        starts = self.offsets[rows]
        return _runs(starts, self.offsets[rows + 1] - starts)

    def take(self, rows: np.ndarray) -> "Ragged":
        """The rows asked for (as in `positions`), in that order, copied."""
        rows = self._indices(rows)
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        return Ragged.from_lengths(self.values[_runs(starts, lengths)], lengths)

    def newest(self, width: int) -> "Ragged":
        """The last `width` values of each row (all of a shorter one), copied."""
        kept = np.minimum(self.lengths, width)
        return Ragged.from_lengths(self.values[_runs(self.offsets[1:] - kept, kept)], kept)

    def padded(
        self,
        width: int,
        keep: Literal["newest", "oldest"] = "newest",
        side: Literal["left", "right"] = "left",
    ) -> np.ndarray:
        """The rows as one (n, width) array of the dtype of `values`, 0 where a row is shorter.

        A row longer than `width` keeps its last values (`newest`: click histories are in order of
        time) or its first (`oldest`); kept values stay in order, the zeros stand at `side`.
        """
        kept = np.minimum(self.lengths, width)
        starts = self.offsets[1:] - kept if keep == "newest" else self.offsets[:-1]
        column = np.arange(width)
        filled = column >= width - kept[:, None] if side == "left" else column < kept[:, None]
        table = np.zeros((len(self), width), self.values.dtype)
        table[filled] = self.values[_runs(starts, kept)]  # both run row by row, left to right
        return table

    def save(self, folder: Path, name: str) -> None:
        """Write ``{name}.values.npy`` and ``{name}.offsets.npy`` into `folder`."""
        save_array(folder / f"{name}.values.npy", self.values)
        save_array(folder / f"{name}.offsets.npy", self.offsets)

    @classmethod
    def load(cls, folder: Path, name: str) -> "Ragged":
        """Memory-map what `save` wrote; StudyError naming a file that is missing or damaged."""
        values = load_array(folder / f"{name}.values.npy")
        offsets = load_array(folder / f"{name}.offsets.npy")
        starts = offsets.ndim == 1 and len(offsets) and np.issubdtype(offsets.dtype, np.integer)
        rising = starts and offsets[0] == 0 and (offsets[:-1] <= offsets[1:]).all()
        if not rising or values.ndim != 1 or offsets[-1] != len(values):
            raise StudyError(f"{folder / name}.offsets.npy: does not fit {name}.values.npy")
        return cls(values, offsets)

    def _indices(self, rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        if rows.dtype == bool:
            return np.flatnonzero(rows)
        if rows.size and rows.min() < 0:  # would read offsets[-1], silently wrong
            raise IndexError(f"row {rows.min()} of a ragged array: rows count from 0")
        return rows.astype(np.int64, copy=False)


def save_array(path: Path, values: np.ndarray) -> None:
    """Write what `np.save` would, which on a full disk loses the end of a small array silently."""
    values = np.ascontiguousarray(values)
    header = np.lib.format.header_data_from_array_1_0(values)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(cast(Any, values))  # a buffer, as numpy's stubs say from Python 3.12 on


def load_array(path: Path) -> np.ndarray:
    """Memory-map a .npy file, read-only; StudyError naming it if it is missing or damaged."""
    try:
        return np.lib.format.open_memmap(path, mode="r")  # which knows no pickle
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file") from error
    except Exception as error:  # NumPy passes on what Python's tokenizer thinks of a header
        raise StudyError(f"{path}: damaged, not an array in NumPy's format") from error


def _starts(lengths: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _runs(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """start, start + 1, ... of each row, one after another: (sum of lengths,) int64."""
    offsets = _starts(lengths)
    return np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
