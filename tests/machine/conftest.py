"""A project that processes of this machine train together."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from project_params import change_params

from replication.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def inputs(made_project, tmp_path_factory) -> Path:
    """The tiny project with a tiny Llama to adapt, and without any dropout."""
    sys.path.append(str(ROOT / "tests/encoders"))
    import small

    folder = shutil.copytree(made_project, tmp_path_factory.mktemp("together") / "inputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small.write_llama(folder / "llama")
        adapter = small.ADAPTER.__dict__ | {"max_steps": 12, "dropout": 0.0, "batch_size": 5}
        adapter |= {"targets": list(small.ADAPTER.targets), "save_every": 1}
        llama = {"family": "causal", "source": "folder", "name": "llama", "layers": 3, "width": 16}
        change_params(
            folder,
            encoders__llama=llama | {"finetune_layers": 0},
            adapters={"llama-lora": adapter},
            model__dropout=0.0,
            model__user_dropout=0.0,
        )
        assert main(["checkpoint", "llama"]) == 0
    config = folder / "checkpoints/minilm/config.json"
    bert = json.loads(config.read_text())
    config.write_text(json.dumps(bert | {k: 0.0 for k in bert if "dropout_prob" in k}))
    return folder
