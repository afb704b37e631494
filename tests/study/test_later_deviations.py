"""D5 as training meets it, and D13 to D18: as released and as a careful protocol has it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_study import WORDS, change, impressions_of, recommender, with_schedule
from user_vectors import user_vectors

from replication.encoders.models.text import build_text
from replication.evaluation.scoring import score
from replication.experiment.fitting import build_recommender, numbered_from_training
from replication.files.errors import StudyError
from replication.mind.columns import prepared
from replication.recommenders import Batch
from replication.training.batches import batches, draw_each_epoch
from replication.training.loop import train

GROUPS = ["released", "clean"]

# ---------------------------------------------------------------- D5, D13: dropout, the beginning


@pytest.mark.parametrize("group", GROUPS)
def test_d5_a_plm_is_free_of_dropout_until_the_first_validation(params, data, group):
    params = with_schedule(change(params, group), max_steps=5, evaluate_every=2)
    model = build_recommender(params, data)
    seen = []
    model.text["title"].register_forward_hook(lambda text, *_: seen.append(text.training))
    model.register_forward_hook(lambda model, *_: seen.append(model.training))
    train(model, "fp32", data.train, params, lambda _: 0.5, np.random.default_rng(0), "a run")
    text, whole = seen[::2], seen[1::2]
    assert all(whole) and len(text) == 5
    assert text == ([False, False, True, True, True] if group == "released" else [True] * 5)
    below = model.text["title"].below
    assert below.training == (group == "released")  # then in frozen layers too


@pytest.mark.parametrize("group", GROUPS)
def test_d13_projections_begin_by_xavier(params, data, group):
    """Within the limits of both, and beyond PyTorch's own where they are xavier's."""
    model = build_recommender(change(params, group), data)  # NRMS over a tuned PLM
    attention = model.click_attention
    width = attention.q.in_features
    limit, own = (6 / (2 * width)) ** 0.5, width**-0.5
    largest = max(float(p.weight.detach().abs().max()) for p in (attention.q, attention.k))
    assert largest <= limit and (largest > own) == (group == "released")
    if group == "released":
        pooler = model.heads["title"].pooler[0]
        assert not pooler.bias.any() and own < float(pooler.weight.detach().abs().max()) <= limit


# ---------------------------------------------------------------- D14, D17: texts


@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
@pytest.mark.parametrize("group", GROUPS)
def test_d14_words_without_a_vector(params, data, group, tuning):
    """The last two words have none."""
    cell = change(params, group, encoder="static", tuning=tuning, attention_masks=True)
    torch.manual_seed(3)
    text = build_text(cell, ["title"])["title"]
    x, _ = text(torch.arange(len(data.articles)))
    words = [title.split()[:6] for title in data.articles.title]
    found = {word: [] for word in WORDS}
    for row, title in zip(x, words, strict=True):
        for vector, word in zip(row, title, strict=False):
            found[word].append(vector.detach())
    one, other = (torch.stack(found[word]) for word in WORDS[-2:])
    assert all(len(rows.unique(dim=0)) == 1 for rows in (one, other))
    known = torch.stack([found[word][0] for word in WORDS[:-2]])
    if group == "clean":
        torch.testing.assert_close(one[0], known.mean(0), rtol=0, atol=1e-5)
        assert torch.equal(one[0], other[0])
    elif tuning == "frozen":
        assert not one.any() and not other.any()
    else:
        assert one.any() and other.any() and not torch.equal(one[0], other[0])
    assert bool(x[0].any()) == (group == "released" and tuning == "finetuned")  # padding


def test_d17_a_plm_that_trains_reads_lower_case(params, data, monkeypatch):
    """A tokenizer of whole words knows none in capitals."""
    plain = {
        tuning: build_text(change(params, "clean", tuning=tuning), ["title"])["title"].eval()
        for tuning in ("frozen", "finetuned")
    }
    shouted = replace(data.articles, title=data.articles.title.str.to_uppercase())
    found = replace(data, articles=shouted)
    monkeypatch.setattr(prepared, "load_prepared", lambda _: found)
    articles = torch.arange(1, 20)
    for tuning, before in plain.items():
        cell = change(params, "clean", tuning=tuning, letter_case="lowered")
        text = build_text(cell, ["title"])["title"].eval()
        assert torch.equal(text(articles)[0], before(articles)[0])  # of the texts in small letters


# ---------------------------------------------------------------- D15, D16, D18: what is learned


def test_d15_labels_are_numbered_from_training_articles():
    labels = np.array([[0, 0], [3, 7], [4, 7], [5, 9]])
    in_train = np.array([False, True, False, True])
    found = numbered_from_training(labels, in_train)
    assert found.tolist() == [[0, 0], [1, 3], [0, 3], [2, 4]]


@pytest.mark.parametrize("name", ["naml", "lstur"])
def test_d15_labels_that_training_has_not_are_padding(params, data, name):
    """Of the articles 1 to 3 alone; the table has a row for each label of theirs."""
    in_train = np.arange(len(data.articles)) < 4
    data = replace(data, articles=replace(data.articles, in_train=in_train))
    own = {label for column in ("category_id", "subcategory_id")
           for label in getattr(data.articles, column)[1:4]}  # fmt: skip
    for group in GROUPS:
        model = build_recommender(change(params, group, recommender=name), data)
        assert bool((model.labels[1:] == 0).any()) == (group == "released")
        if group == "released":
            assert model.label_embedding.num_embeddings == 1 + len(own)
            assert int(model.labels[1:4].min()) > 0


@pytest.mark.parametrize(("samples", "size"), [(10, 4), (8, 4), (3, 4)])
def test_d16_the_last_smaller_batch_is_dropped(samples, size):
    impressions = impressions_of([(1, [1], [2, 3], [1, 0])] * samples)
    drawn = draw_each_epoch(impressions, 1, np.random.default_rng(0))

    def sizes(**options) -> list[int]:
        rng = np.random.default_rng(0)
        found = batches(drawn, impressions, 5, "newest", size, rng, **options)
        return [len(batch.users) for batch in found]

    whole = [size] * (samples // size)
    assert sizes(dropped=True) == whole
    assert sizes() == whole + [samples % size] * (samples % size > 0)
    assert sizes(dropped=True, skipped=1) == whole[1:]


def test_d16_an_epoch_ends_before_it(params, data):
    """60 impressions in batches of 32."""
    steps = {}
    for choice in ("kept", "dropped"):
        cell = with_schedule(
            change(params, last_batch=choice),
            batch_size=32,
            max_epochs=3,
            max_steps=None,
            evaluate_every=99,
        )
        model = build_recommender(cell, data)
        rng = np.random.default_rng(0)
        fit = train(model, "fp32", data.train, cell, lambda _: 0.5, rng, "a run")
        steps[choice] = fit.steps, fit.epochs
        full = len(draw_each_epoch(data.train, 4, rng)) // 32
    assert steps == {"kept": (3 * (full + 1), 3), "dropped": (3 * full, 3)}


def test_d16_fewer_clicks_than_a_batch_are_told(params, data):
    cell = with_schedule(change(params, last_batch="dropped"), batch_size=4096)
    model = build_recommender(cell, data)
    with pytest.raises(StudyError, match=r"fewer than a batch.*tuned_layers.batch_size"):
        train(model, "fp32", data.train, cell, lambda _: 0.5, np.random.default_rng(0), "a run")


@pytest.mark.parametrize("encoder", ["static", "minilm"])
@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
def test_d18_is_a_key_of_the_protocol(params, data, encoder, tuning):
    tuned = encoder == "minilm" and tuning == "finetuned"
    for group in GROUPS:
        model = build_recommender(change(params, group, encoder=encoder, tuning=tuning), data)
        assert model.zero_padded == (tuned or group == "clean")


@pytest.mark.parametrize("name", ["naml", "nrms", "lstur"])
@torch.no_grad()
def test_d18_empty_slots_are_an_article_in_training_and_zeros_at_test(params, name):
    """As released; or zeros in both."""
    rows = [(1, [4, 5], [6, 7, 8], [1, 0, 0]), (2, [], [7, 8, 9], [0, 1, 0])]
    impressions = impressions_of(rows)
    clicked = torch.tensor([[0, 0, 0, 4, 5], [0] * 5])
    candidates = torch.tensor([shown for _, _, shown, _ in rows])
    batch = Batch(candidates, candidates > 0, clicked, torch.tensor([1, 2]))
    for zeros in (False, True):
        model = recommender(name, masked=False, zero_padded=zeros, reads_padding=True).eval()
        torch.nn.init.normal_(model.text["title"].table.weight[0])  # seen in the encoded article
        vectors = model.encode_news(clicked.flatten()).unflatten(0, clicked.shape)
        empty = torch.zeros_like(vectors).where(clicked.unsqueeze(2) == 0, vectors)
        news = model.encode_news(candidates.flatten()).unflatten(0, candidates.shape)
        mask = clicked > 0

        def expected(read: torch.Tensor, news=news, mask=mask, model=model) -> torch.Tensor:
            users = user_vectors(model, read, mask, batch.users)
            return (news @ users.unsqueeze(2)).squeeze(2)

        in_training, at_test = model(batch), score(model, impressions, params, "fp32")
        torch.testing.assert_close(in_training, expected(empty if zeros else vectors))
        torch.testing.assert_close(torch.tensor(at_test).view(2, 3), expected(empty))
        apart = float((in_training.flatten() - torch.tensor(at_test)).abs().max())
        assert (apart > 1e-3) != zeros
