import importlib.util
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small
import torch

from replication import paths
from replication.digest import sha256
from replication.encoders import adapt as module
from replication.encoders.adapt import Clicks, adapt
from replication.encoders.adapters import load_causal, merge, model_folder
from replication.encoders.checkpoints import fetch_checkpoint, parameter_count
from replication.encoders.embed import embed
from replication.encoders.questions import Questioner, answer_scores
from replication.encoders.states import load_transformer, write_states
from replication.encoders.tokens import prompted_ids
from replication.errors import StudyError
from replication.mind.prepared import load_prepared, split_last_day

LORA = Path("checkpoints/llama-lora")
FILES = ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "source.json")


@pytest.fixture(scope="module")
def finished(folders, tmp_path_factory):
    """A tiny project with its adapter: folder and parameters."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("adapted")
        patch.chdir(folder)
        params = small.write_project(folders)
        small.write_clicks()
        fetch_checkpoint("llama", params)
        adapt("llama-lora", params)
    return folder, params


@pytest.fixture
def adapted(finished, monkeypatch):
    """The parameters of the finished project, which is the working directory: to be read only."""
    monkeypatch.chdir(finished[0])
    return finished[1]


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """The parameters of a copy of it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    return finished[1]


def change(params, **changes):
    return replace(params, adapters={"llama-lora": replace(small.ADAPTER, **changes)})


def hidden(model) -> torch.Tensor:
    ids = torch.arange(30).view(2, 15)
    with torch.no_grad():
        return model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state


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


def test_the_adapter_changes_the_embeddings_and_loads_back_to_the_same(adapted, tmp_path):
    base, first, again = (load_transformer(f, 3) for f in (Path("checkpoints/llama"), LORA, LORA))
    assert torch.equal(hidden(first), hidden(again))
    assert (hidden(first) - hidden(base)).abs().mean() > 0.1
    embed("llama", adapted)
    embed("llama-lora", adapted)
    states = {n: np.load(f"embeddings/{n}/title.states.npy") for n in ("llama", "llama-lora")}
    assert states["llama"].shape == states["llama-lora"].shape
    assert np.abs(states["llama"] - states["llama-lora"]).mean() > 0.1
    titles = load_prepared(paths.PREPARED).articles.title.to_list()
    write_states(tmp_path / "s.npy", LORA, 3, prompted_ids(titles, LORA, 9), "fp32", "", last=10)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), states["llama-lora"])


def test_merged_equals_peft_unmerged(adapted):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained("checkpoints/llama")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        active = PeftModel.from_pretrained(base, LORA).eval()
    expected = hidden(active.get_base_model().model)
    torch.testing.assert_close(hidden(load_transformer(LORA, 3)), expected, rtol=1e-5, atol=1e-5)


def test_a_merged_checkpoint_serves_as_a_folder(adapted, tmp_path, monkeypatch):
    from transformers import AutoModel

    merge("llama-lora", adapted, tmp_path / "merged")
    expected = hidden(load_transformer(LORA, 3))
    torch.testing.assert_close(hidden(AutoModel.from_pretrained(tmp_path / "merged")), expected)
    with pytest.raises(StudyError, match="exists already; name a new folder"):
        merge("llama-lora", adapted, tmp_path / "merged")
    whole = parameter_count(Path("checkpoints/llama"), 3)
    assert parameter_count(model_folder(LORA), 3) == whole
    monkeypatch.chdir(tmp_path)
    entry = small.encoder(tmp_path / "merged", family="causal", finetune_layers=0)
    fetch_checkpoint("whole", replace(adapted, encoders={"whole": entry}, adapters={}))
    assert parameter_count(Path("checkpoints/whole"), 3) == whole
    assert torch.equal(hidden(load_transformer(Path("checkpoints/whole"), 3)), expected)


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
        if step == taken.stop:
            raise Stop
        taken.append(step)
        return draw(self, adapter, step)

    monkeypatch.setattr(Clicks, "draw", counted)
    return taken


def written() -> dict[str, bytes]:
    return {name: (LORA / name).read_bytes() for name in FILES}


def interrupt(params, steps, at: int) -> None:
    steps.stop = at
    with pytest.raises(Stop):
        adapt("llama-lora", params)
    steps.stop = None
    steps.clear()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_interrupted_run_ends_with_the_same_adapter(project, steps, precision):
    params = replace(project, training=replace(project.training, precision=precision))
    whole = written()
    if precision == "bf16":
        adapt("llama-lora", params)
        assert written() != whole
        whole = written()
        steps.clear()
    interrupt(params, steps, at=13)
    assert written() == whole  # the folder of before
    torch.manual_seed(99)  # nor does it matter what else was drawn
    adapt("llama-lora", params)
    assert steps == list(range(10, 32))
    assert written() == whole
    assert not any(paths.ADAPTING.iterdir())


def test_a_state_of_other_settings_or_data_is_not_used(project, steps):
    whole = written()
    interrupt(change(project, seed=2), steps, at=6)
    adapt("llama-lora", project)
    assert steps == list(range(32)) and written() == whole
    steps.clear()
    interrupt(project, steps, at=6)
    small.write_clicks(a_day=9)
    adapt("llama-lora", project)
    assert steps == list(range(32)) and written() != whole


def test_a_damaged_state_is_not_used(project, steps):
    whole = written()
    interrupt(project, steps, at=6)
    (state,) = paths.ADAPTING.iterdir()
    state.write_bytes(state.read_bytes()[:-100])
    adapt("llama-lora", project)
    assert steps == list(range(32)) and written() == whole


