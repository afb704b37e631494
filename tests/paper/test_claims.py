"""The claims are those of the paper, figure by figure, and a malformed one is refused."""

import copy
import json

import pytest

from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.paper.claims import CLAIMS, load_claims
from replication.paper.models import MODELS

PLMS = ("bert-tiny", "bert-mini", "bert-small", "bert-medium", "bert-base", "roberta-base")
EIGHT = ("glove", *PLMS, "llama-3.1-8b")


@pytest.fixture
def claims():
    return {claim.id: claim for claim in load_claims()}


def test_every_claim_is_there_in_order(claims):
    assert list(claims) == [
        "C1", "C2", "C3a", "C3b", "C3c", "C4", "C4-size", "C5", "C6", "C7", "C8",
    ]  # fmt: skip
    assert [claim.kind for claim in claims.values()] == [
        "gain", "gain", "depth", "depth", "depth", "cold_gain", "cold_gain", "not_monotone",
        "sign", "sign", "cost",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "model", "value"), [("C1", "bert-base", 3.58), ("C2", "glove", -0.99)]
)
def test_gains_of_fine_tuning_nrms(claims, name, model, value):
    claim = claims[name]
    assert (claim.recommender, claim.model, claim.metric) == ("nrms", model, "auc")
    assert claim.value == value
    # Two standard deviations of a gain: sd .0024 at .6661 in each of two runs.
    assert claim.tolerance == pytest.approx(100 * 2 * 2**0.5 * 0.0024 / 0.6661, abs=0.05)


@pytest.mark.parametrize(
    ("name", "recommender", "layers"),
    [("C3a", "naml", 10), ("C3b", "nrms", 6), ("C3c", "lstur", 4)],
)
def test_best_depths(claims, name, recommender, layers):
    claim = claims[name]
    assert (claim.recommender, claim.model, claim.value) == (recommender, "bert-base", layers)
    assert claim.sweep == (0, 2, 4, 6, 8, 10, 12)
    assert claim.tolerance == claim.sweep[1] - claim.sweep[0]


def test_gain_for_cold_users(claims):
    shape, size = claims["C4"], claims["C4-size"]
    assert (shape.trend, shape.groups, shape.mean_clicks) == ("negative", 5, 4.01)
    assert (size.trend, size.groups, size.mean_clicks) == (None, 5, None)
    assert (shape.value, size.value) == (None, 3.2)
    for claim in (shape, size):
        assert (claim.model, claim.over) == ("llama-3.1-8b", ("glove", *PLMS))
        assert claim.recommenders == ("naml", "nrms", "lstur")


def test_order_signs_and_cost(claims):
    assert claims["C5"].models == claims["C8"].models == EIGHT
    assert claims["C5"].tunings == ("frozen", "finetuned")
    frozen, lora = claims["C6"], claims["C7"]
    assert (frozen.models, frozen.tuning) == (PLMS, "frozen")
    assert (frozen.minus.model, frozen.minus.tuning, frozen.sign) == ("glove", "frozen", "negative")
    assert frozen.recommenders == ("naml", "nrms", "lstur")
    assert (lora.recommenders, lora.models, lora.tuning) == (("naml",), EIGHT[-1:], "finetuned")
    assert (lora.minus.model, lora.minus.tuning, lora.sign) == (None, "frozen", "negative")
    assert claims["C8"].measures == (
        "operations", "device_seconds", "seconds_a_sample", "memory", "sensitivity",
    )  # fmt: skip


def test_only_the_size_for_cold_users_is_third_hand(claims):
    for claim in claims.values():
        doubtful = claim.id == "C4-size"
        assert (claim.source, claim.confidence) == (
            ("third-hand", "low") if doubtful else ("paper", "medium")
        )


def test_what_is_not_given_is_null_with_a_reason(claims):
    for claim in claims.values():
        given = claim.id in ("C1", "C2", "C3a", "C3b", "C3c", "C4-size")
        assert (claim.value is not None) == (claim.tolerance is not None) == given
        assert (claim.value_reason is None) == given


