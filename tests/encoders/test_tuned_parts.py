"""Which parts of a transformer train: counted by hand, started as it was, reached by gradients."""

from dataclasses import replace

import pytest
import torch
from small import LAYERS, TEXTS, WIDTH, encoder, write_project
from tiny_models import CAUSAL, TRANSFORMERS, write_kind

from replication.encoders.models.embed import embed
from replication.encoders.models.text import build_text
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.errors import StudyError
from replication.study.parts import PARTS, Lora, cut_below, part_name, part_named

ARTICLES = torch.arange(1, 1 + len(TEXTS))
RANK = 2
LORA = Lora(rank=RANK, alpha=4, dropout=0.0)
STORED = {"rtol": 2e-3, "atol": 2e-2}  # float16 on disk
LAYER = 4 * (WIDTH * WIDTH + WIDTH)  # attention of BERT: query, key, value, output


@pytest.fixture
def tuned(params):
    """Builds a tuned text encoder of the tiny project after the stages that it needs."""
    done = set()

    def text(name, part, number, lora=LORA, seed=1, **changes):
        changed = replace(
            params, encoder=name, tuning="finetuned", tuned_parts=part, finetune_layers=number,
            lora=lora, **changes,
        )  # fmt: skip
        if name not in done:
            fetch_checkpoint(name, changed)
            embed(name, changed)
            done.add(name)
        torch.manual_seed(seed)
        return build_text(changed, ["title"])["title"]

    return text


def trainable(module):
    return {name: p.numel() for name, p in module.named_parameters() if p.requires_grad}


def count(shapes):
    """Of LoRA on linear modules of these (in, out) features."""
    return sum(RANK * (a + b) for a, b in shapes)


@pytest.mark.parametrize("part", PARTS)
def test_the_names_of_parts_go_both_ways(part):
    assert part_named(part_name(part, 12)) == (part, 12)


def test_what_is_no_part_is_none():
    assert [part_named(name) for name in ("k", "2", "top2", "lora", "bottom-1")] == [None] * 5


def test_the_cut_is_below_the_lowest_tuned_layer():
    assert [cut_below(part, 2, 12) for part in PARTS] == [10, 0, 1, 10, 10]


def test_trained_parameters_are_those_counted_by_hand(tuned, folders):
    from transformers import AutoModel

    whole = AutoModel.from_pretrained(folders["bert"])
    layer = whole.encoder.layer[0]
    each = sum(p.numel() for p in layer.parameters())
    inner = layer.intermediate.dense.out_features
    # Four biases of attention, two of the feed-forward part, two norms of two vectors.
    vectors = 4 * WIDTH + inner + WIDTH + 2 * 2 * WIDTH
    shapes = [(WIDTH, WIDTH)] * 4 + [(WIDTH, inner), (inner, WIDTH)]
    expected = {
        ("top", 2): 2 * each,
        ("bottom", 2): 2 * each,
        ("layer", 2): each,
        ("biases", 2): 2 * vectors,
        ("lora", 2): 2 * count(shapes),
    }
    for (part, number), parameters in expected.items():
        assert sum(trainable(tuned("bert", part, number)).values()) == parameters, part
    own = trainable(tuned("bert", "lora", 1, replace(LORA, targets=("query", "value"))))
    assert sum(own.values()) == count([(WIDTH, WIDTH)] * 2)


