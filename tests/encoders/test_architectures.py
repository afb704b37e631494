"""Every accepted architecture against plain transformers, on tiny random checkpoints."""

import contextlib
import copy
import functools
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from small import LAYERS, TEXTS, WIDTH, at_hand, encoder, write_prepared, write_project
from tiny_models import CAUSAL, KINDS, PLACES, TRANSFORMERS, write_kind

from replication.encoders.architectures import ARCHITECTURES, model_types
from replication.encoders.models.embed import embed
from replication.encoders.models.layouts import copied
from replication.encoders.models.states import load_transformer
from replication.encoders.models.text import build_text
from replication.encoders.sources.checkpoints import fetch_checkpoint, parameter_count
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged
from replication.study.params import Encoder, Params

NEAR = {"rtol": 1e-5, "atol": 1e-5}
STORED = {"rtol": 2e-3, "atol": 2e-2}  # float16 on disk, then tuned layers
LENGTHS = (14, 5, 9, 1)
ARTICLES = torch.arange(1 + len(TEXTS))
LIVE = {"frozen_dropout": True, "tune_embeddings": True}  # nothing is rounded on disk


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a tiny checkpoint of one kind."""
    root, done = tmp_path_factory.mktemp("architectures"), set()

    def folder(kind: str) -> Path:
        if kind not in done:
            write_kind(kind, root / kind)
            done.add(kind)
        return root / kind

    return folder


def changed(params, kind, given, *asked, title=9, abstract=11, **more):
    """`params` with the encoder `given` under the name of its kind, at hand, and other limits."""
    text = replace(params.text, title_tokens=title, abstract_tokens=abstract)
    return replace(at_hand(params, kind, given, *asked, **more), text=text)


def entry(made, kind: str) -> Encoder:
    family = "causal" if kind in CAUSAL else "transformer"
    return encoder(made(kind), family=family, finetune_layers=0)


@pytest.fixture
def study(made, folders, tmp_path, monkeypatch):
    """Builds the text encoder of one kind in a tiny project, after the stages that it needs."""
    monkeypatch.chdir(tmp_path)
    params, done = write_project(folders), set()

    def text(kind: str, *asked, **more):
        own = changed(params, kind, entry(made, kind), *asked, **more)
        if kind not in done:
            fetch_checkpoint(kind, own)
            embed(kind, own)
            done.add(kind)
        return build_text(own, ["title"])["title"]

    return text


@pytest.fixture(scope="module")
def embedded(made, folders, tmp_path_factory):
    """A project in which those stages have been run, and its parameters: made once."""

    @functools.cache
    def project(kind: str, title: int) -> tuple[Path, Params]:
        folder = tmp_path_factory.mktemp(kind)
        with contextlib.chdir(folder):
            params = write_project(folders)
            own = changed(params, kind, entry(made, kind), title=title)
            fetch_checkpoint(kind, own)
            embed(kind, own)
        return folder, params

    return project


@pytest.fixture
def shared(made, embedded, monkeypatch):
    """As `study`, in a project that tests share."""

    def text(kind: str, *asked, title: int = 9):
        folder, params = embedded(kind, title)
        monkeypatch.chdir(folder)
        own = changed(params, kind, entry(made, kind), *asked, title=title)
        return build_text(own, ["title"])["title"]

    return text


@functools.cache
def plain(folder: Path):
    """By plain transformers; tests must not change it."""
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder).eval()


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of texts of `LENGTHS`, padded on the right, and their mask."""
    ids = torch.randint(4, 300, (4, 14), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(14) < torch.tensor(LENGTHS)[:, None]
    return ids.masked_fill(~mask, 1), mask


def titles(model) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """By plain transformers: states of the titles that stage `embed` tokenised, mask and ids."""
    name = next(p.name for p in Path("embeddings").iterdir())
    tokens = Ragged.load(Path("embeddings", name), "title")
    ids = torch.from_numpy(tokens.padded(int(tokens.lengths.max()), side="right")).long()
    mask = torch.arange(ids.shape[1]) < torch.from_numpy(tokens.lengths)[:, None]
    ids = ids.masked_fill(~mask, 1)
    with torch.no_grad():
        return model(ids, attention_mask=mask.long()).last_hidden_state, mask, ids


def test_every_accepted_model_type_is_tested():
    assert {model_type for model_type, _ in KINDS.values()} == set(ARCHITECTURES)
    assert {KINDS[kind][0] for kind in CAUSAL} == set(model_types("causal"))


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_plain_transformers(made, kind):
    """And those of a text that is padded to a longer one are those of the text alone."""
    ids, mask = drawn()
    reference, ours = plain(made(kind)), load_transformer(made(kind), LAYERS)
    with torch.no_grad():
        expected = reference(ids, attention_mask=mask.long()).last_hidden_state
        found = ours(ids, attention_mask=mask.long()).last_hidden_state
        torch.testing.assert_close(found[mask], expected[mask], **NEAR)
        for row, length in enumerate(LENGTHS):
            alone = reference(ids[row : row + 1, :length]).last_hidden_state[0]
            torch.testing.assert_close(found[row, :length], alone, **NEAR)


def at_depths(name: str, kinds: Iterable[str], depths: Iterable[int], all_of: int):
    """Every kind at every depth; in `make test` one kind at all of them, and all kinds at one."""
    cases = [
        pytest.param(kind, depth, marks=[pytest.mark.slow] * (kind != "bert" and depth != all_of))
        for kind, depth in product(kinds, depths)
    ]
    return pytest.mark.parametrize(("kind", name), cases)


@at_depths("depth", KINDS, range(LAYERS), all_of=1)
def test_the_first_layers_alone(made, kind, depth):
    """What the next layer reads; an encoder of so many layers ends in the norm of the whole."""
    ids, mask = drawn()
    reference, parts = plain(made(kind)), ARCHITECTURES[KINDS[kind][0]]
    with torch.no_grad():
        states = reference(ids, attention_mask=mask.long(), output_hidden_states=True)
        expected = states.hidden_states[depth]
        if parts.family == "transformer":
            below = load_transformer(made(kind), depth, ends=False)
            found = below(ids, attention_mask=mask.long()).last_hidden_state
            torch.testing.assert_close(found[mask], expected[mask], **NEAR)
        if depth:
            if parts.norm:
                expected = reference.get_submodule(parts.norm)(expected)
            fewer = load_transformer(made(kind), depth)
            found = fewer(ids, attention_mask=mask.long()).last_hidden_state
            torch.testing.assert_close(found[mask], expected[mask], **NEAR)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_counted_from_the_files(made, kind):
    for layers in (1, LAYERS):
        used = load_transformer(made(kind), layers)
        expected = sum(p.numel() for p in used.parameters())
        if "groups" in kind:  # a group that no layer uses is on disk all the same
            expected = max(expected, parameter_count(made(kind), LAYERS))
        assert parameter_count(made(kind), layers) == expected


@pytest.mark.parametrize("kind", TRANSFORMERS)
@pytest.mark.parametrize("masked", [True, False])
def test_a_frozen_encoder(shared, made, kind, masked):
    text = shared(kind, "frozen", 0, {"attention_masks": masked})
    expected, mask, _ = titles(plain(made(kind)))
    found = text(ARTICLES)[0]
    assert found.shape == (len(ARTICLES), mask.shape[1] if masked else 9, WIDTH)
    width = min(found.shape[1], mask.shape[1])
    own = mask[1:, :width]
    torch.testing.assert_close(found[1:, :width][own], expected[1:, :width][own], **STORED)


@at_depths("layers", TRANSFORMERS, range(LAYERS + 1), all_of=2)
def test_tuned_layers_equal_the_whole_model(shared, made, kind, layers):
    for deviations, tolerance in ((LIVE, NEAR), ({}, STORED)):
        text = shared(kind, "finetuned", layers, deviations).eval()
        expected, mask, _ = titles(plain(made(kind)))
        found, real = text(ARTICLES)
        assert torch.equal(real, mask)
        torch.testing.assert_close(found[mask], expected[mask], **tolerance)
        found, real = text(torch.tensor([2, 4]))  # padded to another length
        torch.testing.assert_close(found[0][real[0]], expected[2][mask[2]], **tolerance)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_tuned_layers_train_and_nothing_else_changes(shared, made, kind):
    """To the weights that the same step gives plain transformers' own layers."""
    count = 2
    text = shared(kind, "finetuned", count).eval()  # without dropout, to compare
    reference = copy.deepcopy(plain(made(kind)))  # it learns
    parts = ARCHITECTURES[KINDS[kind][0]]
    layers = reference.get_submodule(parts.layers)
    own = [p for layer in layers[-count:] for p in layer.parameters()]
    if parts.shared:
        used = {int(i / (LAYERS / len(layers))) for i in range(LAYERS - count, LAYERS)}
        own = [p for i in sorted(used) for p in layers[i].parameters()]
    before = {name: p.detach().clone() for name, p in text.named_parameters()}
    training = {name: p for name, p in text.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in training.values()) == sum(p.numel() for p in own)
    for ours, theirs in zip(training.values(), own, strict=True):
        assert torch.equal(ours, theirs)
    _, mask, ids = titles(reference)
    (text(ARTICLES)[0][mask] ** 2).sum().backward()
    torch.optim.SGD(text.parameters(), lr=1e-2).step()
    for name, p in text.named_parameters():
        if name in training and re.search(r"\b(k|k_lin|key)\.bias$", name):
            continue  # adds the same to all of a softmax: its gradient is nothing but rounding
        assert torch.equal(p, before[name]) != (name in training), name
    if not parts.shared:  # else those below the cut would learn as well
        (reference(ids, attention_mask=mask.long()).last_hidden_state[mask] ** 2).sum().backward()
        for (name, ours), theirs in zip(training.items(), own, strict=True):
            scale = 2e-2 * theirs.grad.abs().max() + 5e-2
            assert (ours.grad - theirs.grad).abs().max() < scale, name


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_tuned_layers_have_dropout_in_training(shared, kind):
    if kind == "modernbert":
        pytest.skip("published without dropout")
    text = shared(kind, "finetuned", 1).train()
    assert not torch.equal(text(ARTICLES)[0], text(ARTICLES)[0])


@pytest.mark.parametrize("kind", CAUSAL)
def test_a_causal_model(shared, made, kind):
    from transformers import PreTrainedTokenizerFast

    found, _ = shared(kind, title=40)(ARTICLES)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(made(kind) / "tokenizer.json"))
    model = plain(made(kind))
    for article, (title, _) in enumerate(TEXTS, 1):
        ids = tokenizer(f"This news: {title} means in one word:", return_tensors="pt")["input_ids"]
        with torch.no_grad():
            expected = model(ids).last_hidden_state[0, -10:]
        torch.testing.assert_close(found[article], expected, **STORED)


