"""Each deviation D1-D12 is a switch: as released and as a careful protocol has it."""

from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
import torch
from nearness import apart, close
from tiny_study import change, impressions_of, random_impressions, recommender
from user_vectors import user_vectors

from replication.evaluation.cold_start import user_groups
from replication.evaluation.scoring import score
from replication.experiment.fitting import build_recommender, training_and_selection
from replication.recommenders import LSTUR
from replication.study.params import flipped as flip
from replication.study.params import load_protocol, protocol_label
from replication.study.protocol import DEVIATIONS, Protocol
from replication.training.batches import batches, draw_each_epoch

# ---------------------------------------------------------------- the switches themselves


def test_the_two_groups_differ_in_every_key_of_every_deviation(project):
    released, clean = load_protocol("released"), load_protocol("clean")
    assert (released.name, clean.name) == ("released", "clean")
    for name, keys in DEVIATIONS.items():
        for key in keys:
            assert getattr(released, key) != getattr(clean, key), (name, key)


def test_every_key_belongs_to_one_deviation():
    keys = [key for keys in DEVIATIONS.values() for key in keys]
    assert sorted(["name", *keys]) == sorted(field.name for field in fields(Protocol))


def flipped(params, group: str, *names: str):
    """The protocol `group` with the named deviations as in the other group."""
    other = load_protocol("clean" if group == "released" else "released")
    values = {key: getattr(other, key) for name in names for key in DEVIATIONS[name]}
    return change(params, group, **values).protocol


@pytest.mark.parametrize("group", ["released", "clean"])
def test_label_names_what_was_flipped(params, group):
    assert protocol_label(load_protocol(group)) == group
    for name in DEVIATIONS:
        assert protocol_label(flipped(params, group, name)) == f"{group}~{name}"
        assert protocol_label(flip(group, name)) == f"{group}~{name}"
    for a, b in combinations(DEVIATIONS, 2):
        assert protocol_label(flipped(params, group, b, a)) == f"{group}~{a}~{b}"
    every = "~".join([group, *DEVIATIONS])
    assert protocol_label(flipped(params, group, *DEVIATIONS)) == every


def test_label_names_a_deviation_once_for_either_of_its_keys(params):
    assert protocol_label(change(params, "clean", negatives=2).protocol) == "clean~D12"
    assert protocol_label(change(params, "clean", negatives_drawn="once").protocol) == "clean~D12"


# ---------------------------------------------------------------- D1, D2: which data


def test_d1_selection_is_the_test_split_or_the_last_training_day(params, data):
    learn, select = training_and_selection(change(params, "released"), data)
    assert learn is data.train and select is data.test

    learn, select = training_and_selection(change(params, "clean"), data)
    days = [line.split("\t")[2].split()[0] for line in open_train()]
    last = [i + 1 for i, day in enumerate(days) if day == "11/11/2019"]
    first = [i + 1 for i, day in enumerate(days) if day != "11/11/2019"]
    assert first and last
    assert select.impression_id.tolist() == last and learn.impression_id.tolist() == first


def open_train() -> list[str]:
    from replication.study import paths

    path = paths.RAW / "train" / "behaviors.tsv"
    return path.read_text(encoding="utf-8").splitlines()


LONG = list(range(1, 61))  # 60 clicks, oldest first


@pytest.mark.parametrize(("keep", "kept"), [("newest", LONG[-50:]), ("oldest", LONG[:50])])
def test_d2_training_reads_the_newest_or_the_oldest_50(keep, kept):
    impressions = impressions_of([(1, LONG, [61, 62], [1, 0])])
    samples = draw_each_epoch(impressions, 1, np.random.default_rng(0))
    (batch,) = batches(samples, impressions, 50, keep, 8, np.random.default_rng(0))
    assert batch.clicked.tolist() == [kept]


def test_d2_scoring_reads_the_newest_or_the_oldest_50(params):
    from dataclasses import replace

    params = replace(params, history=50)
    model = recommender("nrms", articles=62)
    plain, new, old = (
        impressions_of([(1, h, [61, 62], [1, 0])])
        for h in (LONG, [*LONG[:-1], 62], [62, *LONG[1:]])
    )
    for order, seen, unseen in (("newest", new, old), ("oldest", old, new)):
        choice = change(params, history_order=order)
        expected = score(model, plain, choice, "fp32")
        assert np.array_equal(score(model, unseen, choice, "fp32"), expected)
        assert np.abs(score(model, seen, choice, "fp32") - expected).max() > 1e-5


# ---------------------------------------------------------------- D3, D4: what is read


@torch.no_grad()
def test_d3_as_released_ten_of_fifty_clicks_are_never_read():
    torch.manual_seed(0)
    users = torch.tensor([1])
    mask = torch.arange(50)[None] >= 40
    for reads_padding in (True, False):
        model = recommender("lstur", masked=False, reads_padding=reads_padding).eval()
        a, b = (torch.randn(1, 50, model.width) * mask.unsqueeze(2) for _ in range(2))
        vectors = [user_vectors(model, clicked, mask, users) for clicked in (a, b)]
        assert apart(*vectors) != reads_padding