def test_only_the_adapter_trains(adapted, monkeypatch):
    kept = {}
    monkeypatch.setattr(module, "_save", lambda model, *_: kept.update(model.named_parameters()))
    monkeypatch.setattr(paths, "ADAPTING", Path("cache/other"))
    before = (LORA / "source.json").read_bytes()
    monkeypatch.setattr(module, "write_json", lambda *_: (_ for _ in ()).throw(Stop))
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


def test_clicks_that_are_drawn(adapted):
    learn, held_out = split_last_day(load_prepared(paths.PREPARED).train)
    clicks = Clicks.of(learn)
    assert len(clicks.article) == 24  # a day's all-clicked impression is out, one has two clicks
    adapter = replace(small.ADAPTER, negatives=4)  # all that an impression has
    offered = set()  # (click, other candidates, its user's newest clicks)
    for i in range(len(learn)):
        shown, history = learn.candidates.row(i), learn.histories.row(learn.history_row[i])
        label = learn.labels[learn.candidates.positions(np.array([i]))]
        others = frozenset(shown[label == 0].tolist())
        offered |= {(a, others, tuple(history[-3:])) for a in shown[label == 1].tolist() if others}
    epoch = [clicks.draw(adapter, step) for step in range(3)]
    drawn = set()
    for histories, candidates in epoch:
        for history, (first, *rest) in zip(histories, candidates.tolist(), strict=True):
            real = [a for a in rest if a]
            assert len(real) == len(set(real)) and rest == real + [0] * (4 - len(real))
            drawn.add((first, frozenset(real), tuple(history)))
    assert drawn == offered and len(offered) == 24  # each click once
    assert any(len(history) == 0 for histories, _ in epoch for history in histories)
    few = clicks.draw(replace(adapter, negatives=2), 0)[1].tolist()
    for (first, *rest), (same, *others) in zip(few, epoch[0][1].tolist(), strict=True):
        real = {a for a in rest if a}
        assert first == same and real <= {*others} and len(real) == min(2, np.count_nonzero(others))
    np.testing.assert_array_equal(clicks.draw(adapter, 1)[1], epoch[1][1])
    assert not np.array_equal(clicks.draw(adapter, 3)[1], epoch[0][1])  # the next epoch
    assert not np.array_equal(clicks.draw(replace(adapter, seed=2), 0)[1], epoch[0][1])
    last_day = set(held_out.candidates.values.tolist())
    assert not any(last_day & set(candidates.flatten().tolist()) for _, candidates in epoch)


def test_without_an_unclicked_candidate_there_is_nothing_to_learn(adapted):
    learn, _ = split_last_day(load_prepared(paths.PREPARED).train)
    with pytest.raises(StudyError, match="nothing to learn"):
        Clicks.of(replace(learn, labels=np.ones_like(learn.labels)))


def test_a_changed_base_is_told_in_one_line(project):
    for reader in (
        lambda: load_transformer(LORA, 3),
        lambda: embed("llama-lora", project),
        lambda: merge("llama-lora", project, Path("merged")),
    ):
        path = Path("checkpoints/llama/source.json")
        whole = path.read_text()
        path.write_text(whole.replace('"revision": null', '"revision": "other"'))
        with pytest.raises(StudyError, match=r"another llama than is now .*`dvc repro adapt@llama"):
            reader()
        path.unlink()
        with pytest.raises(StudyError, match="missing or damaged; run `dvc repro checkpoint@llama"):
            reader()
        path.write_text(whole)
    assert not Path("merged").exists()


def test_merging_and_embedding_need_an_adapter(project):
    with pytest.raises(StudyError, match="'llama' is not accepted; accepted: llama-lora"):
        merge("llama", project, Path("merged"))
    shutil.rmtree(LORA)
    with pytest.raises(StudyError, match="holds no adapter; run `dvc repro adapt@llama-lora`"):
        merge("llama-lora", project, Path("merged"))
    with pytest.raises(StudyError, match="holds no adapter; run `dvc repro adapt@llama-lora`"):
        embed("llama-lora", project)


def test_targets_that_the_base_has_not_are_named(adapted):
    with pytest.raises(StudyError, match=r"^adapters\.llama-lora\.targets: .*c_attn.*not found"):
        adapt("llama-lora", change(adapted, targets=("c_attn",)))


def test_nf4_needs_a_gpu_and_its_package(adapted):
    if torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes"):
        pytest.skip("this machine has both")
    with pytest.raises(StudyError, match=r"base_format: nf4 needs a GPU and .* bf16, fp32$"):
        adapt("llama-lora", change(adapted, base_format="nf4"))


def test_a_bf16_base(project):
    adapt("llama-lora", change(project, base_format="bf16", max_steps=2))
    plain = load_causal(Path("checkpoints/llama"), "float32")
    difference = load_causal(LORA, "float32").model.layers[0].mlp.up_proj.weight
    assert not torch.equal(difference, plain.model.layers[0].mlp.up_proj.weight)


def test_an_unknown_adapter_names_the_known_ones(adapted):
    with pytest.raises(StudyError, match="'gpt' is not accepted; accepted: llama-lora"):
        adapt("gpt", adapted)


def test_a_loss_that_is_not_finite_names_the_rate(project, monkeypatch):
    monkeypatch.setattr(module, "answer_scores", lambda *a: answer_scores(*a) * float("nan"))
    with pytest.raises(StudyError, match=r"not finite at step 1; lower learning_rate"):
        adapt("llama-lora", project)
    assert not paths.ADAPTING.exists() or not any(paths.ADAPTING.iterdir())
