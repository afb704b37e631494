"""Pickled weights: read only where they are pinned, as tensors alone; nothing of them is run."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch
from safetensors.torch import load_file

from replication.encoders.models.states import load_transformer
from replication.encoders.sources import pickled
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.errors import StudyError
from replication.study.encoders import Digest

OUT, PICKLED = Path("checkpoints/tiny"), "pytorch_model.bin"


class Harm:
    """What an unrestricted reader would run."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


def saved(value: object, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def bomb() -> bytes:
    """A few bytes of a compressed archive that would take gigabytes."""
    made, small_one = io.BytesIO(), saved({"a": torch.zeros(4)})
    with (
        zipfile.ZipFile(io.BytesIO(small_one)) as source,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, bytes(3 << 30) if name.endswith("data/0") else content)
    return made.getvalue()


@pytest.fixture
def source(params, folders, tmp_path) -> Path:
    """The tiny BERT as the oldest repositories have it: configuration and pickled weights alone."""
    folder = tmp_path / "source"
    folder.mkdir()
    config = json.loads((folders["bert"] / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(
        json.dumps({k: v for k, v in config.items() if k not in ("model_type", "architectures")}),
        encoding="utf-8",
    )
    weights = load_file(folders["bert"] / "model.safetensors")
    (folder / PICKLED).write_bytes(saved(weights))
    (folder / "tokenizer.json").write_bytes((folders["bert"] / "tokenizer.json").read_bytes())
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(params, source: Path, pin: object = "found") -> None:
    pins = {} if pin == "none" else {PICKLED: digest(source / PICKLED) if pin == "found" else pin}
    entry = small.encoder(source, sha256=pins)
    fetch_checkpoint("tiny", replace(params, encoders={"tiny": entry}, adapters={}))


def refusal(params, source: Path, pin: object = "found") -> str:
    with pytest.raises(StudyError) as raised:
        fetch(params, source, pin)
    assert not OUT.exists() and not Path("harmed").exists() and "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("legacy", [False, True])
def test_pinned_pickled_weights_are_the_same_model(params, folders, source, legacy):
    weights = load_file(folders["bert"] / "model.safetensors")
    tied = weights | {
        "cls.predictions.decoder.weight": weights["embeddings.word_embeddings.weight"]
    }
    (source / PICKLED).write_bytes(saved(tied, legacy))  # one tensor under two names
    fetch(params, source)
    assert {p.name for p in OUT.iterdir()} == {
        *("config.json", "model.safetensors", "tokenizer.json", "source.json")
    }
    origin = json.loads((OUT / "source.json").read_text(encoding="utf-8"))
    assert origin["pickled"] == {PICKLED: digest(source / PICKLED)}
    found = load_file(OUT / "model.safetensors")
    assert found.keys() == tied.keys() and all(torch.equal(found[k], tied[k]) for k in tied)
    assert json.loads((OUT / "config.json").read_text())["model_type"] == "bert"
    theirs = load_transformer(folders["bert"], small.LAYERS).state_dict()
    ours = load_transformer(OUT, small.LAYERS).state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_weights_that_are_not_pinned_are_not_read(params, source, monkeypatch):
    monkeypatch.setattr(pickled, "unpickle", None)
    message = refusal(params, source, "none")
    assert "pickled weights are not loaded unless their sha256 is pinned" in message
    assert "convert them once" in message


def test_other_bytes_than_the_pinned_ones(params, source):
    message = refusal(params, source, "0" * 64)
    assert digest(source / PICKLED) in message and f"expected {'0' * 64}" in message


@pytest.mark.slow
@pytest.mark.parametrize("grade", ["M", "L"])
def test_other_bytes_than_a_doubtful_digest_are_told_and_taken(params, source, capsys, grade):
    fetch(params, source, Digest("0" * 64, grade))
    told = capsys.readouterr().err
    assert told.startswith("warning: encoders.tiny.sha256: ") and told.count("\n") == 1
    assert digest(source / PICKLED) in told and f"expected {'0' * 64} by a source of grade" in told


def test_a_digest_that_nobody_knows_is_told_and_recorded(params, source, capsys):
    fetch(params, source, None)
    found = digest(source / PICKLED)
    assert f"has sha256 {found}; none is known to hold it against" in capsys.readouterr().err
    assert json.loads((OUT / "source.json").read_text())["pickled"] == {PICKLED: found}


REFUSED = {
    "code": (saved({"a": Harm()}), "restricted reader refuses it"),
    "legacy code": (saved({"a": Harm()}, legacy=True), "restricted reader refuses it"),
    "bare code": (pickle.dumps(Harm()), "restricted reader refuses it"),
    "code among tensors": (
        saved({"a": torch.zeros(2), "b": Harm()}), "restricted reader refuses it",
    ),
    "nested": (
        saved({"state_dict": {"a": torch.zeros(2)}}), "something else than tensors, under 'st",
    ),
    "number": (
        saved({"a": torch.zeros(2), "step": 3}), "something else than tensors, under 'step'",
    ),
    "sparse": (saved({"a": torch.eye(3).to_sparse()}), "something else than tensors, under 'a'"),
    "list": (saved([torch.zeros(2)]), "no table of tensors"),
    "empty table": (saved({}), "no table of tensors"),
    "text": (b"no pickle at all", "refused: "),
    "nothing": (b"", "refused: "),
}  # fmt: skip


# The reader is a new interpreter, which imports torch: one of them is enough for the quick tests.
@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(*case, id=name, marks=() if name == "code" else pytest.mark.slow)
        for name, case in REFUSED.items()
    ],
)
def test_anything_but_tensors_is_refused_and_nothing_is_run(params, source, content, told):
    (source / PICKLED).write_bytes(content)
    message = refusal(params, source)
    assert message.startswith(f"encoders.tiny: {source / PICKLED}: refused: ") and told in message


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is limited on Linux")
def test_an_archive_that_would_fill_the_memory(params, source):
    (source / PICKLED).write_bytes(bomb())
    assert (source / PICKLED).stat().st_size < 1 << 23
    assert "refused: " in refusal(params, source)


def test_its_reader_has_no_token_and_no_setting_of_ours(params, source, monkeypatch):
    seen = {}

    def run(command, **given):
        seen.update(given, command=command)
        return type("Done", (), {"returncode": 1, "stdout": "stop\n", "stderr": ""})

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setattr(pickled.subprocess, "run", run)
    assert "refused: stop" in refusal(params, source)
    assert not any("HF" in key or "TORCH" in key for key in seen["env"])
    assert "hf_secret" not in str(seen) and seen["timeout"] <= 900


def test_safetensors_are_preferred(params, folders, source, monkeypatch):
    """Whoever has converted the weights names the folder, and keeps the registry's pin."""
    weights = folders["bert"] / "model.safetensors"
    (source / "model.safetensors").write_bytes(weights.read_bytes())
    (source / "config.json").write_bytes((folders["bert"] / "config.json").read_bytes())
    fetch(params, source, "0" * 64)
    assert (OUT / "model.safetensors").read_bytes() == weights.read_bytes()
    assert "pickled" not in json.loads((OUT / "source.json").read_text())


def test_a_pickled_file_that_is_missing(params, source):
    (source / PICKLED).unlink()
    entry = small.encoder(source, sha256={PICKLED: Digest("0" * 64, "M")})
    with pytest.raises(StudyError, match=f"holds neither model.safetensors nor {PICKLED}"):
        fetch_checkpoint("tiny", replace(params, encoders={"tiny": entry}, adapters={}))