@torch.no_grad()
def test_d3_as_released_thirty_of_fifty_clicks_are_read_in_part():
    """The first 30 of 50 slots: 20 of padding, then the oldest 10 clicks."""
    torch.manual_seed(1)
    model = recommender("lstur", masked=False, reads_padding=True).eval()
    mask, users = torch.arange(50)[None] >= 20, torch.tensor([1])
    clicked = torch.randn(1, 50, model.width)
    vector = user_vectors(model, clicked, mask, users)
    for slot, read in ((20, True), (29, True), (30, False), (49, False)):
        other = clicked.clone()
        other[0, slot] += 1
        assert apart(user_vectors(model, other, mask, users), vector) == read, slot


@pytest.mark.parametrize("group", ["released", "clean"])
def test_d3_is_a_key_of_the_protocol(params, data, group):
    model = build_recommender(change(params, group, recommender="lstur"), data)
    assert isinstance(model, LSTUR) and model.reads_padding == (group == "released")


@pytest.mark.parametrize("name", ["naml", "nrms"])
@pytest.mark.parametrize("masked", [True, False])
@torch.no_grad()
def test_d4_padded_slots_weigh_in_the_user_vector_without_masks(name, masked):
    torch.manual_seed(2)
    model = recommender(name, masked=masked).eval()
    clicks, users = torch.randn(1, 3, model.width), torch.tensor([1])

    def user(padding: torch.Tensor) -> torch.Tensor:
        slots = torch.cat([padding, clicks], dim=1)
        return user_vectors(
            model, slots, torch.arange(slots.shape[1])[None] >= len(padding[0]), users
        )

    none, two, five = (user(torch.zeros(1, n, model.width)) for n in (0, 2, 5))
    assert apart(none, two) == apart(two, five) == (not masked)
    # What stands in the padded slots: the release zeroes it for tuned transformers only.
    noise = torch.randn(1, 2, model.width)
    assert apart(user(noise), two) == (not masked)
    model.zero_padded = True
    close(user(noise), two)


@pytest.mark.parametrize("encoder", ["static", "minilm"])
@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
def test_d4_only_tuned_transformers_zero_padded_clicks_as_released(params, data, encoder, tuning):
    model = build_recommender(change(params, "released", encoder=encoder, tuning=tuning), data)
    assert model.zero_padded == (encoder == "minilm" and tuning == "finetuned")
    assert not model.masked and model.no_click is None


# ---------------------------------------------------------------- D5, D6, D7: what trains


# ---------------------------------------------------------------- D9: which user vector


def test_d9_users_with_the_same_history_share_the_first_ones_vector_as_released(params):
    candidates, labels = [3, 4, 5], [1, 0, 0]
    impressions = impressions_of(
        [(u, h, candidates, labels) for u, h in ((2, []), (1, []), (99, []), (3, [7]), (4, [7]))]
    )
    model = recommender("lstur", users=6)
    by_history, by_user = (
        score(model, impressions, change(params, user_cache=c), "fp32").reshape(5, 3)
        for c in ("history", "user")
    )
    for mine, shared in enumerate((0, 0, 0, 3, 3)):  # whose vector: user 2's or user 3's
        np.testing.assert_allclose(by_history[mine], by_user[shared], rtol=1e-5)
    for a, b in combinations(range(5), 2):
        assert np.abs(by_user[a] - by_user[b]).max() > 1e-5, (a, b)


def test_d9_compares_whole_histories(params):
    """Histories that differ only in clicks that are not read are not the same (as released)."""
    impressions = impressions_of(
        [(1, [9, 1, 2, 3, 4, 5], [6, 7], [1, 0]), (2, [8, 1, 2, 3, 4, 5], [6, 7], [1, 0])]
    )
    params = change(params, user_cache="history")
    assert params.history == 5
    a, b = score(recommender("lstur"), impressions, params, "fp32").reshape(2, 2)
    assert np.abs(a - b).max() > 1e-5


@pytest.mark.parametrize("name", ["naml", "nrms"])
def test_d9_changes_nothing_for_recommenders_without_user_ids(params, name):
    impressions = random_impressions(40, 20, 9, np.random.default_rng(0), longest=1)
    model = recommender(name)
    by_history, by_user = (
        score(model, impressions, change(params, user_cache=c), "fp32") for c in ("history", "user")
    )
    assert np.array_equal(by_history, by_user)


# ---------------------------------------------------------------- D10: which fifth of users


@pytest.mark.parametrize(
    ("rule", "history", "expected"),
    [
        ("users", 50, [1] * 8 + [5, 5]),  # fifths of 8 x 1, 2 and 3 clicks: at 1, 1, 1 and 1.2
        ("users", 2, [1] * 8 + [5, 5]),  # of whole histories
        ("histories", 50, [1] * 8 + [3, 5]),  # of 1, 2 and 3 clicks: at 1.4, 1.8, 2.2 and 2.6
        ("histories", 2, [1] * 8 + [3, 3]),  # of 1, 2 and 2 clicks: at 1.4, 1.8, 2 and 2
    ],
)
def test_d10_fifths_of_users_or_of_distinct_histories(rule, history, expected):
    """Eight users have clicked the same one article."""
    histories = [[1]] * 8 + [[1, 2], [1, 2, 3]]
    impressions = impressions_of([(u, h, [4, 5], [1, 0]) for u, h in enumerate(histories, 1)])
    assert user_groups(impressions, rule, history).tolist() == expected


# D8 (prompts) is in encoders/test_text, D11 (seeds) in test_experiment.
