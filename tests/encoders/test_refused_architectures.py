"""Models that are not as the table of architectures has them are refused before any work."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small import encoder

from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.errors import StudyError


@pytest.mark.parametrize(
    ("kind", "family", "told"),
    [
        ("t5", "transformer", "model_type 't5' in config.json is not accepted; accepted: bert, "),
        ("gemma3", "causal", "model_type 'gemma3' in config.json is not accepted; accepted: lla"),
        ("llama", "transformer", "'llama' in config.json is of family: causal, and is not accept"),
        ("bert", "causal", "'bert' in config.json is of family: transformer, and is not accepted"),
        (7, "transformer", "model_type 7 in config.json is not accepted; accepted: bert, "),
    ],
)
def test_what_is_not_in_the_table_is_refused(params, folders, tmp_path, kind, family, told):
    shutil.copytree(folders["bert"], tmp_path / "other")
    config = json.loads((tmp_path / "other/config.json").read_text())
    (tmp_path / "other/config.json").write_text(json.dumps({**config, "model_type": kind}))
    entry = encoder(tmp_path / "other", family=family)
    changed = replace(params, encoders={**params.encoders, "other": entry})
    with pytest.raises(StudyError) as refused:
        fetch_checkpoint("other", changed)
    assert str(refused.value).startswith("encoders.other: model_type ")
    assert told in str(refused.value) and "\n" not in str(refused.value)
    assert not Path("checkpoints/other").exists()


def test_distances_that_transformers_no_longer_reads_are_refused(params, folders, tmp_path):
    shutil.copytree(folders["bert"], tmp_path / "other")
    path = tmp_path / "other/config.json"
    config = json.loads(path.read_text()) | {"position_embedding_type": "relative_key"}
    path.write_text(json.dumps(config))
    entry = encoder(tmp_path / "other")
    changed = replace(params, encoders={**params.encoders, "other": entry})
    with pytest.raises(StudyError, match="position_embedding_type 'relative_key' in config"):
        fetch_checkpoint("other", changed)
