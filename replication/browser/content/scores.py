"""Per-impression scores of two runs, and what their comparison says."""

import configparser
import hashlib
import re
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from replication.evaluation.clusters import Clusters, prepared_clusters
from replication.evaluation.intervals import interval, resampled_means
from replication.evaluation.metrics import METRICS
from replication.evaluation.statistics import ROUNDING, holm, paired_tests
from replication.files.errors import StudyError
from replication.paper.cells import read_columns
from replication.study import paths

DVC = Path(".dvc")
ID = "impression_id"
DATA = ("user", "history_length")  # the same in every run on the same data
SEED = 1  # of the bootstrap


@dataclass(frozen=True)
class Gap:
    """One metric of runs A and B, over the impressions for which both define it.

    difference       mean of B minus mean of A
    ci95             [low, high] of the difference, by a paired bootstrap over users and articles
    ci95_naive       the same with impressions taken as independent
    p, p_holm        paired t-test, robust to users and articles; p_holm is Holm-adjusted for the
                     metrics compared
    p_naive          the usual paired t-test
    p_wilcoxon       signed-rank test; p_wilcoxon_holm likewise
    better, equal, worse   shares of impressions in which B is above, equal to, below A

    None where too few impressions, or no variance, leave a value open.
    """

    metric: str
    a: float | None
    b: float | None
    difference: float | None
    ci95: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    p_wilcoxon: float | None
    p_wilcoxon_holm: float | None
    better: float | None
    equal: float | None
    worse: float | None
    impressions: int
    ci95_naive: tuple[float, float] | None = None
    p_naive: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One `Gap` per metric, in their order; or the problem that keeps the runs from comparison.

    naive  why impressions are taken as independent, where they are
    """

    gaps: tuple[Gap, ...] = ()
    problem: str | None = None
    naive: str | None = None


# ---------------------------------------------------------------- where the scores are


def find_scores(path: Path | None, md5: str | None) -> Path | None:
    """The Parquet file of a run whose digest is `md5`: in DVC's cache, or at `path`.

    path: where the run's stage writes it; None for an experiment, which is not in the workspace.
    md5: as dvc.lock has it. A file of another digest is none of this run's: it is being made anew,
    or is damaged, and damaged bytes can end the whole process in the reader. None where nothing is
    recorded: then it is the file at `path` as it is.
    """
    places = [path] if path is not None else []
    if md5 is not None and re.fullmatch("[0-9a-f]{32}", md5):
        places.insert(0, _cache() / "files" / "md5" / md5[:2] / md5[2:])
    return next((place for place in places if _holds(place, md5)), None)


def _holds(path: Path, md5: str | None) -> bool:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return False
        return md5 is None or _md5(path, state.st_mtime_ns, state.st_size) == md5
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=1024)
def _md5(path: Path, changed: int, size: int) -> str:
    """Hex digest of a file; asked again only when it has changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _cache() -> Path:
    """DVC's cache: `cache.dir` of config.local or config, relative to them, or the usual place."""
    for name in ("config.local", "config"):
        # With `strict` off what is said twice is no error, as for DVC.
        config = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            config.read_string((DVC / name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        if folder := config.get("cache", "dir", fallback=None):
            return DVC / Path(folder.strip("\"'")).expanduser()
    return DVC / "cache"


# ---------------------------------------------------------------- the comparison


def compare_scores(a: Path, b: Path, samples: int) -> Comparison:
    """Runs A and B, impression by impression; read again only when a file has changed.

    a, b: Parquet files with columns impression_id, user, history_length and `METRICS` (float64,
    null or NaN where undefined). samples: resamples of the bootstrap.
    """
    try:
        states = [(path, (state := path.stat()).st_mtime_ns, state.st_size) for path in (a, b)]
    except (OSError, ValueError) as error:
        return Comparison(problem=f"cannot be read ({error}): no paired test")
    try:
        prepared = (paths.PREPARED / "test" / "labels.npy").stat().st_mtime_ns
    except OSError:
        prepared = None
    return _compare(*states, samples, prepared)


@lru_cache(maxsize=64)
def _compare(
    a: tuple[Path, int, int], b: tuple[Path, int, int], samples: int, prepared: int | None
) -> Comparison:
    try:
        first, second = _scores(a[0]), _scores(b[0])
    except StudyError as error:
        return Comparison(problem=str(error))
    if problem := _mismatch(first, second):
        return Comparison(problem=problem)
    columns = {name: (first[name].to_numpy(), second[name].to_numpy()) for name in METRICS}
    clusters, naive = _clusters(first[ID].to_numpy())
    return Comparison(_gaps(columns, samples, clusters), naive=naive)


def _clusters(ids: np.ndarray) -> tuple[Clusters | None, str | None]:
    """Of the impressions with these ids; None with the reason where prepared data do not tell."""
    try:
        known, clusters = prepared_clusters(paths.PREPARED / "test")
    except StudyError:
        return None, f"{paths.PREPARED} is not on this machine"
    order = np.argsort(known)
    place = np.searchsorted(known, ids, sorter=order) if ids.dtype.kind == "i" else None
    if place is None or (place == len(known)).any() or (known[order[place]] != ids).any():
        return None, f"{paths.PREPARED} holds other impressions"
    return clusters.select(order[place]), None


def _scores(path: Path) -> pl.DataFrame:
    """By impression; metrics as float64, NaN where undefined. `StudyError` where it is damaged."""
    try:
        frame = read_columns(path, [ID, *DATA, *METRICS], "dvc repro")
    except pl.exceptions.PanicException:  # no Exception: a flipped bit trips polars itself
        raise StudyError(f"{path}: not a Parquet file as expected; run `dvc repro`") from None
    for name in METRICS:
        if not frame.schema[name].is_numeric():
            raise StudyError(f"{path}: {name}: {frame.schema[name]}, expected numbers")
    if frame.is_empty():
        raise StudyError(f"{path}: holds no impressions")
    if frame[ID].is_duplicated().any():
        raise StudyError(f"{path}: holds an impression twice")
    return frame.with_columns(pl.col(METRICS).cast(pl.Float64).fill_null(np.nan)).sort(ID)


def _mismatch(a: pl.DataFrame, b: pl.DataFrame) -> str | None:
    """Why two runs, sorted by impression, cannot be paired."""
    if not a[ID].equals(b[ID]):
        same_kind = a.schema[ID] == b.schema[ID]
        common = int(a[ID].is_in(b[ID].implode()).sum()) if same_kind else 0
        return f"A has {len(a):,} impressions, B {len(b):,}, {common:,} in common: no paired test"
    for name in DATA:
        if not a[name].equals(b[name]):
            return f"A and B differ in the {name} of the same impressions: their data differ"
    return None


def _gaps(
    columns: dict[str, tuple[np.ndarray, np.ndarray]], samples: int, clusters: Clusters | None
) -> tuple[Gap, ...]:
    """columns: metric -> values of A and of B, (I,) float64 each; clusters: of the impressions."""
    tests = {name: paired_tests(b, a, clusters) for name, (a, b) in columns.items()}
    # One draw serves all metrics: drawing is what takes long.
    differences = {name: b - a for name, (a, b) in columns.items()}
    draws = resampled_means(differences, samples, SEED, clusters)
    naive = draws if clusters is None else resampled_means(differences, samples, SEED)
    p_holm = holm([test["p"] for test in tests.values()])
    p_wilcoxon_holm = holm([test["p_wilcoxon"] for test in tests.values()])
    gaps = []
    for i, (name, (a, b)) in enumerate(columns.items()):
        test = tests[name]
        both = ~np.isnan(a) & ~np.isnan(b)
        known = test["impressions"] > 0
        gap = b[both] - a[both]
        near = np.abs(gap) <= ROUNDING * max(1.0, np.abs(a[both]).max(initial=0.0))
        ends, plain = (
            interval(found[name]) if test["impressions"] > 1 else None for found in (draws, naive)
        )
        gaps.append(
            Gap(
                metric=name,
                a=float(a[both].mean()) if known else None,
                b=float(b[both].mean()) if known else None,
                difference=test["difference"],
                ci95=(ends[0], ends[1]) if ends else None,
                p=test["p"],
                p_holm=p_holm[i],
                p_wilcoxon=test["p_wilcoxon"],
                p_wilcoxon_holm=p_wilcoxon_holm[i],
                better=float(((gap > 0) & ~near).mean()) if known else None,
                equal=float(near.mean()) if known else None,
                worse=float(((gap < 0) & ~near).mean()) if known else None,
                impressions=test["impressions"],
                ci95_naive=(plain[0], plain[1]) if plain else None,
                p_naive=test["p_naive"],
            )
        )
    return tuple(gaps)
