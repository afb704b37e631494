"""Change a test project's params.yaml."""

from pathlib import Path

from ruamel.yaml import YAML

_YAML = YAML(typ="safe", pure=True)


def change_params(folder: Path, **values) -> None:
    """Set values of `folder`/params.yaml; `__` stands between the keys of a path."""
    path = folder / "params.yaml"
    params = _YAML.load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *parts, key = name.split("__")
        place = params
        for part in parts:
            place = place[part]
        place[key] = value
    with path.open("w", encoding="utf-8") as file:
        _YAML.dump(params, file)
