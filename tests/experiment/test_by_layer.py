"""What stands beside a run that tunes a part of the layers: by plain formulas and by layer."""

import json

import numpy as np
import pytest
import torch
from tiny_study import change

from replication.experiment.layers import linear_cka
from replication.experiment.run import run
from replication.study.parts import Lora


def test_cka_is_that_of_the_kernels_and_knows_turns_and_scales():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(40, 6)), draw.normal(size=(40, 9))
    centre = np.eye(40) - 1 / 40
    k, m = (centre @ (v @ v.T) @ centre for v in (x, y))
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert linear_cka(*map(torch.tensor, (x, y))) == pytest.approx(expected)
    turned = x @ np.linalg.qr(draw.normal(size=(6, 6)))[0] * 3 + 5
    assert linear_cka(*map(torch.tensor, (x, turned))) == pytest.approx(1)
    assert linear_cka(torch.ones(5, 2), torch.randn(5, 2)) is None


@pytest.fixture
def evidence(params, tmp_path):
    """layers.json of a run of some part."""

    def of(part, number, **changes):
        lora = Lora(rank=2, alpha=4, dropout=0.0, encoder_learning_rate=0.05)
        one = change(params, tuned_parts=part, finetune_layers=number, lora=lora, **changes)
        run(one, tmp_path / part, tmp_path / f"{part}.parquet")
        path = tmp_path / part / "layers.json"
        return json.loads(path.read_bytes()) if path.exists() else None

    return of


def test_gradients_are_shared_among_all_layers_whichever_is_tuned(evidence):
    first, last = evidence("bottom", 1), evidence("layer", 3)
    assert first["gradient"] == last["gradient"] and len(first["gradient"]) == 3
    assert sum(first["gradient"]) == pytest.approx(1, abs=1e-5) and min(first["gradient"]) > 0
    assert first["trained"] == last["trained"] > 0  # a layer of every text field


def test_what_lies_below_the_tuned_layers_stays_what_it_was(evidence):
    found = evidence("layer", 3)
    assert found["articles"] > 2
    assert found["similar"][:2] == [1, 1] and 0 < found["similar"][2] < 1
    lora = evidence("lora", 2)["similar"]
    assert lora[0] == 1 and all(0 < value < 1 for value in lora[1:])


def test_of_the_top_layers_and_of_frozen_ones_nothing_is_written(evidence):
    assert evidence("top", 2) is None and evidence("top", 2, tuning="frozen") is None
