"""The loop: its loss, its learning rates, when it stops, what it keeps, and that it learns."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from tiny_study import (
    WIDTH,
    change,
    impressions_of,
    random_impressions,
    recommender,
    with_schedule,
)
from torch import nn

from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import impression_metrics, summarise
from replication.evaluation.scoring import score
from replication.experiment.fitting import build_recommender
from replication.files.errors import StudyError
from replication.recommenders import RECOMMENDERS, Batch
from replication.training.batches import batches, draw_each_epoch
from replication.training.loop import loss_of, parameter_groups, train

NAMES = sorted(RECOMMENDERS)


def fit(model, impressions, params, select, seed=0, told=True):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    return train(model, "fp32", impressions, params, select, rng, "a run", told=told)


def batch_with(drawn: torch.Tensor) -> Batch:
    zeros = torch.zeros(drawn.shape, dtype=torch.int64)
    return Batch(zeros, drawn, zeros, zeros[:, 0])


# ---------------------------------------------------------------- loss


def test_loss_is_the_negative_log_likelihood_of_the_click():
    scores = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.5, 0.5]])
    first = -math.log(math.exp(1) / (math.exp(1) + math.exp(2) + math.exp(-1)))
    loss = loss_of(scores, batch_with(torch.ones(2, 3, dtype=torch.bool)))
    assert float(loss) == pytest.approx((first + math.log(3)) / 2, rel=1e-6)


def test_candidates_that_were_not_drawn_do_not_count():
    drawn = torch.tensor([[True, True, False, False]])
    scores = torch.tensor([[0.3, -0.2, 50.0, 7.0]], requires_grad=True)
    loss = loss_of(scores, batch_with(drawn))
    assert float(loss.detach()) == pytest.approx(math.log(1 + math.exp(-0.5)), rel=1e-5)
    loss.backward()
    assert scores.grad.isfinite().all() and not scores.grad[0, 2:].any()


def test_loss_is_computed_in_float32():
    scores = torch.tensor([[300.0, 1.0]], dtype=torch.bfloat16)
    assert loss_of(scores, batch_with(torch.ones(1, 2, dtype=torch.bool))).dtype == torch.float32


# ---------------------------------------------------------------- learning rates


@pytest.mark.parametrize("encoder", ["static", "minilm"])
def test_parameter_groups_hold_each_trainable_parameter_once(params, data, encoder):
    params = with_schedule(params, learning_rate=0.1, encoder_learning_rate=0.001)
    for name, tuning, protocol in product(NAMES, ("frozen", "finetuned"), ("clean", "released")):
        cell = change(params, protocol, recommender=name, encoder=encoder, tuning=tuning)
        model = build_recommender(cell, data)
        groups = parameter_groups(model, cell)
        grouped = [id(p) for g in groups for p in g["params"]]
        trainable = {id(p) for p in model.parameters() if p.requires_grad}
        assert len(grouped) == len(set(grouped)) and set(grouped) == trainable
        rate = {id(p): g["lr"] for g in groups for p in g["params"]}
        for key, p in model.named_parameters():
            if p.requires_grad:
                assert rate[id(p)] == (0.001 if key.startswith("text.") else 0.1), key
        tuned = any(p.requires_grad for p in model.text.parameters())
        assert tuned == (tuning == "finetuned")


# ---------------------------------------------------------------- stopping


class Script:
    """A `select` that answers from a list, and remembers the parameters it was shown."""

    def __init__(self, aucs):
        self.aucs, self.seen = list(aucs), []

    def __call__(self, model):
        model.eval()  # as scoring does: the loop has to turn training on again
        trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.seen.append({n: p.detach().clone() for n, p in trainable.items()})
        return self.aucs[len(self.seen) - 1]


@pytest.fixture
def impressions():
    return random_impressions(60, articles=20, users=6, rng=np.random.default_rng(2))


def samples_in(impressions) -> int:
    return int(impressions.labels.sum())  # every impression has something unclicked


def test_best_parameters_are_restored(params, impressions):
    params = with_schedule(params, max_steps=8, max_epochs=9, evaluate_every=2, patience=9)
    model, select = recommender("nrms"), Script([0.5, 0.8, 0.6, 0.7])
    result = fit(model, impressions, params, select)
    assert len(select.seen) == 4 and result.steps == 8
    assert result.best_step == 4 and result.best_auc == 0.8
    assert [step for step, _, _ in result.curve] == [2, 4, 6, 8]
    assert [auc for _, _, auc in result.curve] == [0.5, 0.8, 0.6, 0.7]
    for name, p in model.named_parameters():
        if p.requires_grad:
            assert torch.equal(p, select.seen[1][name]), name
    # The other snapshots are others: there was something to restore.
    assert any(not torch.equal(select.seen[1][n], select.seen[3][n]) for n in select.seen[1])


def test_patience_counts_evaluations_without_a_better_auc(params, impressions):
    params = with_schedule(params, max_steps=100, max_epochs=99, evaluate_every=1, patience=3)
    aucs = [0.5, 0.6, 0.6, 0.55, 0.7, 0.7, 0.69, 0.1, 0.99]  # an equal one is no better
    result = fit(recommender("nrms"), impressions, params, select := Script(aucs))
    assert len(select.seen) == result.steps == 8
    assert result.best_step == 5 and result.best_auc == 0.7


def test_max_steps_may_end_in_a_later_epoch(params, impressions):
    batches = -(-samples_in(impressions) // 16)
    params = with_schedule(
        params, batch_size=16, max_steps=batches + 2, max_epochs=5, evaluate_every=100, patience=3
    )
    result = fit(recommender("nrms"), impressions, params, select := Script([0.5]))
    assert result.steps == batches + 2 and result.epochs == 2
    assert result.samples == samples_in(impressions) + 32
    assert len(select.seen) == 1  # at the end, though 100 batches were never reached


def test_epochs_end_training_when_there_are_no_max_steps(params, impressions):
    batches = -(-samples_in(impressions) // 16)
    params = with_schedule(
        params, batch_size=16, max_steps=None, max_epochs=3, evaluate_every=10**6, patience=3
    )
    result = fit(recommender("naml"), impressions, params, Script([0.5]))
    assert result.steps == 3 * batches and result.epochs == 3
    assert result.samples == 3 * samples_in(impressions)


@pytest.mark.parametrize(("steps", "seen"), [(3, []), (4, []), (5, [4, 5])])
def test_an_evaluation_that_decides_nothing_is_left_out_where_nobody_reads_it(
    params, impressions, steps, seen
):
    """One alone decides nothing; of two the better one does."""
    params = with_schedule(params, max_steps=steps, max_epochs=9, evaluate_every=4, patience=9)
    models = {told: recommender("nrms") for told in (True, False)}
    selects = {told: Script([0.7, 0.6]) for told in models}
    fits = {
        told: fit(models[told], impressions, params, selects[told], told=told) for told in models
    }
    assert [step for step, _, auc in fits[False].curve if not math.isnan(auc)] == seen
    assert len(selects[False].seen) == len(seen) and len(selects[True].seen) == (steps > 4) + 1
    assert fits[False].best_step == fits[True].best_step == min(steps, 4)
    states = [model.state_dict() for model in models.values()]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_curve_holds_the_mean_loss_since_the_last_point(params, impressions):
    """With learning rates of zero and no dropout each loss can be computed beforehand."""
    model = recommender("nrms")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    params = with_schedule(
        params, learning_rate=0.0, max_epochs=1, max_steps=5, batch_size=16, evaluate_every=2
    )
    result = fit(model, impressions, params, Script([0.5, 0.6, 0.7]))
    rng = np.random.default_rng(0)
    samples = draw_each_epoch(impressions, params.protocol.negatives, rng)
    with torch.no_grad():
        losses = [
            float(loss_of(model(batch), batch))
            for batch in batches(samples, impressions, params.history, "newest", 16, rng)
        ]
    means = [np.mean(losses[:2]), np.mean(losses[2:4]), losses[4]]
    assert [loss for _, loss, _ in result.curve] == pytest.approx(means, abs=2e-6)
    assert len({round(mean, 4) for mean in means}) == 3


def test_training_mode_is_on_again_after_an_evaluation(params, impressions):
    params = with_schedule(params, max_steps=3, max_epochs=9, evaluate_every=1, patience=9)
    model, modes = recommender("nrms"), []
    model.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    fit(model, impressions, params, Script([0.1, 0.2, 0.3]))
    assert modes == [True] * 3


def test_loss_that_is_not_finite_is_an_error_naming_the_key(params, impressions):
    params = with_schedule(params, max_steps=5, evaluate_every=1)
    model = recommender("nrms")
    with torch.no_grad():
        model.click_pool.linear.weight.fill_(float("nan"))
    with pytest.raises(StudyError, match=r"training\.tuned_layers\.learning_rate"):
        fit(model, impressions, params, Script([0.5] * 9))
    with pytest.raises(StudyError, match=r"training\.frozen\.learning_rate"):
        fit(model, impressions, change(params, tuning="frozen"), Script([0.5] * 9))


def test_no_sample_at_all_is_an_error(params):
    """As released, an impression with fewer than K candidates beside the click gives no sample."""
    impressions = impressions_of([(1, [1], [2, 3], [1, 0]), (2, [], [4, 5], [0, 1])])
    params = change(params, negatives=2, negatives_drawn="once")
    with pytest.raises(StudyError, match="negatives"):
        fit(recommender("nrms"), impressions, params, Script([0.5]))


# ---------------------------------------------------------------- planted effect


def two_subjects(count: int, seed: int, shuffled: bool = False):
    """Articles 1-30 of one subject, 31-60 of the other; users click their subject only.

    `shuffled` permutes the labels within each impression, so that nothing is left to learn.
    """
    rng, rows = np.random.default_rng(seed), []
    for _ in range(count):
        user = int(rng.integers(1, 21))
        mine, other = (0, 30) if user % 2 else (30, 0)
        history = mine + rng.integers(1, 31, rng.integers(1, 6))
        click = mine + rng.integers(1, 31)
        shown = np.r_[click, other + rng.choice(30, 5, replace=False) + 1]
        labels = np.r_[1, np.zeros(5, dtype=int)]
        order = rng.permutation(6)
        labels = rng.permutation(labels) if shuffled else labels[order]
        rows.append((user, history.tolist(), shown[order].tolist(), labels.tolist()))
    return impressions_of(rows)


def subject_model(name: str):
    """Titles of words 1-14 or 15-29, by subject; the words' vectors lie about two centres."""
    rng = np.random.default_rng(0)
    titles = [[0]] + [
        rng.integers(*((1, 15) if a <= 30 else (15, 30)), rng.integers(2, 7)).tolist()
        for a in range(1, 61)
    ]
    vectors = torch.from_numpy(rng.normal(size=(30, WIDTH)).astype(np.float32))
    vectors[15:, 0] += 2
    vectors[:15, 0] -= 2
    model = recommender(name, users=20, titles=titles, vectors=vectors)
    # No help from labels: they were drawn without regard to the subject.
    nn.init.zeros_(model.no_click)
    return model