def test_which_layers_train(tuned):
    def layers(part, number):
        names = trainable(tuned("bert", part, number))
        return {int(name.split(".")[3]) for name in names}

    # Of the layers above the cut: all three of bottom1, the second and third of layer2.
    assert layers("bottom", 1) == {0} and layers("bottom", 2) == {0, 1}
    assert len(tuned("bert", "bottom", 1).top.encoder.layer) == LAYERS
    assert layers("layer", 2) == {0} and len(tuned("bert", "layer", 2).top.encoder.layer) == 2


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_lora_starts_as_the_untuned_model(tuned, params, name):
    """To 1e-5 as the same layers without it; near what stage `embed` has kept of the whole."""
    bare = tuned(name, "lora", 2, replace(LORA, rank=1)).eval()
    with_lora = tuned(name, "lora", 2).train()  # LoRA's dropout, if any, meets zeros
    with_lora.top.eval()
    x, mask = with_lora(ARTICLES)
    for module in bare.modules():
        if hasattr(module, "disable_adapters"):
            module._disable_adapters = True
    untuned, known = bare(ARTICLES)
    torch.testing.assert_close(x, untuned, rtol=1e-5, atol=1e-5)
    assert torch.equal(mask, known)
    torch.manual_seed(1)
    frozen = build_text(replace(params, encoder=name, tuning="frozen"), ["title"])["title"]
    stored, real = frozen(ARTICLES)
    width = real.shape[1]
    assert torch.equal(mask[:, :width], real) and not mask[:, width:].any()
    torch.testing.assert_close(x[:, :width][real], stored[real].float(), **STORED)


@pytest.mark.parametrize(("name", "part"), [("bert", p) for p in PARTS] + [("llama", "lora")])
def test_gradients_reach_what_is_tuned_and_nothing_else(tuned, name, part):
    text = tuned(name, part, 1).train()
    with torch.no_grad():
        for parameter_name, p in text.named_parameters():
            if "lora_B" in parameter_name:
                p.normal_()
    before = {n: p.detach().clone() for n, p in text.named_parameters()}
    x, mask = text(ARTICLES)
    (x[mask] ** 3).sum().backward()
    step = torch.optim.SGD([p for p in text.parameters() if p.requires_grad], lr=0.1)
    step.step()
    reached = {n for n, p in text.named_parameters() if p.grad is not None and p.grad.any()}
    moved = {n for n, p in text.named_parameters() if not torch.equal(p, before[n])}
    names = set(trainable(text))
    # A bias of keys moves all scores of a query alike, which softmax does not see.
    assert (
        moved <= reached <= names and {n for n in names - reached if "key.bias" not in n} == set()
    )


def test_lora_is_drawn_from_the_seed_alone(tuned):
    def drawn(seed):
        return next(
            p for n, p in tuned("bert", "lora", 1, seed=seed).named_parameters() if "lora_A" in n
        )

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    tuned("bert", "lora", 1, seed=5)
    assert torch.equal(torch.get_rng_state(), state)


def test_layers_of_which_nothing_trains_have_no_dropout(tuned):
    text = tuned("bert", "bottom", 1).train()
    assert [layer.training for layer in text.top.encoder.layer] == [True, False, False]


def test_targets_that_no_layer_has_are_told(tuned):
    with pytest.raises(
        StudyError, match=r"lora.targets: q_proj: no linear module.*accepted: dense"
    ):
        tuned("bert", "lora", 1, replace(LORA, targets=("q_proj", "query")))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*TRANSFORMERS, *CAUSAL])
def test_every_architecture_starts_as_it_was(kind, folders, tmp_path, monkeypatch):
    """LoRA in the top two of three layers, over states from disk, against the whole model's."""
    monkeypatch.chdir(tmp_path)
    write_kind(kind, tmp_path / "made")
    family = "causal" if kind in CAUSAL else "transformer"
    params = write_project(folders)
    params = replace(
        params, encoder=kind, tuning="finetuned", tuned_parts="lora", finetune_layers=2, lora=LORA,
        encoders={**params.encoders, kind: encoder(tmp_path / "made", family=family)},
    )  # fmt: skip
    fetch_checkpoint(kind, params)
    embed(kind, params)
    if kind.startswith("albert"):
        with pytest.raises(StudyError, match="share their weights"):
            build_text(params, ["title"])
        return
    x, mask = build_text(params, ["title"])["title"].eval()(ARTICLES)
    frozen = build_text(replace(params, tuning="frozen"), ["title"])["title"]
    stored, real = frozen(ARTICLES)
    width = real.shape[1]
    assert torch.equal(mask[:, :width], real)
    torch.testing.assert_close(x[:, :width][real], stored[real].float(), **STORED)
