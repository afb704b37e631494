"""With protocol `released` and the release's parameters, our modules give the release's outputs."""

import pytest
import torch
from nearness import close
from released_modules import VARIANTS, batch_of, build
from user_vectors import user_vectors


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_same_outputs_as_the_release(variant):
    model, tensors = build(variant)
    batch = batch_of(tensors)
    mask = batch.clicked > 0
    clicked = model.encode_news(batch.clicked.flatten()).unflatten(0, batch.clicked.shape)
    close(clicked, tensors["out/clicked_vectors"])
    close(model.encode_news(batch.candidates[:, 0]), tensors["out/news_vector_first_candidate"])
    close(model(batch), tensors["out/train_path_scores"])
    at_test = user_vectors(model, clicked * mask.unsqueeze(2), mask, batch.users)
    close(at_test, tensors["out/test_path_user_vector"])