@pytest.mark.parametrize("kind", ["xlm-roberta", "camembert", "mpnet", "roberta"])
def test_positions_that_start_behind_the_padding_token(study, made, kind, monkeypatch):
    """n places are n - 2 tokens, and that is told before any text is computed."""
    from replication.encoders.models import states

    ids = torch.full((1, PLACES - 2), 7)
    with torch.no_grad():  # as many can be read
        plain(made(kind))(ids, attention_mask=torch.ones_like(ids))
    shutil.rmtree("data")
    write_prepared([("sun", "the old town " * 60), *TEXTS])
    monkeypatch.setattr(states, "load_transformer", lambda *_, **__: pytest.fail("work began"))
    with pytest.raises(StudyError, match=rf"{PLACES - 1} tokens .* abstracts; expected 78 at most"):
        study(kind, abstract=PLACES - 1)


def test_who_takes_albert_is_told_that_its_layers_share_weights(study, capsys):
    study("albert")
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("encoders.")]
    assert len(told) == 1 and told[0].startswith("encoders.albert: ALBERT's layers share their wei")
    study("electra")
    assert "encoders.electra" not in capsys.readouterr().err


def test_parameters_that_are_copied_to_be_tuned(study):
    """ALBERT's stay below the cut as they were: a run has both."""
    for kind, layers, expected in (("albert", 2, 1960), ("albert", LAYERS, 0), ("bert", 2, 0)):
        top = study(kind, "finetuned", layers).top
        assert copied(top, LAYERS - layers) == expected
