"""What differs between a recorded output and the one that was made again: bytes, then content."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from replication.evaluation.metrics import METRICS
from replication.evaluation.reproduction import kendall_tau_union, rmse
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.files.listing import files_below
from replication.mind.columns.ragged import load_array
from replication.pipeline.verify import tolerance
from replication.study import paths

# Times and memory, and what they were taken on: another figure each time.
_MEASURED = {
    "seconds", "start_seconds", "search_seconds", "training_seconds", "test_seconds",
    "articles_per_second", "peak_memory_mib", "peak_gpu_memory_mib", "hardware", "seconds_a_sample",
    "states_seconds",
}  # fmt: skip
# Made of results that are compared themselves: words and counts must agree, figures follow.
_DERIVED = {paths.COMPARISON.name, paths.CLAIMS.name, paths.QUESTIONS.name}
# Of these, what the largest of close figures decides, or a bound beside them: the best depth of a
# sweep, and whether a flip of the audit turns a verdict on its runs. Other machines were seen to
# choose otherwise (REPRODUCING.md); claims' own words are not among them.
_CHOSEN = {"best", "these_runs", "would_change"}
_FOLLOWS = 0.5  # of the tolerance: small, and named before figures that differ in last digits


@dataclass(frozen=True)
class Difference:
    """Of one output. small: whether it is within the tolerance; None: nothing here can tell."""

    path: str
    small: bool | None
    detail: str


def differences(path: str, recorded: Path, rerun: Path) -> list[Difference]:
    """What differs in content between two files, or between the files of two folders.

    path: what to call them. Errors: `StudyError` naming a file that cannot be read.
    """
    if not recorded.is_dir():
        found = _of_file(path, recorded, rerun)
        return [found] if found else []
    names = {
        file.relative_to(folder).as_posix()
        for folder in (recorded, rerun)
        for file in files_below(folder)
    }
    pairs = ((f"{path}/{name}", recorded / name, rerun / name) for name in sorted(names))
    return [found for pair in pairs if (found := _of_file(*pair))]


def _of_file(path: str, recorded: Path, rerun: Path) -> Difference | None:
    for file, where in ((recorded, "in the recorded results"), (rerun, "in the rerun")):
        if not file.is_file():
            return Difference(path, False, f"is not {where}")
    if sha256(recorded) == sha256(rerun):
        return None
    try:
        compare = {".json": _of_json, ".npy": _of_array, ".parquet": _of_table}[recorded.suffix]
    except KeyError:
        return Difference(path, None, "other bytes")
    try:
        return compare(path, recorded, rerun)
    except (ValueError, OSError, pl.exceptions.PolarsError) as error:
        told = " ".join(str(error).split())
        raise StudyError(f"{path}: cannot be read ({told}); run `dvc repro` again") from None


# ---------------------------------------------------------------- JSON


def _of_json(path: str, recorded: Path, rerun: Path) -> Difference | None:
    """Leaf by leaf, costs left out. A metric may differ by a share of its 95 % interval, see
    `tolerance`; everything else must be the same."""
    one, other = (json.loads(file.read_text(encoding="utf-8")) for file in (recorded, rerun))
    if recorded.name == "source.json":  # digests of the files beside it, which are compared
        return None
    allowed = np.inf if recorded.name in _DERIVED else None
    leaves = list(_leaves("", one, other, allowed))
    if not leaves:
        return None
    key, a, b, excess = max(leaves, key=lambda leaf: leaf[3])
    more = f", and {len(leaves) - 1} more" if len(leaves) > 1 else ""
    how = f" ({excess:.2g} x the tolerance)" if np.isfinite(excess) and allowed is None else ""
    return Difference(path, excess <= 1, f"{key}: {_short(a)} -> {_short(b)}{how}{more}")


def _leaves(
    where: str, one: Any, other: Any, allowed: float | None
) -> Iterator[tuple[str, Any, Any, float]]:
    """Key, both values and the difference, in tolerances, of each leaf that is not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.get("kind") == "cost":  # a claim about time and memory
            return
        for key in dict.fromkeys([*one, *other]):
            if key not in _MEASURED:
                inner = allowed if allowed is not None else _allowed(one, key)
                dotted = f"{where}.{key}" if where else str(key)
                leaves = _leaves(dotted, one.get(key), other.get(key), inner)
                if allowed == np.inf and key in _CHOSEN:
                    leaves = ((*leaf[:3], min(leaf[3], _FOLLOWS)) for leaf in leaves)
                yield from leaves
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, pair in enumerate(zip(one, other, strict=True)):
            yield from _leaves(f"{where}[{i}]", *pair, allowed)
    elif one != other or type(one) is not type(other):
        close = isinstance(one, float) and isinstance(other, float) and allowed
        yield where, one, other, abs(one - other) / allowed if close else np.inf


