"""A family of language models and a source that stand in this file go through the whole study."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replication.encoders.families.base import Family
from replication.encoders.models.embed import embed
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.encoders.sources.kinds.base import Source
from replication.encoders.tokens import FIELDS
from replication.experiment.run import run
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged, save_array
from replication.report.estimate import checkpoint_bytes, embedding, training
from replication.report.machines import machine
from replication.report.shape import SMALL
from replication.study import paths
from replication.study.params import grid_cell, load_params
from replication.study.registry import FAMILIES, SOURCES


class Letters(Family):
    """A text is its letters, a letter the row of its number in a table: frozen or tuned."""

    rows = 256

    def place(self, name, encoder, source, folder):
        (folder / "table.npy").write_bytes((source / "table.npy").read_bytes())

    def embed(self, name, params, texts, folder):
        table = np.load(paths.CHECKPOINTS / name / "table.npy", allow_pickle=False)
        save_array(folder / "table.npy", table)
        return {field: letters(texts[field]) for field in FIELDS}

    def text(self, params, fields):
        import torch
        from torch import nn

        from replication.encoders.models.text import (
            Places,
            WordVectors,
            embedded_array,
            embedded_tokens,
        )

        name, folder = params.encoder, paths.EMBEDDINGS / params.encoder
        table = torch.tensor(embedded_array(folder / "table.npy", name))
        frozen = params.tuning == "frozen"
        table = nn.Embedding.from_pretrained(table, freeze=frozen, padding_idx=0)
        tokens = {field: embedded_tokens(folder, field, name) for field in fields}
        return nn.ModuleDict(
            {f: WordVectors(table, t.values, Places(t.offsets), True) for f, t in tokens.items()}
        )


def letters(texts: list[str]) -> Ragged:
    rows = [list(text.encode()[:8]) or [0] for text in texts]
    flat = np.array([number for row in rows for number in row], np.int32)
    return Ragged.from_lengths(flat, np.array([len(row) for row in rows], np.int64))


class Drawn(Source):
    """Random numbers; the entry's name is their seed."""

    def check(self, key, encoder):
        if not encoder.name.isdigit():
            raise StudyError(f"{key}.name: {encoder.name!r} is not accepted; accepted: a number")

    def found(self, name, encoder):
        return None

    def write(self, name, encoder, source, folder):
        table = np.random.default_rng(int(encoder.name)).normal(size=(256, encoder.width))
        table[0] = 0
        np.save(folder / "table.npy", table.astype(np.float32))


ENTRY = {
    **{"family": "letters", "source": "drawn", "name": "7"},
    **{"layers": 0, "width": 12, "finetune_layers": 0},
}


@pytest.fixture
def listed():
    FAMILIES["letters"], SOURCES["drawn"] = Letters, Drawn


@pytest.mark.parametrize("list_", ["family", "source"])
def test_without_its_line_it_is_refused(own_project, edit, list_):
    entry = {"family": "words", "source": "folder"} | {list_: ENTRY[list_]}
    edit(lambda values: values["encoders"].update(mine=ENTRY | entry))
    with pytest.raises(StudyError, match=rf"encoders\.mine\.{list_}: '{entry[list_]}' is not"):
        load_params()


def test_it_goes_from_checkpoint_to_metrics(listed, own_project, edit):
    edit(lambda values: values["encoders"].update(mine=ENTRY))
    params = load_params()
    fetch_checkpoint("mine", params)
    origin = json.loads((paths.CHECKPOINTS / "mine/source.json").read_bytes())
    assert origin["source"] == "drawn" and list(origin["sha256"]) == ["table.npy"]
    embed("mine", params)
    for tuning, trains in (("frozen", False), ("finetuned", True)):
        cell = grid_cell(params, "naml", "mine", tuning, "clean", 1)
        found = run(cell, Path("out") / tuning, Path("out") / f"{tuning}.parquet")
        assert 0 < found["auc"] < 1
        cost = json.loads((Path("out") / tuning / "cost.json").read_bytes())
        assert (cost["trainable_parameters"] == cost["parameters"]) == trains
        estimate = training(cell, SMALL, machine("core"))
        assert estimate.seconds > 0 and estimate.memory > 0
    assert embedding(params, "mine", SMALL, machine("core")).disk == 4 * 256 * 12
    assert checkpoint_bytes(params.encoders["mine"]) == 4 * 256 * 12


def test_a_source_refuses_what_it_cannot_take(listed, own_project, edit):
    edit(lambda values: values["encoders"].update(mine=ENTRY | {"name": "seven"}))
    with pytest.raises(StudyError, match=r"encoders\.mine\.name: 'seven' is not accepted"):
        load_params()


def test_a_family_takes_files_of_every_source(listed, own_project, edit, tmp_path):
    np.save(tmp_path / "table.npy", np.ones((256, 12), np.float32))
    entry = ENTRY | {"source": "folder", "name": str(tmp_path)}
    edit(lambda values: values["encoders"].update(mine=entry))
    fetch_checkpoint("mine", load_params())
    assert (paths.CHECKPOINTS / "mine/table.npy").is_file()


@pytest.mark.parametrize("lines", [FAMILIES, SOURCES])
def test_what_stands_at_the_addresses_imports_no_torch(lines):
    code = f"""
import sys
from replication.study.registry import located
for address in {[line for line in lines.data.values() if isinstance(line, str)]}:
    located(address)()
print({{"torch", "transformers", "huggingface_hub", "safetensors"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_other_file_tells_families_or_sources_apart():
    """But for what an architecture's own table says, an adapter's base, what is downloaded from
    where, a hard link in place of a copy, advice about a hub's file, and that a GGUF file holds a
    causal model."""
    package = Path(__file__).parents[2] / "replication"
    telling = {
        path.name
        for path in package.rglob("*.py")
        if any(f".{what} {how} " in path.read_text(encoding="utf-8")
               for what in ("family", "source") for how in ("==", "!=", "in ("))
    }  # fmt: skip
    assert telling <= {
        *("architectures.py", "states.py", "tokens.py"), *("weights.py", "wanted.py", "machine.py"),
        *("checkpoints.py", "study.py", "gguf.py"),
    }  # fmt: skip
