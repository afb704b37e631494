"""The stages that dvc.yaml asks for under params.yaml: names, commands, dependencies, outputs.

DVC's templates are resolved here as far as the study uses them: `foreach` over a mapping or a list,
`matrix`, `${a.b}`, `${key}`, `${item}`. Anything else of dvc.yaml is an error, never guessed.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml.resolver import implicit_resolvers

from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.study import paths

PIPELINE = Path("dvc.yaml")
_OUTPUTS = ("outs", "metrics", "plots")
_TEMPLATE = re.compile(r"\$\{([^}]*)\}")
Item = tuple[str, Mapping[str, Any]]  # of a template: how DVC names it, what it may name
Version = tuple[str, int, int]  # full path, time of change (ns), size (bytes)
_KNOWN = {"cmd", "deps", "params", "desc", *_OUTPUTS}


@dataclass(frozen=True)
class Definition:
    """A stage as it is asked for; `params` are keys of params.yaml, dotted where nested."""

    name: str
    command: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]


def read_pipeline() -> tuple[Definition, ...]:
    """Every stage, in the order of `dvc stage list`.

    Errors: `StudyError` where dvc.yaml or params.yaml is missing, damaged or not understood.
    """
    return _definitions(PIPELINE, version(PIPELINE), paths.PARAMS, version(paths.PARAMS))


def read_mapping(path: Path) -> Mapping[Any, Any]:
    """A YAML file that holds a mapping; it is parsed again only when it has changed.

    Errors: `StudyError` where it is missing, is not YAML or holds something else.
    """
    return _load(path, version(path))


def version(path: Path) -> Version:
    """What tells whether a file is still the one that was read.

    Errors: `StudyError` where there is none to read.
    """
    try:
        state = path.stat()
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; run from the project's folder") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from None
    return str(path.absolute()), state.st_mtime_ns, state.st_size


def select(tree: Any, key: str) -> Any:
    """The value under a dotted key, list positions included. Errors: `KeyError`."""
    for part in key.split("."):
        if isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict) and part in tree:
            tree = tree[part]
        else:
            raise KeyError(key)
    return tree


# ---------------------------------------------------------------- YAML


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first where libyaml is there


class _Loader(_Safe):
    """YAML 1.2, as DVC writes it (`1e-05` is a number, `yes` is a word), ten times as fast as
    ruamel.yaml: a dvc.lock of two hundred runs takes that two seconds."""

    yaml_implicit_resolvers: Mapping = {}


for versions, tag, pattern, starts in implicit_resolvers:
    if (1, 2) in versions:
        _Loader.add_implicit_resolver(tag, pattern, starts)


@functools.lru_cache(maxsize=16)
def _load(path: Path, at: Version) -> Mapping[Any, Any]:
    try:
        text = path.read_bytes()
        try:
            text.decode()
        except UnicodeDecodeError:
            read_yaml(path)  # names the line and the byte, as every reader of YAML does
        return parse_mapping(path, text)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from None


def parse_mapping(path: Path, text: bytes) -> Mapping[Any, Any]:
    """The mapping that YAML holds, however it was come by; `path` is its name in the error.

    Errors: `StudyError` where it is not YAML or holds something else.
    """
    try:
        document = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise StudyError(f"{path}{place}: not valid YAML ({error.problem})") from None
    # The loader also passes on what Python thinks of a number, a date or a key.
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise StudyError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(document, dict):
        raise StudyError(f"{path}: expected a mapping, found {_kind(document)}")
    return document


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


# ---------------------------------------------------------------- templates


@functools.lru_cache(maxsize=4)
def _definitions(
    path: Path, at: Version, params_path: Path, params_at: Version
) -> tuple[Definition, ...]:
    document = _load(path, at)
    groups = document.get("stages")
    if "vars" in document:
        raise StudyError(f"{path}: vars: not understood here")
    values = _load(params_path, params_at)
    if not isinstance(groups, dict):
        raise StudyError(f"{path}: stages: expected a mapping, found {_kind(groups)}")
    found = {
        name: _define(name, template, context, f"{path}: stages.{group}")
        for group, body in groups.items()
        for name, template, context in _expand(str(group), body, values, f"{path}: stages.{group}")
    }
    return tuple(found.values())


def _expand(
    group: str, body: Any, values: Mapping, where: str
) -> Iterator[tuple[str, Mapping, Mapping]]:
    """The stages of one entry: name, template, and the values that the template may name."""
    if not isinstance(body, dict):
        raise StudyError(f"{where}: expected a mapping, found {_kind(body)}")
    items: list[Item]
    if "foreach" in body:
        over = _resolve(body["foreach"], values, where)
        template = body.get("do")
        if isinstance(over, dict):
            items = [(_text(key, where), {"key": _text(key, where), "item": over[key]})
                     for key in over]  # fmt: skip
        elif isinstance(over, list):
            nested = any(isinstance(item, dict | list) for item in over)
            items = [(str(i) if nested else _name(item, where), {"item": item})
                     for i, item in enumerate(over)]  # fmt: skip
        else:
            raise StudyError(f"{where}.foreach: expected a mapping or a list, found {_kind(over)}")
    elif "matrix" in body:
        template = {key: value for key, value in body.items() if key != "matrix"}
        items = _matrix(body["matrix"], values, f"{where}.matrix")
    else:
        yield group, body, values
        return
    if not isinstance(template, dict):
        raise StudyError(f"{where}.do: expected a mapping, found {_kind(template)}")
    for key, context in items:
        yield f"{group}@{key}", template, {**values, **context}


def _matrix(axes: Any, values: Mapping, where: str) -> list[Item]:
    if not isinstance(axes, dict):
        raise StudyError(f"{where}: expected a mapping, found {_kind(axes)}")
    lists = {axis: _resolve(value, values, where) for axis, value in axes.items()}
    for axis, value in lists.items():
        if not isinstance(value, list):
            raise StudyError(f"{where}.{axis}: expected a list, found {_kind(value)}")
    items: list[Item] = []
    for chosen in itertools.product(*lists.values()):
        key = "-".join(_name(value, where) for value in chosen)
        items.append((key, {"key": key, "item": dict(zip(lists, chosen, strict=True))}))
    return items


def _define(name: str, template: Mapping, context: Mapping, where: str) -> Definition:
    unknown = sorted(str(key) for key in template if key not in _KNOWN)
    if unknown:
        raise StudyError(f"{where}: {', '.join(unknown)}: not understood here")
    if not isinstance(template.get("cmd"), str):
        raise StudyError(f"{where}.cmd: expected one command, found {_kind(template.get('cmd'))}")

    def texts(field: str, keyed: bool = False) -> tuple[str, ...]:
        entries = template.get(field) or []
        if not isinstance(entries, list):
            raise StudyError(f"{where}.{field}: expected a list, found {_kind(entries)}")
        if keyed:  # an output may carry options: {path: {cache: false}}
            entries = [key for entry in entries
                       for key in (entry if isinstance(entry, dict) else [entry])]  # fmt: skip
        return tuple(
            _text(_resolve(entry, context, f"{where}.{field}"), f"{where}.{field}")
            for entry in entries
        )

    outs = tuple(path for field in _OUTPUTS for path in texts(field, keyed=True))
    command = _text(_resolve(template["cmd"], context, f"{where}.cmd"), f"{where}.cmd")
    return Definition(name, command, texts("deps"), texts("params"), outs)


def _resolve(value: Any, context: Mapping, where: str) -> Any:
    """A template filled in; one that is nothing but `${...}` keeps the type of what it names."""
    if isinstance(value, list):
        return [_resolve(item, context, where) for item in value]
    if not isinstance(value, str):
        return value

    def find(match: re.Match) -> Any:
        try:
            return select(context, match[1].strip())
        except KeyError:
            raise StudyError(f"{where}: {match[0]}: no such key in {paths.PARAMS}") from None

    whole = _TEMPLATE.fullmatch(value)
    if whole:
        return find(whole)
    return _TEMPLATE.sub(lambda match: _text(find(match), where), value)


def _text(value: Any, where: str) -> str:
    """A plain value as DVC writes it into names, paths and commands."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise StudyError(f"{where}: expected a plain value, found {_kind(value)}")
    return str(value)


def _name(value: Any, where: str) -> str:
    """A list's plain value as DVC writes it into stage names: there, `true` is `True`."""
    return str(value) if isinstance(value, bool) else _text(value, where)