def _allowed(values: dict[str, Any], key: str) -> float | None:
    """How far a value may be from the recorded one; None: not at all, or it has parts."""
    value, intervals = values.get(key), values.get("ci95")
    if key in METRICS and isinstance(value, list):  # the interval itself
        return tolerance.of_interval(*value)
    if key not in (*METRICS, "tied_share"):
        return None
    interval = intervals.get(key) if isinstance(intervals, dict) else None
    return tolerance.of_interval(*interval) if interval else tolerance.METRIC


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:36]}..."


# ---------------------------------------------------------------- arrays and tables


def _of_array(path: str, recorded: Path, rerun: Path) -> Difference | None:
    """Whole numbers must be the same; hidden states may differ as far as rounding explains."""
    one, other = load_array(recorded), load_array(rerun)
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        kinds = [f"{array.dtype} {list(array.shape)}" for array in (one, other)]
        return Difference(path, False, " -> ".join(kinds))
    if not np.issubdtype(one.dtype, np.floating):
        count = int((one != other).sum())
        return Difference(path, False, f"{count:,} of {one.size:,} values") if count else None
    square = difference = 0.0
    for start in range(0, len(one), 1 << 16):  # it may exceed memory
        a, b = (array[start : start + (1 << 16)].astype(np.float64) for array in (one, other))
        square, difference = square + (a**2).sum(), difference + ((a - b) ** 2).sum()
    share = float(np.sqrt(difference / square)) if square else np.inf
    return Difference(
        path, share <= tolerance.STATES, f"differences of {share:.2g} of the root mean square"
    )


def _of_table(path: str, recorded: Path, rerun: Path) -> Difference | None:
    """Metrics per impression by their RMSE, rankings by Kendall's tau; all else must agree."""
    one, other = pl.read_parquet(recorded), pl.read_parquet(rerun)
    if one.schema != other.schema or len(one) != len(other):
        return Difference(path, False, "other columns or another number of rows")
    differing = [name for name in one.columns if not one[name].equals(other[name])]
    exact = [name for name in differing if not _can_be_close(one[name], other[name])]
    if exact or not differing:
        return Difference(path, False, f"{', '.join(exact)}: other values") if exact else None
    told, small = [], True
    for name in differing:
        a, b = one[name], other[name]
        if name == "scores":
            told.append(f"rankings agree with Kendall's tau {_tau(a, b):.4f}")
            continue
        x, y = (values.to_numpy().astype(np.float64) for values in (a, b))  # null -> NaN
        told.append(f"{name} RMSE {rmse(x, y):.2g}")
        margin = 1.96 * np.nanstd(x) / np.sqrt(len(x))
        mean = abs(np.nanmean(x) - np.nanmean(y))
        small &= bool(mean <= tolerance.of_interval(-margin, margin))
    return Difference(path, small, f"per impression: {', '.join(told)}")


def _can_be_close(one: pl.Series, other: pl.Series) -> bool:
    if one.dtype == pl.List(pl.Float32):
        return one.list.len().equals(other.list.len())
    return one.dtype == pl.Float64


def _tau(one: pl.Series, other: pl.Series) -> float:
    """Mean of Kendall's tau over the impressions that have two candidates or more."""
    offsets = np.concatenate([[0], one.list.len().cast(pl.Int64).cum_sum().to_numpy()])
    a, b = (values.explode(empty_as_null=False, keep_nulls=False).to_numpy()
            for values in (one, other))  # fmt: skip
    return float(np.nanmean(kendall_tau_union(a, b, offsets)))
