"""The published cross-checks, figure by figure."""

import pytest

from replication.files.errors import StudyError
from replication.paper.cross_checks import CROSS_CHECKS, load_cross_checks

# As their sources print them; the first three in percent.
PUBLISHED = {
    "mind-naml": (66.86, 32.49, 35.24, 40.91),
    "mind-lstur": (67.73, 32.77, 35.59, 41.34),
    "mind-nrms": (67.76, 33.05, 35.94, 41.63),
    "yadayuki-nrms-bert-base": (0.689, 0.306, 0.336, 0.400),
    "yadayuki-nrms-distilbert": (0.674, 0.297, 0.322, 0.387),
    "yadayuki-random": (0.500, 0.201, 0.203, 0.267),
    "newsrex-naml": (0.6661, 0.3149, 0.3478, 0.4119),
    "newsrex-nrms": (0.6614, 0.3135, 0.3469, 0.4096),
    "microsoft-nrms": (0.6127, 0.2697, 0.2912, 0.3625),
    "microsoft-naml": (0.6272, 0.2846, 0.3100, 0.3760),
    "microsoft-lstur": (0.6462, 0.3031, 0.3349, 0.3983),
}


def test_the_figures_are_those_published_and_no_others():
    checks = {check.id: check for check in load_cross_checks()}
    assert list(checks) == list(PUBLISHED)
    for name, printed in PUBLISHED.items():
        scale = 100 if name.startswith("mind-") else 1
        metrics = checks[name].metrics
        assert list(metrics) == ["auc", "mrr", "ndcg@5", "ndcg@10"]
        assert [value * scale for value in metrics.values()] == pytest.approx(printed)
        assert checks[name].sd == ({"auc": 0.0024} if name == "newsrex-naml" else {})


def test_models_are_named_as_the_paper_does_where_it_has_them():
    checks = {check.id: check for check in load_cross_checks()}
    place = {name: (check.recommender, check.encoder) for name, check in checks.items()}
    assert place["mind-lstur"] == ("lstur", "glove")
    assert place["yadayuki-nrms-bert-base"] == ("nrms", "bert-base")
    assert place["yadayuki-nrms-distilbert"] == ("nrms", None)
    assert place["yadayuki-random"] == (None, None)
    assert place["newsrex-nrms"] == ("nrms", None)
    assert checks["microsoft-naml"].data == "MINDdemo"
    assert checks["mind-naml"].data == "MIND test, titles"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mrr: 0.3249, ", "", "cross-check mind-naml: metrics.mrr: is missing"),
        ("mrr: 0.3249", "hits: 0.3249", "cross-check mind-naml: metrics"),
        ("auc: 0.6686", "auc: 66.86", "cross-check mind-naml: metrics.auc: .* less than or equal"),
        ("encoder: glove", "encoder: elmo", "cross-check mind-naml: encoder: .*'glove'"),
        ("model: NAML", "kind: x\n  model: NAML", "cross-check mind-naml: kind: .* no field"),
    ],
)
def test_a_malformed_cross_check_names_its_field(tmp_path, old, new, words):
    text = CROSS_CHECKS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "checks.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(StudyError, match=rf"checks\.yaml: {words}") as error:
        load_cross_checks(path)
    assert len(str(error.value).splitlines()) == 1
