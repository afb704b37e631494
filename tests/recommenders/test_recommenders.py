"""NAML, NRMS and LSTUR under the clean protocol: what must not change a vector does not."""

import pytest
import torch
from invented_batches import BATCH, batch_of
from nearness import close
from tiny_study import recommender
from user_vectors import user_vectors

from replication.recommenders import RECOMMENDERS

NAMES = sorted(RECOMMENDERS)
every_recommender = pytest.mark.parametrize("name", NAMES)


@every_recommender
@torch.no_grad()
def test_news_vector_is_the_same_alone_and_in_any_batch(name):
    model = recommender(name).eval()
    alone = torch.cat([model.encode_news(torch.tensor([a])) for a in range(21)])
    close(model.encode_news(torch.arange(21)), alone)
    # Lengths differ (article a has 1 + (a - 1) % 6 words): batches short, mixed and repeated.
    for some in ([1, 7, 13], [6, 1], [3, 3, 0, 12], list(range(20, 0, -1))):
        close(model.encode_news(torch.tensor(some)), alone[some])
    assert model.encode_news(torch.arange(21)).shape == (21, model.width)


@every_recommender
@pytest.mark.parametrize("masked", [True, False])
@torch.no_grad()
def test_batch_scores_are_those_of_each_article_and_user_alone(name, masked):
    model = recommender(name, masked=masked).eval()
    together = model(BATCH)
    for i in range(len(BATCH.users)):
        slots = torch.stack([model.encode_news(a[None])[0] for a in BATCH.clicked[i]])
        user = user_vectors(
            model, slots[None], BATCH.clicked[i : i + 1] > 0, BATCH.users[i : i + 1]
        )
        for j, article in enumerate(BATCH.candidates[i]):
            expected = model.encode_news(article[None])[0] @ user[0]
            close(together[i, j], expected)


@every_recommender
@torch.no_grad()
def test_the_product_of_two_bfloat16_vectors_is_taken_in_float32(name, monkeypatch):
    """Against float64: rounded to bfloat16, a score of 4 is off by up to .008."""
    model, seen = recommender(name).train(), {}

    def kept(method):
        def call(*given):
            seen[method.__name__] = method(*given).bfloat16() * 4  # of a size that rounds
            return seen[method.__name__]

        return call

    for method in (model.encode_news, model.encode_users):
        monkeypatch.setattr(model, method.__name__, kept(method))
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(BATCH)
    articles = torch.cat([BATCH.candidates, BATCH.clicked], dim=1).unique()
    vectors = seen["encode_news"].double()[torch.searchsorted(articles, BATCH.candidates)]
    exact = (vectors * seen["encode_users"].double()[:, None]).sum(2)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.double(), exact, rtol=1e-5, atol=1e-5)


@every_recommender
@torch.no_grad()
def test_user_vector_knows_neither_amount_nor_content_of_padding(name):
    torch.manual_seed(1)
    model = recommender(name).eval()
    clicks, user = torch.randn(1, 3, model.width), torch.tensor([2])
    expected = user_vectors(model, clicks, torch.ones(1, 3, dtype=torch.bool), user)
    for count in (1, 4):
        for scale in (0.0, 10.0):
            padding = scale * torch.randn(1, count, model.width)
            mask = torch.arange(count + 3)[None] >= count
            vector = user_vectors(model, torch.cat([padding, clicks], dim=1), mask, user)
            close(vector, expected)


@every_recommender
@torch.no_grad()
def test_empty_history_reads_the_no_click_vector_and_nothing_else(name):
    torch.manual_seed(2)
    model = recommender(name).eval()
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    vectors = [
        user_vectors(model, scale * torch.randn(1, 4, model.width), nothing, torch.tensor([0]))
        for scale in (0.0, 5.0)
    ]
    close(vectors[0], vectors[1])
    as_click = user_vectors(
        model, model.no_click[None, None], torch.ones(1, 1, dtype=torch.bool), torch.tensor([0])
    )
    close(vectors[0], as_click)


@every_recommender
def test_empty_and_one_click_histories_have_finite_scores_and_gradients(name):
    model = recommender(name, trainable=True).train()
    torch.manual_seed(3)
    scores = model(BATCH)
    assert scores.isfinite().all()
    scores.square().sum().backward()
    for parameter, value in model.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.isfinite().all(), parameter
    assert model.no_click.grad.abs().sum() > 0


