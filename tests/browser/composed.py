"""What Hydra composes of conf/ in the working directory."""

from pathlib import Path

from dvc.utils.hydra import compose_and_dump

from replication.study.params import Params, load_params


def compose(*overrides: str) -> Params:
    conf = str(Path("conf").resolve())
    compose_and_dump("params.yaml", conf, None, "config", f"{conf}/protocol", list(overrides))
    return load_params()
