"""Change a test project's params.yaml."""

import json
from pathlib import Path

from replication.files.documents import read_yaml


def change_params(folder: Path, **values) -> None:
    """Set values of `folder`/params.yaml; `__` stands between the keys of a path."""
    path = folder / "params.yaml"
    params = read_yaml(path)
    for name, value in values.items():
        *parts, key = name.split("__")
        place = params
        for part in parts:
            place = place[part]
        place[key] = value
    path.write_text(json.dumps(params), encoding="utf-8")  # JSON is YAML
