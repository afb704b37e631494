"""LSTUR alone: its GRU, and users with a vector of their own."""

import torch
from invented_batches import batch_of
from nearness import close
from tiny_study import recommender
from user_vectors import user_vectors


@torch.no_grad()
def test_lstur_is_a_gru_over_the_clicks_from_the_users_vector():
    torch.manual_seed(4)
    model = recommender("lstur").eval()
    gru = torch.nn.GRU(model.width, model.width, batch_first=True)
    gru.load_state_dict(model.gru.state_dict())
    clicked, lengths = torch.randn(4, 6, model.width), [6, 1, 3, 5]
    mask = torch.arange(6) >= 6 - torch.tensor(lengths)[:, None]
    users = torch.tensor([1, 2, 0, 6])
    vectors = user_vectors(model, clicked, mask, users)
    for i, length in enumerate(lengths):
        start = model.user_embedding.weight[users[i]]
        _, last = gru(clicked[i : i + 1, 6 - length :], start[None, None])
        close(vectors[i], last[0, 0])


@torch.no_grad()
def test_lstur_reads_clicks_in_order():
    model = recommender("lstur").eval()
    clicked, mask = torch.randn(1, 3, model.width), torch.ones(1, 3, dtype=torch.bool)
    user = torch.tensor([0])
    a, b = (
        user_vectors(model, clicked, mask, user),
        user_vectors(model, clicked.flip(1), mask, user),
    )
    assert (a - b).abs().max() > 1e-3


@torch.no_grad()
def test_lstur_gives_unseen_users_the_padding_vector():
    model = recommender("lstur", users=6).eval()
    assert not model.user_embedding.weight[0].any()
    clicked, mask = torch.randn(1, 3, model.width), torch.ones(1, 3, dtype=torch.bool)
    unknown = user_vectors(model, clicked, mask, torch.tensor([0]))
    for user in (7, 8, 1000):
        assert torch.equal(user_vectors(model, clicked, mask, torch.tensor([user])), unknown)
    known = user_vectors(model, clicked, mask, torch.tensor([6]))
    assert (known - unknown).abs().max() > 1e-3
    model.forget()
    model.know(torch.tensor([2, 5]))
    assert torch.equal(user_vectors(model, clicked, mask, torch.tensor([6])), unknown)
    assert (user_vectors(model, clicked, mask, torch.tensor([5])) - unknown).abs().max() > 1e-3


@torch.no_grad()
def test_lstur_drops_whole_user_vectors():
    """With ID vector s, half of the users start from 0 and half from 2 s, nothing in between."""
    model = recommender("lstur").eval()
    slots = torch.randn(1, 2, model.width)
    mask = torch.ones(1, 2, dtype=torch.bool)

    def ends_at(start: torch.Tensor) -> torch.Tensor:
        return model.gru(slots, start[None, None])[1][0, 0]

    vector = model.user_embedding.weight[3]
    dropped, kept = ends_at(torch.zeros_like(vector)), ends_at(2 * vector)
    model.train()
    n = 2000
    out = user_vectors(model, slots.expand(n, -1, -1), mask.expand(n, -1), torch.full((n,), 3))
    is_dropped = (out - dropped).abs().amax(1) < 1e-5
    is_kept = (out - kept).abs().amax(1) < 1e-5
    assert (is_dropped ^ is_kept).all()
    assert abs(float(is_dropped.float().mean()) - 0.5) < 4 * (0.25 / n) ** 0.5


def test_lstur_padding_rows_get_no_gradient():
    model = recommender("lstur").train()
    unseen = batch_of([[1, 2]], [[3]], [99])
    model(unseen).sum().backward()
    assert not model.user_embedding.weight.grad.any()
    assert not model.label_embedding.weight.grad[0].any()


@torch.no_grad()
def test_aligned_start_of_lstur_has_no_memory_of_users():
    from dataclasses import replace

    from tiny_study import SIZES

    model = recommender("lstur", sizes=replace(SIZES, aligned_start=True))
    assert not model.user_embedding.weight.any()