def aucs_of(model, impressions, params):
    scores = score(model, impressions, params, "fp32")
    return impression_metrics(scores, impressions.labels, impressions.candidates.offsets)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_planted_taste_is_learned(params, name):
    params = with_schedule(
        change(params, recommender=name, tuning="frozen"),
        **{"batch_size": 32, "max_steps": 60, "max_epochs": 9, "evaluate_every": 20},
    )
    learn, select, test = (two_subjects(n, seed) for n, seed in ((400, 1), (100, 2), (200, 3)))
    model = subject_model(name)
    before = summarise(aucs_of(model, test, params))["auc"]
    result = fit(model, learn, params, lambda m: summarise(aucs_of(m, select, params))["auc"])
    after = summarise(aucs_of(model, test, params))["auc"]
    assert before < 0.8 and after > 0.9, (before, after)
    assert result.curve[-1][1] < result.curve[0][1]  # the loss fell


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shuffled_clicks_teach_nothing(params, name):
    """Neither the histories nor the candidates' order leak the label into the score."""
    params = with_schedule(
        change(params, recommender=name, tuning="frozen"),
        **{"batch_size": 32, "max_steps": 60, "max_epochs": 9, "evaluate_every": 20},
    )
    learn, select, test = (
        two_subjects(n, seed, shuffled=True) for n, seed in ((400, 1), (100, 2), (400, 3))
    )
    model = subject_model(name)
    fit(model, learn, params, lambda m: summarise(aucs_of(m, select, params))["auc"])
    metrics = aucs_of(model, test, params)
    low, high = bootstrap_ci({"auc": metrics["auc"]}, 1000, seed=0)["auc"]
    assert low < 0.5 < high, (low, high)
