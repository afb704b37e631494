"""The `-S` overrides that make a params.yaml anew, found by composing conf/ as Hydra would.

`dvc exp run -S` writes params.yaml from conf/ and its overrides, whatever params.yaml held before.
Hydra itself comes with DVC, which the browser does without; of its rules these are the ones that
conf/ uses: defaults lists, `_self_`, `@package _global_`, `override /group`.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

KEY = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)  # what a dotted path may be made of
WORD = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)  # a string that needs no quotes
RESERVED = {"null", "true", "false", "nan", "inf"}
Choice = dict[str, str | list[str]]
_NOTE = "composed"  # a key for the reader, which older parameters lack


def overrides(params: bytes, conf: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """Overrides such as `protocol=released`, `seed=2`, that compose `params` from `conf`.

    params: a params.yaml. conf: the files of conf/ by path without suffix, `protocol/clean`.
    Groups come first, then the values in which they leave a difference. None where either is
    damaged, or where an override cannot say the difference.
    """
    try:
        wanted = _parsed(params)
        default = _chosen(conf, "config", {})
        named: Choice = {"profile": wanted["profile"]}
        if f"protocol/{wanted['protocol']['name']}" in conf:
            named["protocol"] = wanted["protocol"]["name"]
        if f"study/{wanted.get('study')}" in conf:
            named["study"] = wanted["study"]
        named = {group: name for group, name in named.items() if name != default.get(group)}
        options = [named]
        if held := _encoder_files(wanted["encoders"], conf):
            options.append(named | {"encoders": held[0] if len(held) == 1 else held})
        return min((_words(wanted, conf, choice) for choice in options), key=len)
    except (YAMLError, UnicodeError, LookupError, TypeError, AttributeError, ValueError):
        return None  # not what conf/ and params.yaml hold
    except RecursionError:  # files that include each other
        return None


def run_line(items: Iterable[str]) -> str:
    """The `dvc exp run -S ...` of some overrides, as a shell takes it."""
    return shlex.join(["dvc", "exp", "run", *(part for item in items for part in ("-S", item))])


def quoted(override: str) -> str:
    """`key=value` with the value in quotes, for Hydra, and all of it for the shell: where the value
    is one text, such as a path, in which Hydra's grammar reads more (`~`, `#`, `,`, `(`, `ü`).

    Such as `'data.path="~/MIND"'`.
    """
    key, _, value = override.partition("=")
    if '"' in value:
        return shlex.quote(f"{key}={_single_quoted(value)}")
    # Hydra takes a backslash for itself but for those before the closing quote.
    return shlex.quote(f'{key}="{_doubled_at_the_end(value)}"')


def _words(wanted: dict, conf: Mapping[str, bytes], choice: Choice) -> tuple[str, ...]:
    composed: dict = {}
    _add(composed, conf, "config", (), _chosen(conf, "config", choice))
    groups = [f"{group}={_text(name)}" for group, name in choice.items()]
    wanted = wanted | {_NOTE: composed[_NOTE]} if _NOTE in composed else wanted
    return (*groups, *_changes(composed, wanted, ()))


def _encoder_files(encoders: dict, conf: Mapping[str, bytes]) -> list[str]:
    """The files of group `encoders` whose every entry is among `encoders`, in their order.

    A file that holds no entry but those of the others is left out. One may hold parts of entries,
    to be laid over whole ones (another copy of a model): it counts where they say what it says.
    """
    files = {path: _parsed(text) for path, text in conf.items() if path.startswith("encoders/")}
    held = {
        path: entries
        for path, entries in files.items()
        if entries
        and entries.keys() <= encoders.keys()
        and all("family" in e or e.items() <= encoders[n].items() for n, e in entries.items())
    }
    for path in sorted(held, key=lambda path: len(held[path])):
        others = set().union(*(entries for other, entries in held.items() if other != path))
        if held[path].keys() <= others and all("family" in e for e in held[path].values()):
            del held[path]
    order = list(encoders)
    ranked = sorted(held, key=lambda path: min(map(order.index, held[path])))
    return [path.partition("/")[2] for path in ranked]


# ---------------------------------------------------------------- Hydra's composition


def _chosen(conf: Mapping[str, bytes], path: str, choice: Choice) -> Choice:
    """Every group's file: as in `choice`, or else as a file read on the way overrides it, or else
    as the defaults lists have it."""
    chosen: Choice = {}
    overridden: Choice = {}
    for item in _parsed(conf[path]).get("defaults", ()):
        if isinstance(item, str):
            if item.startswith("/"):
                overridden |= _chosen(conf, item[1:], choice)
            continue
        ((group, name),) = item.items()
        if group.startswith("override /"):
            overridden[group.removeprefix("override /")] = name
            continue
        chosen[group] = choice.get(group, name)
        for file in _names(chosen[group]):
            overridden |= _chosen(conf, f"{group}/{file}", choice)
    return chosen | overridden | choice


def _add(
    composed: dict, conf: Mapping[str, bytes], path: str, package: tuple, chosen: Choice
) -> None:
    """Merge one file, and what its defaults list names, into `composed`."""
    if conf[path].lstrip().startswith(b"# @package _global_"):
        package = ()
    content = dict(_parsed(conf[path]))
    defaults = content.pop("defaults", [])
    for item in defaults if "_self_" in defaults else ["_self_", *defaults]:
        if item == "_self_":
            for key in reversed(package):
                content = {key: content}
            _merge(composed, content)
        elif isinstance(item, str):
            _add(composed, conf, item[1:], (), chosen)
        else:
            ((group, _),) = item.items()
            if not group.startswith("override /"):
                for name in _names(chosen[group]):
                    _add(composed, conf, f"{group}/{name}", (group,), chosen)


def _names(choice: str | list[str]) -> list[str]:
    return [choice] if isinstance(choice, str) else choice


def _merge(into: dict, other: dict) -> None:
    for key, value in other.items():
        if isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            _merge(into[key], value)
        else:
            into[key] = value


@lru_cache(maxsize=64)
def _parsed(text: bytes) -> Any:
    """YAML 1.2; not to be changed by those who ask, for it is kept."""
    return YAML(typ="safe", pure=True).load(text)


# ---------------------------------------------------------------- Hydra's grammar


def _changes(old: dict, new: dict, path: tuple[str, ...]) -> Iterator[str]:
    """Overrides that turn `old` into `new`. Errors: `ValueError` where none can."""
    for key in [*new, *(key for key in old if key not in new)]:
        if not KEY.fullmatch(key):
            raise ValueError(f"{key}: no key of an override")
        place = ".".join([*path, key])
        if key not in new:
            yield f"~{place}"
        elif key not in old:
            yield f"+{place}={_text(new[key])}"
        elif _text(old[key]) != _text(new[key]):
            if isinstance(new[key], dict) and isinstance(old[key], dict):
                if all(KEY.fullmatch(k) for k in [*old[key], *new[key]]):
                    yield from _changes(old[key], new[key], (*path, key))
                else:  # such as names of files: no path leads there
                    yield f"~{place}"
                    yield f"+{place}={_text(new[key])}"
            else:
                yield f"{place}={_text(new[key])}"


def _text(value: Any) -> str:
    """A value in the grammar of overrides, which tells 1, 1.0, '1' and true apart."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        if not all(WORD.fullmatch(key) and key.lower() not in RESERVED for key in value):
            raise ValueError(f"{list(value)}: not all can be keys in an override")
        return f"{{{','.join(f'{key}:{_text(item)}' for key, item in value.items())}}}"
    if not isinstance(value, str) or not value.isprintable() or "${" in value:
        raise ValueError(f"{value!r} cannot be said in an override")
    if WORD.fullmatch(value) and value.lower() not in RESERVED:
        return value
    return _single_quoted(value)


def _single_quoted(value: str) -> str:
    # Backslashes count as such, but for those before a quote.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    return f"'{_doubled_at_the_end(escaped)}'"


def _doubled_at_the_end(value: str) -> str:
    return re.sub(r"(\\+)$", r"\1\1", value)
