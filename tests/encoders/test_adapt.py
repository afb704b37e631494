import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small
import torch

from replication.encoders.lora import adapt as module
from replication.encoders.lora import judge
from replication.encoders.lora.adapt import adapt
from replication.encoders.lora.clicks import Clicks
from replication.encoders.lora.held_out import told as recorded
from replication.encoders.lora.questions import Questioner, answer_scores
from replication.encoders.sources.adapters import load_causal
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared, split_last_day
from replication.study import paths

LORA = Path("checkpoints/llama-lora")
FILES = ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "source.json")


def change(params, **changes):
    return replace(params, adapters={"llama-lora": replace(small.ADAPTER, **changes)})


def test_the_folder_holds_pefts_own_files_and_their_origin(adapted):
    from safetensors import safe_open

    assert sorted(p.name for p in LORA.iterdir()) == sorted(FILES)
    config = json.loads((LORA / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "llama" and config["r"] == 4
    assert config["target_modules"] == sorted(small.ADAPTER.targets)
    source = json.loads((LORA / "source.json").read_text())
    assert (source["encoder"], source["source"], source["name"]) == (
        "llama-lora",
        "adapted",
        "llama",
    )
    assert source["sha256"] == {name: sha256(LORA / name) for name in sorted(FILES[:3])}
    assert source["base"] == sha256(Path("checkpoints/llama/source.json"))
    assert [step for step, _ in source["training"]["loss"]] == [5, 10, 15, 20, 25, 30, 32]
    with safe_open(LORA / "adapter_model.safetensors", framework="np") as file:
        shapes = [file.get_slice(key).get_shape() for key in file.keys()]  # noqa: SIM118
        assert all("lora_" in key for key in file.keys())  # noqa: SIM118
    count = sum(a * b for a, b in shapes)
    # Three layers of rank 4: q, o (16 x 16), k, v (16 x 8), gate, up, down (16 x 24).
    assert count == 3 * 4 * (2 * 32 + 2 * 24 + 3 * 40)
    assert source["training"]["trainable_parameters"] == count
    assert not any(
        str(paths.CHECKPOINTS.resolve()) in p.read_text("latin-1") for p in LORA.iterdir()
    )
    assert not any(paths.ADAPTING.iterdir())


def selection_auc(model) -> float:
    """Share of (clicked, not clicked) pairs of the held-out day in the right order."""
    data = load_prepared(paths.PREPARED)
    titles = data.articles.title.to_list()
    questioner = Questioner(titles, Path("checkpoints/llama"), small.ADAPTER.title_tokens)
    _, day = split_last_day(data.train)
    right = []
    for i in range(len(day)):
        row, labels = day.candidates.row(i), day.labels[day.candidates.positions(np.array([i]))]
        history = day.histories.row(day.history_row[i])[-3:]
        with torch.no_grad():
            scores = answer_scores(model, questioner.ask([history], row[None]), questioner.answers)
        positive, negative = scores[0][labels == 1], scores[0][labels == 0]
        right += (positive[:, None] > negative).flatten().tolist()
    return float(np.mean(right))


def test_it_learns_a_planted_rule_and_carries_it_to_a_day_it_has_not_seen(adapted):
    losses = json.loads((LORA / "source.json").read_text())["training"]["loss"]
    assert losses[-1][1] < 0.5 * losses[0][1]
    before = selection_auc(load_causal(Path("checkpoints/llama"), "float32"))
    after = selection_auc(load_causal(LORA, "float32"))
    assert after > 0.9 > 0.7 > before
    held_out = json.loads((LORA / "source.json").read_text())["training"]["held_out"]
    assert held_out["after"]["auc"] > 0.9 > 0.7 > held_out["before"]["auc"]
    assert held_out["after"]["loss"] < 0.5 * held_out["before"]["loss"]


def test_what_is_told_of_the_day_held_out_is_so(adapted):
    """All its clicks, each against the others drawn beside it, one question at a time."""
    told = json.loads((LORA / "source.json").read_text())["training"]["held_out"]
    data = load_prepared(paths.PREPARED)
    titles = data.articles.title.to_list()
    questioner = Questioner(titles, Path("checkpoints/llama"), small.ADAPTER.title_tokens)
    clicks = Clicks.of(split_last_day(data.train)[1])
    count = len(clicks.article)
    steps = range(-(-count // small.ADAPTER.batch_size))
    batches = [clicks.draw(small.ADAPTER, step) for step in steps]
    samples = [pair for batch in batches for pair in zip(*batch, strict=True)][:count]
    differences = np.zeros((count, 2))
    for name, when, sign in (("llama", "before", -1), ("llama-lora", "after", 1)):
        model = load_causal(Path("checkpoints", name), "float32")
        losses, aucs = [], []
        for history, row in samples:
            real = row[row > 0]
            with torch.no_grad():
                questions = questioner.ask([history], real[None])
                scores = answer_scores(model, questions, questioner.answers)[0].double().numpy()
            losses.append(np.log(np.exp(scores).sum()) - scores[0])
            aucs.append(np.mean((scores[1:] < scores[0]) + 0.5 * (scores[1:] == scores[0])))
        assert told[when]["clicks"] == count
        assert told[when]["loss"] == pytest.approx(np.mean(losses), abs=1e-3)
        assert told[when]["auc"] == pytest.approx(np.mean(aucs), abs=0.02)
        differences += sign * np.transpose([losses, aucs])
    loss, auc = differences.std(0, ddof=1) / np.sqrt(count)
    assert told["error"]["loss"] == pytest.approx(loss, abs=1e-3)
    assert told["error"]["auc"] == pytest.approx(auc, abs=0.02)


def test_the_error_of_a_single_click_is_not_known():
    before, after = torch.tensor([[1.5, 0.0]]), torch.tensor([[1.0, 1.0]])
    assert recorded(before, after) == {
        "before": {"clicks": 1, "loss": 1.5, "auc": 0.0},
        "after": {"clicks": 1, "loss": 1.0, "auc": 1.0},
        "error": None,
    }


def test_no_more_clicks_are_judged_than_asked_for(adapted_copy):
    adapt("llama-lora", change(adapted_copy, judged=5, max_steps=1))
    told = json.loads((LORA / "source.json").read_text())["training"]["held_out"]
    assert told["before"]["clicks"] == told["after"]["clicks"] == 5


class Stop(Exception):
    pass


@pytest.fixture
def steps(monkeypatch):
    """Counts the steps that are trained; raises `Stop` at the number set as `steps.stop`."""

    class Steps(list):
        stop = None

    taken = Steps()
    draw = Clicks.draw

    def counted(self, adapter, step):
        if not torch.is_grad_enabled():  # drawn to be judged
            return draw(self, adapter, step)
        if step == taken.stop:
            raise Stop
        taken.append(step)
        return draw(self, adapter, step)

    monkeypatch.setattr(Clicks, "draw", counted)
    monkeypatch.setattr(module, "operations_a_sample", lambda *_: None)  # it draws one more
    return taken


def written() -> dict[str, bytes]:
    return {name: (LORA / name).read_bytes() for name in FILES}


def interrupt(params, steps, at: int) -> None:
    steps.stop = at
    with pytest.raises(Stop):
        adapt("llama-lora", params)
    steps.stop = None
    steps.clear()


def goes_on(params, steps, at: int, kept: int, last: int) -> None:
    """Interrupted and begun again, it ends with the adapter that is there, made without a break."""
    whole = written()
    interrupt(params, steps, at)
    assert written() == whole  # the folder of before
    torch.manual_seed(99)  # nor does it matter what else was drawn
    adapt("llama-lora", params)
    assert steps == list(range(kept, last))
    assert written() == whole
    assert not any(paths.ADAPTING.iterdir())


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_adapter(adapted_copy, steps):
    goes_on(adapted_copy, steps, at=13, kept=10, last=32)


@pytest.mark.slow
def test_an_interrupted_run_in_16_bits_does_so_too(adapted_copy, steps):
    """A few steps: a processor without a unit for them takes a second for each."""
    of_32_bits = change(adapted_copy, max_steps=8)
    params = replace(of_32_bits, training=replace(of_32_bits.training, precision="bf16"))
    adapt("llama-lora", of_32_bits)
    exact = written()
    adapt("llama-lora", params)
    assert written() != exact
    goes_on(params, steps, at=7, kept=5, last=8)


@pytest.mark.slow
def test_a_state_of_other_settings_or_data_is_not_used(adapted_copy, steps):
    whole = written()
    interrupt(change(adapted_copy, seed=2), steps, at=6)
    adapt("llama-lora", adapted_copy)
    assert steps == list(range(32)) and written() == whole
    steps.clear()
    interrupt(adapted_copy, steps, at=6)
    small.write_clicks(a_day=9)
    adapt("llama-lora", adapted_copy)
    assert steps == list(range(32)) and written() != whole


@pytest.mark.slow
def test_a_damaged_state_is_not_used(adapted_copy, steps):
    whole = written()
    interrupt(adapted_copy, steps, at=6)
    (state,) = paths.ADAPTING.iterdir()
    state.write_bytes(state.read_bytes()[:-100])
    adapt("llama-lora", adapted_copy)
    assert steps == list(range(32)) and written() == whole


def test_only_the_adapter_trains(adapted, monkeypatch):
    kept = {}

    def stop(model, *_):
        kept.update(model.named_parameters())
        raise Stop

    monkeypatch.setattr(module, "_save", stop)
    monkeypatch.setattr(paths, "ADAPTING", Path("cache/other"))
    before = (LORA / "source.json").read_bytes()
    with pytest.raises(Stop):
        adapt("llama-lora", change(adapted, max_steps=2))
    assert (LORA / "source.json").read_bytes() == before
    base = dict(load_causal(Path("checkpoints/llama"), "float32").named_parameters())
    fresh = 0
    for name, p in kept.items():
        assert p.requires_grad == ("lora_" in name), name
        if "lora_B" in name:
            assert p.any()  # starts at zero
            fresh += 1
        elif "lora_" not in name:
            plain = name.removeprefix("base_model.model.").replace("base_layer.", "")
            assert torch.equal(p, base.pop(plain)), name
    assert fresh == 21 and not base


def test_targets_that_the_base_has_not_are_named(adapted):
    with pytest.raises(StudyError, match=r"^adapters\.llama-lora\.targets: .*c_attn.*not found"):
        adapt("llama-lora", change(adapted, targets=("c_attn",)))


def test_nf4_needs_a_gpu_and_its_package(adapted):
    if torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes"):
        pytest.skip("this machine has both")
    with pytest.raises(StudyError, match=r"base_format: nf4 needs a GPU and .* bf16, fp32$"):
        adapt("llama-lora", change(adapted, base_format="nf4"))


def test_steps_between_two_saves_wait_for_nothing(adapted_copy, monkeypatch):
    """A loss that is read at each step would make a GPU wait."""
    asked, item = [], torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda t: [asked.append(t), item(t)][1])
    adapt("llama-lora", change(adapted_copy, max_steps=4, save_every=4))
    few = len(asked)
    asked.clear()
    adapt("llama-lora", change(adapted_copy, max_steps=8, save_every=8))
    assert len(asked) == few


def test_a_bf16_base(adapted_copy):
    adapt("llama-lora", change(adapted_copy, base_format="bf16", max_steps=2))
    plain = load_causal(Path("checkpoints/llama"), "float32")
    difference = load_causal(LORA, "float32").model.layers[0].mlp.up_proj.weight
    assert not torch.equal(difference, plain.model.layers[0].mlp.up_proj.weight)


def test_an_unknown_adapter_names_the_known_ones(adapted):
    with pytest.raises(StudyError, match="'gpt' is not accepted; accepted: llama-lora"):
        adapt("gpt", adapted)


def test_a_loss_that_is_not_finite_names_the_rate(adapted_copy, monkeypatch):
    monkeypatch.setattr(judge, "answer_scores", lambda *a: answer_scores(*a) * float("nan"))
    with pytest.raises(StudyError, match=r"not finite at step 5; lower learning_rate"):
        adapt("llama-lora", adapted_copy)
    assert not paths.ADAPTING.exists() or not any(paths.ADAPTING.iterdir())
