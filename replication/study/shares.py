"""What each kind of stage reads of params.yaml and conf/protocol, as a file of its own.

Stage `check` writes these files, and other stages depend on them. So a change of one parameter
makes again what reads it and nothing else, and dvc.lock records a digest where it would repeat the
same fifty lines for every run.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replication.files.atomic import new_folder, write_text
from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.files.listing import files_in
from replication.study import paths

# What questions read of another study.
OF_ANOTHER = (paths.PARAMS, paths.REPORTS, paths.IMPRESSIONS, paths.PREPARED / "test")
# What every run reads, whatever it runs over.
_RUN = ("profile", "text", "history", "model", "evaluation")
_SCHEDULES = ("precision", "frozen", "tuned_words", "tuned_layers")
# What comparing and reporting do not read: the experiment at hand, where the data lie, processes.
_AT_HAND = (
    "composed",
    "recommender",
    "encoder",
    "tuning",
    "finetune_layers",
    "tuned_parts",
    "seed",
    "protocol",
    "data",
)


def shares(params: Mapping[str, Any], protocols: Mapping[str, Any]) -> dict[str, str]:
    """File name below `paths.SETTINGS` -> content, for all that the study asks for.

    `<encoder>-<protocol>.json` is what a run reads, `parts-<encoder>-<protocol>.json` what one that
    tunes other parts than the top layers does, `audit-<pair>.json` what an audit does, `study.json`
    what comparing and reporting do.

    params: params.yaml as it stands there; protocols: the groups of conf/protocol by name
    """
    grid, sweep = params["grid"], params["sweep"]
    pairs = {
        (encoder, protocol)
        for part in (grid, grid.get("also", {}))
        for encoder in (*part.get("encoders", ()), *part.get("llms", ()))
        for protocol in part.get("protocols", ())
    }
    pairs.add((sweep["encoder"], sweep["protocol"]))
    found = {
        f"{encoder}-{protocol}": run_share(params, [encoder], {protocol: protocols[protocol]})
        for encoder, protocol in sorted(pairs)
    }
    parts = params.get("parts", {})
    for encoder in parts.get("encoders", ()):
        for protocol in parts.get("protocols", ()):
            share = run_share(params, [encoder], {protocol: protocols[protocol]})
            found[f"parts-{encoder}-{protocol}"] = share | {"lora": params.get("lora")}
    audit = params["audit"]
    for name, pair in audit["pairs"].items():
        own = {**audit, "pairs": {name: pair}}
        used = [pair["frozen"], pair["finetuned"]]
        found[f"audit-{name}"] = run_share(params, used, protocols) | {"audit": own}
    found["study"] = {key: value for key, value in params.items() if key not in _AT_HAND}
    found["study"]["training"] = _schedules(params)
    return {f"{name}.json": _text(share) for name, share in found.items()}


def write_shares(folder: Path) -> None:
    """Write `shares` of params.yaml and conf/protocol into `folder`, in place of what was there."""
    protocols = {path.stem: read_yaml(path) for path in files_in(paths.PROTOCOLS, "*.yaml")}
    with new_folder(folder) as temporary:
        for name, text in shares(read_yaml(paths.PARAMS), protocols).items():
            write_text(temporary / name, text)


def link_source(path: str) -> None:
    """Make the link by which stage `data` depends on what data.path names: DVC itself knows neither
    `~` nor the project that a copy was made from. Within the project the link is relative, so that
    it leads there wherever the project is moved.

    Errors: `StudyError` where nothing lies there.
    """
    found = paths.given(path)
    if not found.exists():
        raise StudyError(f"data.path: {found}: no such folder or file{paths.where(found)}")
    target, project = found.resolve(), Path.cwd().resolve()
    with new_folder(paths.SOURCE.parent) as folder:
        if target.is_relative_to(project):
            target = Path(os.path.relpath(target, folder.resolve()))
        (folder / paths.SOURCE.name).symlink_to(target)


def link_beside(folder: str | None) -> None:
    """Make the links by which stage `questions` reads another study, laid out as a study is;
    without one, empty folders in their place, for DVC wants what a stage depends on.

    Errors: `StudyError` where the folder lacks a part.
    """
    with new_folder(paths.BESIDE) as made:
        for part in OF_ANOTHER:
            place = made / part
            place.parent.mkdir(parents=True, exist_ok=True)
            if folder is None:
                place.mkdir()
                continue
            found = paths.given(folder) / part
            if not found.exists():
                raise StudyError(
                    f"questions.beside: {found}: no such file or folder{paths.where(found)}; "
                    "expected the folder of a study whose runs are made"
                )
            place.symlink_to(found.resolve())


def make_folders() -> None:
    """Those that other stages depend on, and that stay empty where a study has no such run."""
    for folder in (
        paths.GRID_IMPRESSIONS, paths.AUDIT_IMPRESSIONS, paths.RUNS, paths.AUDIT, paths.ADAPTERS,
        paths.EMBEDDING_COSTS,
    ):  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)


def run_share(
    params: Mapping[str, Any], encoders: list[str], protocols: Mapping[str, Any]
) -> dict[str, Any]:
    """What runs over `encoders` (adapters with their bases) under `protocols` read."""
    adapters = {name: params["adapters"][name] for name in encoders if name in params["adapters"]}
    bases = [*(name for name in encoders if name not in adapters),
             *(adapter["base"] for adapter in adapters.values())]  # fmt: skip
    return {
        **{key: params[key] for key in _RUN},
        "training": _schedules(params),
        "encoders": {name: params["encoders"][name] for name in bases},
        "adapters": adapters,
        "protocols": dict(protocols),
    }


def _schedules(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: params["training"][key] for key in _SCHEDULES}


def _text(share: Mapping[str, Any]) -> str:
    return json.dumps(share, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
