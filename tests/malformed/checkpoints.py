"""Malformed checkpoints: safetensors, config.json, tokenizer.json and indexes of shards, read by
stage `checkpoint` from the user's folder and by stage `embed` from the project's own."""

import json
import pickle
from collections.abc import Callable

import numpy as np
from case import ABSENT, Case, both, changed, folder, gone, holds, with_keys
from safetensors.numpy import load, save

FETCH, EMBED = ("checkpoint", "minilm"), ("embed", "minilm")
BERT, OWN = "bert", "checkpoints/minilm"
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
INDEX = "model.safetensors.index.json"


def _header(content: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _headed(header: bytes, data: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def _in_header(change: Callable[[dict], None]) -> Callable[[bytes], bytes]:
    def changed_(content: bytes) -> bytes:
        header, data = _header(content)
        change(header)
        return _headed(json.dumps(header).encode(), data)

    return changed_


def _first(header: dict, **changes) -> None:
    header[min(k for k in header if k != "__metadata__")].update(changes)


def _tensors(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[bytes], bytes]:
    def changed_(content: bytes) -> bytes:
        tensors = load(content)
        change(tensors)
        return save(tensors)

    return changed_


def _weights() -> list[Case]:
    """What is no whole safetensors file: for both stages."""
    huge = (10**15).to_bytes(8, "little")
    made: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("empty", lambda b: b""),
        ("seven bytes", lambda b: b[:7]),
        ("the length alone", lambda b: b[:8]),
        ("a header cut short", lambda b: b[:100]),
        ("a header alone", lambda b: b[: 8 + int.from_bytes(b[:8], "little")]),
        ("half", lambda b: b[: len(b) // 2]),
        ("one byte short", lambda b: b[:-1]),
        ("one byte more", lambda b: b + b"\0"),
        ("a header of no length", lambda b: bytes(8) + b[8:]),
        ("a header longer than the file", lambda b: huge + b[8:]),
        ("a header one byte longer", lambda b: (int.from_bytes(b[:8], "little") + 1).to_bytes(8, "little") + b[8:]),
        ("a header that is no JSON", lambda b: _headed(b"{" * 50, b"")),
        ("a header that is a list", lambda b: _headed(b"[1, 2]", b"")),
        ("a header that is not UTF-8", lambda b: _headed(b"\xff" * 50, b"")),
        ("an unknown dtype", _in_header(lambda h: _first(h, dtype="F128"))),
        ("a shape that is not the data's", _in_header(lambda h: _first(h, shape=[3, 3]))),
        ("a negative shape", _in_header(lambda h: _first(h, shape=[-1]))),
        ("offsets beyond the data", _in_header(lambda h: _first(h, data_offsets=[0, 10**9]))),
        ("offsets that overlap", _in_header(lambda h: _first(h, data_offsets=[0, 4], shape=[1]))),
        ("a page of an error", lambda b: b"<html><body>404 Not Found</body></html>" * 9),
        ("a pointer of Git LFS", lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        ("a pickle", lambda b: pickle.dumps({"weight": [0.0]})),
        ("a zip", lambda b: b"PK\x03\x04" + bytes(300)),
        ("NUL bytes", lambda b: bytes(len(b))),
    ]  # fmt: skip
    cases = []
    for name, change in made:
        path = f"{BERT}/{WEIGHTS}"
        told = (path, "cannot be read as safetensors (", "; expected the whole file")
        cases.append(Case(f"weights: {name}", FETCH, changed(path, change), told))
        told = (OWN, "cannot be loaded (", "run `dvc repro checkpoint@minilm`")
        cases.append(Case(f"own weights: {name}", EMBED, changed(f"{OWN}/{WEIGHTS}", change), told))
    return cases


def _no_model() -> list[Case]:
    """Whole safetensors that are not the model of config.json: the model is loaded in `embed`."""
    query = "encoder.layer.1.attention.self.query.weight"
    table = "embeddings.word_embeddings.weight"

    def without(key: str):
        return _tensors(lambda t: t.pop(key))

    def other(key: str, value: Callable[[np.ndarray], np.ndarray]):
        return _tensors(lambda t: t.update({key: value(t[key])}))

    made = [
        ("a tensor missing", without(query), (f"holds no {query}, one of 1 tensors", "expected all")),
        ("no embeddings", without(table), (f"holds no {table}", "expected all weights")),
        ("no tensor", _tensors(lambda t: t.clear()), ("expected all weights",)),
        ("another model's names", _tensors(lambda t: [t.update({f"x.{k}": t.pop(k)}) for k in list(t)]),
         ("expected all weights",)),
        ("a matrix transposed", other(query, lambda a: a[:, :3].copy()), ("cannot be loaded (",)),
        ("fewer tokens", other(table, lambda a: a[:5].copy()), ("cannot be loaded (",)),
        ("NaN", other(query, lambda a: np.full_like(a, np.nan)), ("not finite for minilm: titles; expected",)),
        ("infinity", other(table, lambda a: np.full_like(a, np.inf)), ("not finite for minilm",)),
    ]  # fmt: skip
    return [
        Case(f"own weights: {name}", EMBED, changed(f"{OWN}/{WEIGHTS}", change), (OWN, *told))
        for name, change, told in made
    ]


def _configs() -> list[Case]:
    path, own = f"{BERT}/{CONFIG}", f"{OWN}/{CONFIG}"

    def whole(name: str, content: str | bytes, told: str) -> list[Case]:
        return [
            Case(f"config: {name}", FETCH, holds(path, content), (path, "encoders.minilm: ", told)),
            Case(f"own config: {name}", EMBED, holds(own, content), (own, told)),
        ]

    def key(name: str, value, told: str) -> Case:
        shown = "absent" if value is ABSENT else json.dumps(value)
        return Case(
            f"config: {name} {shown}",
            FETCH,
            with_keys(path, {name: value}),
            ("encoders.minilm: ", told),
        )

    def own_key(name: str, value, *told: str) -> Case:
        return Case(
            f"own config: {name} {json.dumps(value)}",
            EMBED,
            with_keys(own, {name: value}),
            (OWN, *told),
        )

    deep = "[" * 100_000
    return [
        *whole("empty", "", "not valid JSON (line 1, column 1: "),
        *whole("cut short", '{"model_type": "bert", "hidd', "not valid JSON (line 1, column "),
        *whole("a list", "[]", "expected a JSON object, found []"),
        *whole("a text", '"bert"', "expected a JSON object, found 'bert'"),
        *whole("null", "null", "expected a JSON object, found None"),
        *whole("latin-1", b'{"model_type": "b\xe9rt"}', "not valid JSON (line 1: byte 0xe9 is not UTF-8)"),
        *whole("UTF-16", '{"a": 1}'.encode("utf-16"), "not valid JSON (line 1: byte 0xff"),
        *whole("a comment", '{"a": 1} // bert', "not valid JSON (line 1, column 10"),
        *whole("nested too deeply", deep, "not valid JSON ("),
        *whole("digits", '{"a": ' + "9" * 5000 + "}", "not valid JSON ("),
        *whole("YAML", "model_type: bert\n", "not valid JSON (line 1, column 1"),
        Case("config: missing", FETCH, gone(path), (path, "no such file")),
        Case("config: a folder", FETCH, folder(path), (path, "Is a directory; expected a file of JSON")),
        key("model_type", ABSENT, "model_type is missing"),
        *(key("hidden_size", value, "not 16") for value in (ABSENT, None, 17, "16", 16.5, True, [16], -16)),
        *(key("num_hidden_layers", value, "not 3") for value in (ABSENT, None, 2, "3", "12", True, {}, -3)),
        Case("own config: missing", EMBED, gone(own), (OWN, "holds no config.json; run `dvc repro")),
        own_key("model_type", "no-such-model", "model_type 'no-such-model' in config.json is not accepted"),
        own_key("model_type", 3, "model_type 3 in config.json is not accepted; accepted: bert, "),
        key("model_type", ["bert"], "model_type ['bert'] in config.json is not accepted; accepted: "),
        own_key("hidden_size", "16", "cannot be loaded ("),
        own_key("hidden_size", 15, "cannot be loaded ("),
        own_key("num_attention_heads", 5, "cannot be loaded ("),
        own_key("num_attention_heads", 0, "cannot be loaded ("),
        own_key("hidden_act", "no-such-function", "cannot be loaded ("),
        own_key("vocab_size", 9, "expected less than 9, the vocab_size of its config.json"),
        own_key("vocab_size", -1, "expected less than -1, the vocab_size of its config.json"),
        own_key("max_position_embeddings", 4, "expected 4 at most, as its config.json says"),
        own_key("architectures", [3], "x") if False else own_key("intermediate_size", 7, "cannot be loaded ("),
        Case("own config: code of somebody's", EMBED,
             both(with_keys(own, {"model_type": "theirs", "auto_map": {"AutoModel": "modeling.Theirs",
                                                                      "AutoConfig": "modeling.Config"}}),
                  holds(f"{OWN}/modeling.py", "raise SystemExit('was run')")),
             (OWN, "model_type 'theirs' in config.json is not accepted")),
    ]  # fmt: skip


def _tokenizers() -> list[Case]:
    cases = []
    made: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("empty", lambda b: b""),
        ("an empty object", lambda b: b"{}"),
        ("a list", lambda b: b"[]"),
        ("half", lambda b: b[: len(b) // 2]),
        ("latin-1", lambda b: b.replace(b"word1", b"w\xf6rd", 1)),
        ("an unknown model", lambda b: b.replace(b'"WordLevel"', b'"Unheard"')),
        ("no vocabulary", lambda b: json.dumps(json.loads(b) | {"model": {}}).encode()),
        ("a page of an error", lambda b: b"<html>404</html>"),
        ("a pickle", lambda b: pickle.dumps({"model": 1})),
        ("nested too deeply", lambda b: b"[" * 100_000),
    ]
    for name, change in made:
        for path, command in ((f"{BERT}/{TOKENIZER}", FETCH), (f"{OWN}/{TOKENIZER}", EMBED)):
            told = (path, "not a tokenizer's file (", "; get it again")
            cases.append(Case(f"{path}: {name}", command, changed(path, change), told))

    def larger(content: bytes) -> bytes:
        """A tokenizer whose ids the model has no rows for."""
        values = json.loads(content)
        values["model"]["vocab"] = {
            w: i + 100 * w.startswith("word") for w, i in values["model"]["vocab"].items()
        }
        return json.dumps(values).encode()

    own = f"{OWN}/{TOKENIZER}"
    return [
        *cases,
        Case(f"{own}: of another model", EMBED, changed(own, larger),
             (own, "gives token 1", "expected less than 34, the vocab_size of its config.json")),
        Case(f"{own}: missing", EMBED, gone(own), (own, "no such file; run `dvc repro checkpoint@minilm`")),
        Case("tokenizer: missing, with nothing to make one of", FETCH, gone(f"{BERT}/{TOKENIZER}"),
             ("encoders.minilm: bert holds no tokenizer.json, nor can one be made",)),
        Case("tokenizer: texts longer than the model reads", EMBED,
             with_keys("params.yaml", {"text/abstract_tokens": 4, "text/title_tokens": 1}),
             ("text.title_tokens: 1 is not accepted; accepted: 2 or more",)),
    ]  # fmt: skip


def _shards() -> list[Case]:
    path = f"{BERT}/{INDEX}"
    made = [
        ("outside", {"weight_map": {"a": "../model.safetensors"}}, "found '../model.safetensors'"),
        (
            "at a root",
            {"weight_map": {"a": "/etc/model.safetensors"}},
            "found '/etc/model.safetensors'",
        ),
        ("of a pickle", {"weight_map": {"a": "pytorch_model.bin"}}, "found 'pytorch_model.bin'"),
        ("hidden", {"weight_map": {"a": ".model.safetensors"}}, "found '.model.safetensors'"),
        ("no table", {}, "found 'no table of weights'"),
        ("an empty table", {"weight_map": {}}, "found 'no table of weights'"),
        ("a list", {"weight_map": ["a"]}, "found 'no table of weights'"),
        ("numbers", {"weight_map": {"a": 3}}, "found 'no table of weights'"),
        ("lists", {"weight_map": {"a": ["b"]}}, "found 'no table of weights'"),
    ]
    cases = [
        Case(f"index: {name}", FETCH, holds(path, json.dumps(index)), (path, "expected safetensors files", told))
        for name, index, told in made
    ]  # fmt: skip
    absent = holds(path, json.dumps({"weight_map": {"a": "model-1-of-2.safetensors"}}))
    return [
        *cases,
        Case("index: no JSON", FETCH, holds(path, "{"), (path, "expected safetensors files")),
        Case("index: an absent shard", FETCH, absent, ("bert holds no model-1-of-2.safetensors, and pickled",)),
        Case("weights: missing", FETCH, gone(f"{BERT}/{WEIGHTS}"), ("bert holds no model.safetensors, and pickled",)),
        Case("weights: a pickle in their place", FETCH,
             both(gone(f"{BERT}/{WEIGHTS}"), holds(f"{BERT}/pytorch_model.bin", pickle.dumps({}))),
             ("bert holds no model.safetensors, and pickled weights are not loaded unless",)),
        Case("checkpoint: pinned to other bytes", FETCH,
             with_keys("params.yaml", {"encoders/minilm/sha256": {WEIGHTS: "0" * 64}}),
             (f"encoders.minilm.sha256: {BERT}/{WEIGHTS} has sha256 ", f"expected {'0' * 64}")),
        Case("checkpoint: no folder", FETCH, with_keys("params.yaml", {"encoders/minilm/name": "nowhere"}),
             ("encoders.minilm.name: nowhere is not a folder",)),
        *(Case(f"checkpoint: package {name!r}", FETCH,
               with_keys("params.yaml", {"encoders/minilm/source": "package", "encoders/minilm/name": name}),
               ("encoders.minilm.name: the package ", "is not installed; run `make setup`"))
          for name in ("", "..", ".json/x", "no_such_package/model", "json.decoder/x", "../../etc", "a b/c")),
    ]  # fmt: skip


CASES = [*_weights(), *_no_model(), *_configs(), *_tokenizers(), *_shards()]