def test_there_is_no_figure_but_the_known_ones():
    def numbers(value):
        if isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                yield from numbers(part)
        elif isinstance(value, int | float):
            yield value

    figures = {3.58, -0.99, 10, 6, 4, 4.01, 3.2}
    ours = {1.0, 2, 1.5}  # tolerances
    shapes = {*range(0, 13, 2), 5}  # the sweep, the number of groups
    assert set(numbers(read_yaml(CLAIMS))) == figures | ours | shapes


def test_models_stand_by_size():
    assert tuple(MODELS) == EIGHT
    sizes = [model.parameters for model in MODELS.values()]
    assert sizes[0] is None and sizes[1:] == sorted(sizes[1:])
    assert MODELS["bert-base"].parameters == 109_482_240
    assert (MODELS["roberta-base"].layers, MODELS["roberta-base"].parameters) == (12, 124_645_632)


@pytest.fixture
def refused(tmp_path):
    """The message after one entry, by id, has been bent."""
    original = read_yaml(CLAIMS)

    def refused(name, bend):
        entries = copy.deepcopy(original)
        bend(next(entry for entry in entries if entry["id"] == name))
        path = tmp_path / "claims.yaml"
        path.write_text(json.dumps(entries), encoding="utf-8")  # JSON is YAML
        with pytest.raises(StudyError) as error:
            load_claims(path)
        message = str(error.value)
        assert message.startswith(f"{path}: ") and len(message.splitlines()) == 1
        return message.removeprefix(f"{path}: ")

    return refused


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("C1", {"kind": "magic"}, ["claim C1: kind", "'magic'", "gain", "cold_gain"]),
        ("C1", {"shade": 1}, ["claim C1: shade", "no field"]),
        ("C1", {"value": "3.58"}, ["claim C1: value", "number"]),
        ("C1", {"value": None}, ["claim C1: value"]),
        ("C1", {"tolerance": 0}, ["claim C1: tolerance", "greater than 0"]),
        ("C1", {"value_reason": "unknown"}, ["claim C1: value_reason", "only there"]),
        ("C2", {"model": "gpt-9"}, ["claim C2: model", "'glove'"]),
        ("C3a", {"value": 9.5}, ["claim C3a: value", "integer"]),
        ("C3a", {"sweep": 2}, ["claim C3a: sweep"]),
        ("C4", {"trend": 0}, ["claim C4: trend", "'positive' or 'negative'"]),
        ("C4", {"value_reason": ""}, ["claim C4: value_reason"]),
        ("C5", {"tolerance": 1.0}, ["claim C5: tolerance", "null"]),
        ("C6", {"sign": "down"}, ["claim C6: sign", "'positive' or 'negative'"]),
        ("C7", {"minus": {"model": None}}, ["claim C7: minus.tuning", "missing"]),
        ("C8", {"measures": ["beauty"]}, ["claim C8: measures.0", "'memory'"]),
        ("C8", {"source": "gossip"}, ["claim C8: source", "'third-hand'"]),
        ("C2", {"id": "C1"}, ["claim C1: id", "twice"]),
    ],
)
def test_a_malformed_claim_names_itself_and_its_field(refused, name, change, words):
    message = refused(name, lambda entry: entry.update(change))
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("value", [".nan", ".inf", "2019-11-15", "true"])
def test_yaml_that_is_no_figure_is_no_figure(tmp_path, value):
    path = tmp_path / "claims.yaml"
    text = CLAIMS.read_text(encoding="utf-8")
    path.write_text(text.replace("value: 3.58", f"value: {value}"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"C1(\.|: )value: .*(expected|Input should be)"):
        load_claims(path)


@pytest.mark.parametrize(
    ("name", "field"),
    [("C1", "kind"), ("C1", "tolerance"), ("C4", "groups"), ("C6", "sign"), ("C8", "statement")],
)
def test_a_missing_field_is_named(refused, name, field):
    assert refused(name, lambda entry: entry.pop(field)) == f"claim {name}: {field}: is missing"


def test_a_claim_without_id_is_named_by_its_place(refused):
    assert refused("C2", lambda entry: entry.pop("id")) == "claim at place 2: id: is missing"


@pytest.mark.parametrize("text", ["a: 1", "3", "", "[1]", "[2019-01-01]", "[[C1]]"])
def test_what_is_no_list_of_claims_is_refused(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        StudyError, match=r"claims\.yaml: (expected a list|claim at place 1: |0: 2019)"
    ):
        load_claims(path)
