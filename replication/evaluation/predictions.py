"""Score a prediction file in MIND's submission format against a behaviours file.

A submission has one line per impression, in any order: ``IMPRESSION_ID [3,1,2]``, one number per
candidate in the order of the behaviours file. The numbers are ranks (1 = best), which evaluate.py
of https://github.com/msnews/MIND turns into the scores 1/rank, or raw scores (larger = better).
No news file is needed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import polars as pl

from replication.evaluation.clusters import Clusters, clicked_articles
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, impression_metrics, summarise
from replication.files.errors import StudyError
from replication.mind.behaviors import ID_PATTERN, read_impressions
from replication.mind.columns.ragged import Ragged
from replication.mind.tsv import marked, read_lines

LINE_PATTERN = r"^[ \t]*([^ \t\[\]]+)[ \t]*\[[ \t]*([^\[\] \t][^\[\]]*)\][ \t]*$"


@dataclass(frozen=True)
class Lists:
    """One list per line of a file, flat: that of line i is values[offsets[i]:offsets[i + 1]]."""

    path: Path
    ids: np.ndarray  # (I,) int64 impression ids, distinct
    values: np.ndarray  # (N,) labels int8, or predictions float64
    offsets: np.ndarray  # (I + 1,) int64
    clusters: Clusters | None = None  # of a behaviours file: users and clicked articles


def score_predictions(
    behaviors: Path,
    predictions: Path,
    reading: Literal["auto", "ranks", "scores"] = "auto",
    samples: int = 1000,
    seed: int = 1,
) -> dict[str, Any]:
    """Metrics of a prediction file, as evaluate.py defines them, with 95 % bootstrap intervals.
    They allow for users and clicked articles (`clusters`); naive ones, which take impressions as
    independent, stand beside them.

    behaviors: MIND's behaviors.tsv with click labels; predictions: the submission; reading: `auto`
    takes the numbers as ranks if every line is a permutation of 1..n, else as scores.

    Returns the keys of `metrics.summarise`, `ci95` and `ci95_naive` (metric -> [low, high] or
    None), `reading` (the one used) and `permutations` (how many lines are permutations of 1..n).
    Raises StudyError for anything wrong in either file, naming the file, line and field.
    """
    truth = read_labels(behaviors)
    given = read_predictions(predictions, truth)
    permutation = _permutations(given)
    if reading == "auto":
        reading = "ranks" if permutation.all() else "scores"
    if reading == "ranks":
        if not permutation.all():
            line = int(np.argmin(permutation))
            size = given.offsets[line + 1] - given.offsets[line]
            _fail(predictions, line, "list", "not a ranking", f"each of 1 to {size} once")
        scores = 1 / given.values
    else:
        scores = given.values
    metrics = impression_metrics(_in_order_of(truth, given, scores), truth.values, truth.offsets)
    values = {name: metrics[name] for name in METRICS}
    return {
        **summarise(metrics),
        "ci95": bootstrap_ci(values, samples, seed, clusters=truth.clusters),
        "ci95_naive": bootstrap_ci(values, samples, seed),
        "reading": reading,
        "permutations": int(permutation.sum()),
    }


def format_scores(result: dict[str, Any]) -> str:
    """The result of `score_predictions` as a small text table, without a final newline."""
    rows = ["metric      mean  95 % interval     naive"]
    for name in METRICS:
        mean = "     -" if result[name] is None else f"{result[name]:.4f}"
        ends = (result[key][name] for key in ("ci95", "ci95_naive"))
        bounds = ("-" if e is None else f"[{e[0]:.4f}, {e[1]:.4f}]" for e in ends)
        rows.append(f"{name:<8}  {mean}  " + "  ".join(f"{b:<16}" for b in bounds).rstrip())
    rows.append(
        "intervals allow for impressions of one user and of one clicked article; the naive ones "
        "take all as independent"
    )
    impressions, permutations = result["impressions"], result["permutations"]
    rows.append(
        f"{impressions:,} impressions, {result['tied_share']:.1%} with tied scores; "
        f"numbers read as {result['reading']}"
    )
    for name, count in result["undefined"].items():
        if count:
            rows.append(f"{name} is undefined for {count:,} impressions, which its mean leaves out")
    # One damaged line must not silently turn a file of ranks upside down.
    if result["reading"] == "scores" and 2 * permutations > impressions:
        rows.append(
            f"note: {permutations:,} lines are permutations of 1..n; "
            "if the numbers are ranks, choose the reading `ranks` to find the other lines"
        )
    return "\n".join(rows)


def read_labels(path: Path) -> Lists:
    """The click labels (1 = clicked, 0 = not) of a MIND behaviours file, read as stage `prepare`
    reads it; StudyError if malformed (see `read_impressions`).
    """
    lines = read_impressions(path)
    offsets = np.concatenate([[0], np.cumsum(lines.candidates.lengths, dtype=np.int64)])
    articles = lines.candidates.ids.rank("dense").to_numpy()
    users = lines.rows["user_id"].rank("dense").to_numpy()
    clusters = Clusters.of(users, clicked_articles(Ragged(articles, offsets), lines.labels))
    return Lists(path, lines.impression_id, lines.labels, offsets, clusters)


def read_predictions(path: Path, truth: Lists) -> Lists:
    """The numbers of a prediction file, its lines in the file's order.

    Raises StudyError unless the lines hold the impressions of `truth`, each once, with one finite
    number per candidate.
    """
    lines = read_lines(path, ["whole line"], "one line per impression")
    parts = lines.str.extract_groups(LINE_PATTERN)
    texts, inner = parts.struct.field("1"), parts.struct.field("2")
    if (line := _first(inner.is_null())) is not None:
        _fail(path, line, "whole line", marked(lines[line]), "IMPRESSION_ID [number,number,...]")
    ids = _impression_ids(path, texts)
    if (line := _first(~pl.Series(np.isin(ids, truth.ids)))) is not None:
        _fail(path, line, "impression id", f"{ids[line]} is unknown", f"one of {truth.path}")
    if len(absent := np.flatnonzero(~np.isin(truth.ids, ids))):
        first = absent[0]
        raise StudyError(
            f"{path}, after line {len(ids)}, field impression id: {truth.ids[first]} (line "
            f"{first + 1} of {truth.path}) is missing; expected one line per impression"
        )

    items, offsets = _flatten(inner.str.split(","))
    sizes, expected = np.diff(offsets), np.diff(truth.offsets)[_matching(truth.ids, ids)]
    if (line := _first(pl.Series(sizes != expected))) is not None:
        _fail(path, line, "list", f"{sizes[line]} numbers", f"{expected[line]}, one per candidate")
    values = items.str.strip_chars(" \t").cast(pl.Float64, strict=False)
    if (item := _first(~values.is_finite().fill_null(False))) is not None:
        line, place = _locate(offsets, item)
        _fail(path, line, f"list, item {place}", marked(items[item]), "a finite number")
    return Lists(path, ids, values.to_numpy(), offsets)


def _permutations(lists: Lists) -> np.ndarray:
    """(I,) bool: the line's numbers are 1 to n, each once."""
    values, sizes = lists.values, np.diff(lists.offsets)
    whole = (values >= 1) & (values <= np.repeat(sizes, sizes)) & (values == np.floor(values))
    starts = np.repeat(lists.offsets[:-1], sizes)
    taken = np.zeros(len(values), dtype=bool)
    taken[starts[whole] + values[whole].astype(np.int64) - 1] = True
    return np.logical_and.reduceat(taken, lists.offsets[:-1])  # no line is empty


