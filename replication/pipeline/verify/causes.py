"""Why a stage's results differ from the recorded ones, as far as what was recorded tells.

Two kinds of causes are kept apart. *Inputs* (code, parameters, data, checkpoints, seed) must be
the same: where they are not, no difference is excused. The *machine* (processor, threads,
libraries) may be another one: for that there is a tolerance.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from replication.pipeline.verify.records import Record

Run = Mapping[str, Any]  # the content of a run.json
_PARTS = ("libraries", "hardware", "computing")
_COPIED = ("package", "folder", "hub")  # sources of checkpoints that are taken as they are
_CODE = ("replication/", "conf/")
_SHOWN = 4  # differences of one kind that are named


def recorded_inputs(one: Record, other: Record, made: Collection[str]) -> dict[str, str]:
    """Inputs in which two runs of a stage differ, by dvc.lock: kind -> what.

    made: paths that other stages put out, and which are told of there.
    """
    commands = [f"{one.command} -> {other.command}"] if one.command != other.command else []
    moved = set(one.deps.values()) & set(other.deps.values())  # the same data at another place
    changed = [
        path for path in changed_keys(one.deps, other.deps)
        if path not in made and not moved & {one.deps.get(path), other.deps.get(path)}
    ]  # fmt: skip
    code = [path for path in changed if path.startswith(_CODE)]
    return _told(
        command=commands,
        parameters=_changes(one.params, other.params),
        code=code,
        data=[path for path in changed if path not in code],
    )


def run_inputs(one: Run, other: Run) -> dict[str, str]:
    """Inputs in which two runs differ, by their run.json: kind -> what."""
    codes = [run.get("code_sha256") or {} for run in (one, other)]
    return _told(
        seed=[f"{one['seed']} -> {other['seed']}"] if one["seed"] != other["seed"] else [],
        parameters=_changes(one["params"], other["params"]),
        data=changed_keys(one["data_sha256"], other["data_sha256"]),
        checkpoint=checkpoint_inputs(one["checkpoint"], other["checkpoint"]),
        code=changed_keys(*codes) if all(codes) else [],
    )


def checkpoint_inputs(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Files of a checkpoint that are not the recorded ones, unless it was made by computing.

    one, other: what source.json says of it.
    """
    copied = other.get("source") in _COPIED
    files = changed_keys(one["sha256"], other["sha256"]) if copied else []
    return [f"{other['encoder']}/{file}" for file in files]


def is_complete(run: Run) -> bool:
    """Whether a run.json names all that the run came from; earlier versions did not."""
    return all(key in run for key in ("inputs_sha256", "code_sha256", "computing"))


def machines(one: Run, other: Run) -> list[str]:
    """In what two machines differ that can change the last digits of a number."""
    facts = [
        {key: value for part in _PARTS for key, value in run.get(part, {}).items()}
        | {key: run[key] for key in ("precision",) if key in run}
        for run in (one, other)
    ]
    # An older run.json has fewer keys; memory changes no number.
    shared = [key for key in facts[1] if key in facts[0] and key != "memory_gib"]
    before, after = ({key: fact[key] for key in shared} for fact in facts)
    return _changes(before, after)


def divergence(one: Run, other: Run) -> str | None:
    """Where two trainings part, by their curves; None: as far as these tell, nowhere."""
    curves = [run["training"].get("curve", []) for run in (one, other)]
    for a, b in zip(*curves, strict=False):
        if a != b:
            return f"training differs at batch {b[0]}: loss {a[1]} -> {b[1]}, AUC {a[2]} -> {b[2]}"
    if len(curves[0]) != len(curves[1]):
        return f"training ends at batch {curves[1][-1:]} instead of {curves[0][-1:]}"
    return None


def changed_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Keys under which two mappings do not hold the same."""
    return [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]


def _changes(one: Mapping[str, Any], other: Mapping[str, Any], where: str = "") -> list[str]:
    """Dotted key and both values of each innermost value that is not the same.

    But for where the data are: what they are has a digest.
    """
    found = []
    for key in changed_keys(one, other):
        a, b, name = one.get(key), other.get(key), f"{where}{key}"
        if name == "data.path":
            continue
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += _changes(a, b, f"{name}.")
        else:
            found.append(f"{name} {_text(a)} -> {_text(b)}")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _told(**differing: Sequence[str]) -> dict[str, str]:
    """`a, b, c, d and 3 more` by kind, where anything differs."""
    found = {}
    for kind, texts in differing.items():
        more = len(texts) - _SHOWN
        if texts:
            found[kind] = ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return found