@every_recommender
def test_no_click_vector_learns_from_empty_histories_alone(name):
    model = recommender(name).eval()
    full = batch_of([[1, 2], [3, 4]], [[5], [6, 7]], [1, 2])
    model(full).sum().backward()
    assert model.no_click.grad is None or not model.no_click.grad.any()
    model(batch_of([[1, 2]], [[]], [1])).sum().backward()
    assert model.no_click.grad.abs().sum() > 0


@every_recommender
def test_no_click_vector_starts_at_zero_and_is_absent_without_masks(name):
    from tiny_study import SIZES

    fresh = recommender(name)
    kind = type(fresh)
    model = kind(fresh.text, fresh.labels, 4, 6, SIZES, "token", True, False)
    assert not model.no_click.any()
    assert recommender(name, masked=False).no_click is None


@every_recommender
@torch.no_grad()
def test_padding_word_does_not_train_and_labels_of_padding_are_zero(name):
    model = recommender(name, trainable=True)
    assert not model.text["title"].table.weight[0].any()
    if hasattr(model, "label_embedding"):
        assert not model.label_embedding.weight[0].any()


@torch.no_grad()
def test_aligned_start_of_nrms_scores_by_the_mean_of_clicks():
    """With even attention, user = mean of its clicks: that is what `aligned_start` begins near."""
    from dataclasses import replace

    from tiny_study import SIZES

    model = recommender("nrms", sizes=replace(SIZES, aligned_start=True)).eval()
    for layer in (model.click_attention.q, model.click_attention.k):
        layer.weight.zero_()
        layer.bias.zero_()
    model.click_pool.query.zero_()
    clicked = torch.randn(1, 4, model.width)
    mask = torch.ones(1, 4, dtype=torch.bool)
    close(user_vectors(model, clicked, mask, torch.tensor([0])), clicked.mean(1))


@torch.no_grad()
def test_aligned_start_of_nrms_reads_the_mean_of_words():
    """The same of news: with even attention over tokens, a title is the mean of them."""
    from dataclasses import replace

    from tiny_study import SIZES

    model = recommender("nrms", sizes=replace(SIZES, aligned_start=True)).eval()
    for layer in (model.token_attention.q, model.token_attention.k):
        layer.weight.zero_()
        layer.bias.zero_()
    model.token_pool.query.zero_()
    tokens, mask = torch.randn(3, 6, model.width), torch.ones(3, 6, dtype=torch.bool)
    close(model._read_title(tokens, mask), tokens.mean(1))


@torch.no_grad()
def test_naml_reads_its_four_views():
    """Each of title, abstract, category and subcategory changes the vector; NRMS has one view."""
    model = recommender("naml").eval()
    article = torch.tensor([4])
    base = model.encode_news(article)
    for column in (0, 1):
        labels = model.labels.clone()
        model.labels[4, column] = labels[4, column] % 4 + 1
        assert (model.encode_news(article) - base).abs().max() > 1e-4
        model.labels.copy_(labels)
    for field in ("title", "abstract"):
        ids = model.text[field].ids
        kept = ids.clone()
        ids.copy_(ids % 29 + 1)
        assert (model.encode_news(article) - base).abs().max() > 1e-4
        ids.copy_(kept)
    close(model.encode_news(article), base)


@torch.no_grad()
def test_aligned_start_projects_the_mean_token_to_zero():
    """Of the very articles that its mean is taken of: here, of all there are."""
    from dataclasses import replace

    from tiny_study import SIZES

    model = recommender("naml", sizes=replace(SIZES, aligned_start=True)).eval()
    articles = torch.linspace(1, len(model.labels) - 1, 96).round().long()
    for field in model.fields:
        y, mask = model.heads[field](*model.text[field](articles))
        close(y[mask].mean(0), torch.zeros(model.token_width))
    plain = recommender("naml", sizes=SIZES).eval()
    y, mask = plain.heads["title"](*plain.text["title"](articles))
    assert y[mask].mean(0).abs().max() > 1e-3
