"""Stage `prepare` on files of MIND-small's shape: 156,965 + 73,152 impressions, 65,238 articles.

`python -m pytest tests/benchmarks/bench_prepare.py`
"""

from itertools import chain

import numpy as np
from measuring import peak_of
from naive.prepare import prepare as prepare_by_line

from replication.mind.columns.prepared import load_prepared
from replication.mind.prepare import prepare
from replication.mind.raw_files import SPLITS


def test_prepare(measure, mind_small, tmp_path):
    """From MIND's four files to integers on disk; beside it, line by line as released."""
    raw = mind_small / "raw"
    peak = peak_of(prepare, raw, tmp_path / "ours")[-1]
    naive_peak = peak_of(_prepare_by_line, raw, tmp_path / "naive")[-1]
    _, lines = measure(
        "prepare",
        "156,965 + 73,152 impressions, 65,238 articles",
        "15 s, 1.5 GB",
        fast=lambda: prepare(raw, tmp_path / "ours"),
        naive=lambda: prepare_by_line(raw, tmp_path / "naive"),
        goal_seconds=15,
        goal_peak_mib=1.5e9 / 2**20,
        peak_mib=peak,
        naive_peak_mib=naive_peak,
        note="the line-by-line way checks nothing and computes no checksum",
    )
    ours = load_prepared(tmp_path / "ours")
    for split, mind in SPLITS.items():
        _, users, _, clicked, candidates, labels = zip(*lines[mind], strict=True)
        impressions = getattr(ours, split)
        assert np.array_equal(impressions.user, users)
        histories = impressions.histories.take(impressions.history_row)
        assert np.array_equal(histories.values, _flat(clicked))
        assert np.array_equal(impressions.candidates.values, _flat(candidates))
        assert np.array_equal(impressions.labels, _flat(labels))


def _prepare_by_line(raw, out) -> None:
    """Without the content, which need not travel between processes."""
    prepare_by_line(raw, out)


def _flat(lists) -> np.ndarray:
    return np.fromiter(chain.from_iterable(lists), np.int32)
