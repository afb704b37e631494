"""A test split on which no impression has an AUC: that is told by nulls, and stops nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from planted import Planted, planted_params, with_sweep

from replication.paper.compare import compare
from replication.study import paths
from replication.study.settings import AuditPair


def numbers(value):
    """All numbers in what was read from JSON."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers(part)
    elif isinstance(value, float):
        yield value


@pytest.mark.slow
@pytest.mark.parametrize("label", [0, 1])
def test_without_an_auc_claims_and_comparison_are_written_whole(tmp_path, monkeypatch, label):
    params = with_sweep(planted_params(tmp_path, monkeypatch), [0, 2])
    pairs = {"words": AuditPair("nrms", "my-glove", "my-glove"),
             "main": AuditPair("nrms", "my-bert-base", "my-bert-base")}  # fmt: skip
    params = replace(params, audit=replace(params.audit, pairs=pairs))
    study = Planted(params, impressions=60)
    study.data.labels[:] = label
    study.write(lambda cell, clicks: 0.6)
    for name in pairs:
        study.write_audit(name, lambda base, flip, tuning: 0.6)
    compare(params)
    for path in (paths.CLAIMS, paths.COMPARISON, paths.METRICS):
        assert np.isfinite([*numbers(json.loads(path.read_text()))]).all(), path