def _in_order_of(truth: Lists, given: Lists, values: np.ndarray) -> np.ndarray:
    """Flat values that follow the lines of `given`, moved to follow those of `truth`."""
    shift = given.offsets[_matching(given.ids, truth.ids)] - truth.offsets[:-1]
    return values[np.arange(len(values)) + np.repeat(shift, np.diff(truth.offsets))]


def _matching(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of `wanted` stands among the distinct `ids`."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)]


def _impression_ids(path: Path, texts: pl.Series) -> np.ndarray:
    if (line := _first(~texts.str.contains(ID_PATTERN))) is not None:
        _fail(path, line, "impression id", marked(texts[line]), "a whole number")
    ids = texts.cast(pl.Int64)
    if (line := _first(~ids.is_first_distinct())) is not None:
        first = ids.index_of(ids[line])
        assert first is not None  # the value stands at `line` itself
        earlier = first + 1
        _fail(path, line, "impression id", f"{ids[line]} as on line {earlier}", "each id once")
    return ids.to_numpy()


def _flatten(lists: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """Lists of strings -> (all strings, offsets (I + 1,) int64)."""
    ends = lists.list.len().cast(pl.Int64).cum_sum().to_numpy()
    return lists.explode(), np.concatenate([[0], ends])


def _first(wrong: pl.Series) -> int | None:
    places = wrong.arg_true()
    return places[0] if len(places) else None


def _locate(offsets: np.ndarray, item: int) -> tuple[int, int]:
    """The line (from 0) of a flat item, and its place in that line (from 1)."""
    line = int(np.searchsorted(offsets, item, side="right")) - 1
    return line, item - int(offsets[line]) + 1


def _fail(path: Path, line: int, field: str, what: str, expected: str) -> NoReturn:
    raise StudyError(f"{path}, line {line + 1}, field {field}: {what}; expected {expected}")
