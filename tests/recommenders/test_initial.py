"""Fresh parameters under `released` are spread as the release's own (D13)."""

import json

import pytest
import torch
from released_modules import PARITY, VARIANTS, fresh, load, name_of, recommender_of

pytestmark = pytest.mark.slow

MODULES = 50  # as many as the release's figures are of
SPREAD = json.loads((PARITY / "init.json").read_text(encoding="utf-8"))


def spreads(variant: str, **options) -> dict[str, tuple[float, float, float, float]]:
    """By released name: our mean and standard deviation over fresh modules, then the release's."""
    tensors, sizes = load(variant)
    found: dict[str, list[torch.Tensor]] = {}
    for seed in range(MODULES):
        torch.manual_seed(seed)
        model = fresh(variant, tensors, sizes, **options)
        for name, parameter in model.named_parameters(remove_duplicate=False):
            found.setdefault(name, []).append(parameter.detach())
    return {
        released: (
            float(torch.stack(found[ours]).mean()),
            float(torch.stack(found[ours]).std(correction=0)),
            mean,
            std,
        )
        for released, (mean, std, _) in SPREAD[variant].items()
        if (ours := name_of(released, recommender_of(variant), 0)) in found
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_fresh_parameters_are_spread_as_the_releases(variant):
    found = spreads(variant)
    tables = {name for name in found if name.endswith("word_embedding.weight")}
    assert set(found) == set(SPREAD[variant])
    for name in set(found) - tables:  # of words, that of a test: see `own_rows`
        mean, std, their_mean, their_std = found[name]
        # 500 values at least, so that the mean is known to 4.5 % of the deviation.
        assert std == pytest.approx(their_std, rel=0.1, abs=1e-9), name
        assert mean == pytest.approx(their_mean, abs=0.2 * their_std + 1e-9), name


@pytest.mark.parametrize("variant", ["NRMS", "NRMSlinear", "NRMSbert", "NAMLbert", "LSTURbert"])
def test_without_xavier_the_projections_alone_are_less_far_spread(variant):
    less = {
        name
        for name, (_, std, _, theirs) in spreads(variant, xavier=False).items()
        if std < 0.9 * theirs
    }
    attention = ("W_Q.weight", "W_K.weight", "W_V.weight", "pooler.0.weight")
    assert less and less == {name for name in SPREAD[variant] if name.endswith(attention)}
