"""What stands beside Q6's answer: planted differences between parts, and planted explanations."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted_params
from sweeping import Sweeping

from replication.files.atomic import write_json
from replication.paper.questions import load_questions
from replication.questions.answers import answer
from replication.questions.explaining import LEAST, ablations, correlation, explained
from replication.study.parts import Parts

[LAYERS] = [question for question in load_questions() if question.judge == "layers"]
NAMES = ("naml", "nrms", "lstur", *(f"mine{i}" for i in range(LEAST - 3)))
BERT = "my-bert-base"


@pytest.fixture
def study(tmp_path, monkeypatch):
    def of(recommenders=NAMES[:3], **more):
        params = planted_params(
            tmp_path, monkeypatch, models=("bert-base",), recommenders=("naml", "nrms", "lstur")
        )
        parts = Parts(recommenders, (BERT,), ("bottom4", "layer3", "lora4"), ("clean",))
        grid = replace(params.grid, recommenders=recommenders)
        return Sweeping(replace(params, parts=parts, grid=grid), **more)

    return of


def test_a_part_is_compared_with_as_many_top_layers(study):
    asked = study(impressions=2000).asked(lambda cell: 0.66 + 0.03 * (cell.part == "bottom"))
    bottom, lora = ablations(asked.evidence, "clean", BERT)  # no k1 for the third layer alone
    assert bottom["what"].startswith("bottom4 less k4") and lora["what"].startswith("lora4 less k4")
    assert bottom["ci95"][0] > 0 and bottom["found"] == pytest.approx(0.03, abs=0.01)
    assert lora["ci95"][0] < 0 < lora["ci95"][1]
    assert bottom["verdict"] == "not testable" and bottom["reason"].startswith("told")


def test_a_missing_run_leaves_its_part_out(study):
    evidence = study().asked(lambda cell: 0.66).evidence
    for place in evidence.parts:
        if place.part == "lora":
            evidence.cells[place] = [replace(c, metrics=None) for c in evidence.cells[place]]
    assert [part["what"][:7] for part in ablations(evidence, "clean", BERT)] == ["bottom4"]


def write_layers(evidence, share):
    """layers.json of every run of a part; share: of each of twelve layers, by recommender."""
    for place in evidence.parts:
        for cell in evidence.cells[place]:
            gradient = share(place.recommender)
            write_json(cell.folder / "layers.json", {"gradient": gradient, "similar": None})


def test_what_was_planted_explains_the_depths(study):
    """Gradients of a recommender are all at one layer, which is its best depth, or by chance."""
    best = {name: 4 * (i % 4) for i, name in enumerate(NAMES)}
    evidence = study(NAMES, impressions=100).asked(lambda cell: 0.66).evidence
    write_layers(evidence, lambda name: list(np.eye(12)[max(best[name] - 1, 0)]))
    gradient, similar = explained(evidence, "clean", BERT, best)
    assert gradient["found"] > 0.99 and gradient["ci95"][0] > 0.9
    assert gradient["reason"].endswith("of the variation of depths")
    assert similar["found"] is None and similar["reason"].startswith("0 recommenders have")
    write_layers(evidence, lambda name: list(np.eye(12)[NAMES.index(name) // 4]))
    low, high = explained(evidence, "clean", BERT, best)[0]["ci95"]
    assert low < 0 < high


def test_three_recommenders_are_too_few(study):
    asked = study(impressions=200).asked(lambda cell: 0.66)
    write_layers(asked.evidence, lambda name: [1 / 12] * 12)
    found = answer(LAYERS, asked, "clean")
    [gradient] = [part for part in found["parts"] if "gradient" in part["what"]]
    assert gradient["found"] is None and gradient["reason"].startswith("3 recommenders have")
    panels = {curve["name"]: curve["points"] for curve in found["curves"]}
    assert [(p["x"], p["y"]) for p in panels["gradient-nrms"]] == [
        (i, pytest.approx(1 / 12)) for i in range(1, 13)
    ]
    assert [p["x"] for p in panels["held-out-naml"]] == [0, 4, 8, 12]


def test_fisher_s_interval_holds_the_truth():
    draw, held = np.random.default_rng(0), 0
    for _ in range(400):
        pairs = draw.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=20)
        low, high = correlation("r", [tuple(pair) for pair in pairs])["ci95"]
        held += low <= 0.6 <= high
    assert 0.92 < held / 400 < 0.98
    assert correlation("r", [(1.0, float(i)) for i in range(9)])["reason"].endswith("the same")
