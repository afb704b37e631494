"""A hub that stands in for the real one: repositories with the file lists of the real ones, and
tiny bytes in their place. It can redirect, ask for a token, be slow and break off."""

import fnmatch
import hashlib
import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from safetensors.numpy import save
from web import Answer

TOKEN = "hf_of_somebody"
TENSOR = {"embeddings.word_embeddings.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}


@dataclass
class Repository:
    files: dict[str, bytes]
    revision: str = "ab" * 20
    gated: bool = False


@dataclass
class StandIn:
    """repositories by name, a data set's after `datasets/`; archives of other addresses by path.

    commit   whether answers say which commit they serve
    mirror   where files are redirected to, as a mirror does that holds none itself
    delay    seconds before any answer; cut: files (patterns) that break off half-way, once each
    down     paths (patterns) that nobody answers for
    asked    paths that were asked for, with the range; tokens: what came as authorization
    """

    repositories: dict[str, Repository]
    archives: dict[str, bytes] = field(default_factory=dict)
    commit: bool = True
    mirror: str | None = None
    delay: float = 0.0
    cut: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def answer(self, path: str, headers) -> Answer:
        time.sleep(self.delay)
        path = unquote(path.partition("?")[0])
        self.asked.append((path, headers["Range"]))
        if headers["Authorization"]:
            self.tokens.add(headers["Authorization"])
        if any(fnmatch.fnmatch(path, pattern) for pattern in self.down):
            return Answer(503)
        if path in self.archives:
            return self._body(path, self.archives[path], headers, {})
        if path.startswith("/api/"):
            kind, _, rest = path.removeprefix("/api/").partition("/")
            name, _, revision = rest.partition("/tree/")
            return self._tree(name if kind == "models" else f"datasets/{name}", revision)
        name, _, rest = path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        return self._file(path, name, revision, file, headers)

    def _refusal(self, name: str, revision: str) -> Answer | None:
        found = self.repositories.get(name)
        if found is None:
            return Answer(401, b"", {"X-Error-Code": "RepoNotFound"})
        if revision not in (found.revision, "main"):
            return Answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        return None

    def _tree(self, name: str, revision: str) -> Answer:
        if refusal := self._refusal(name, revision):
            return refusal
        tree = [
            {"type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
            for n, b in self.repositories[name].files.items()
        ]
        return Answer(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})

    def _file(self, path: str, name: str, revision: str, file: str, headers) -> Answer:
        if refusal := self._refusal(name, revision):
            return refusal
        found = self.repositories[name]
        if found.gated and headers["Authorization"] != f"Bearer {TOKEN}":
            return Answer(401, b"", {"X-Error-Code": "GatedRepo"})
        if file not in found.files:
            return Answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        if self.mirror:
            return Answer(302, b"", {"Location": f"{self.mirror}{path}"})
        more = {"X-Repo-Commit": found.revision} if self.commit else {}
        return self._body(path, found.files[file], headers, more)

    def _body(self, path: str, body: bytes, headers, more: dict[str, str]) -> Answer:
        more = more | {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
        start = int((headers["Range"] or "bytes=0-")[6:].partition("-")[0])
        if start:
            more["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        cut = next((p for p in self.cut if fnmatch.fnmatch(path, p)), None)
        if path in self.archives or headers["Range"]:  # not a question before the download
            self.cut.discard(cut)
        length = len(body) // 2 if cut else None
        return Answer(206 if start else 200, body[start:], more, length)


def pickled(tensors=None) -> bytes:
    """pytorch_model.bin as PyTorch writes it."""
    import torch

    made = io.BytesIO()
    torch.save({k: torch.from_numpy(v) for k, v in (tensors or TENSOR).items()}, made)
    return made.getvalue()


def paper_models(encoders: dict, tokenizer: bytes) -> dict[str, Repository]:
    """The repositories of the paper's encoders, each with the files that its main branch has.

    encoders  of params.yaml: names, revisions, layers and widths are theirs
    """
    made = {}
    for entry in encoders.values():
        if entry["source"] != "hub":
            continue
        config = {
            "hidden_size": entry["width"], "num_hidden_layers": entry["layers"],
            "intermediate_size": 4 * entry["width"], "num_attention_heads": 2,
            "type_vocab_size": 2, "vocab_size": 30522,
        }  # fmt: skip
        files = {".gitattributes": b"*.bin lfs", "README.md": b"a card"}
        if entry["name"].startswith("prajjwal1/"):  # no safetensors, no tokenizer, no model_type
            files |= {"pytorch_model.bin": pickled(), "vocab.txt": b"[PAD]\n[UNK]\n"}
        elif "llama" in entry["name"].lower():
            config["model_type"] = "llama"
            names = [f"model-0000{n}-of-00004.safetensors" for n in range(1, 5)]
            files |= dict.fromkeys(names, save(TENSOR))
            table = {f"weight.{i}": name for i, name in enumerate(names)}
            index = {"metadata": {}, "weight_map": table}
            files |= {
                "model.safetensors.index.json": json.dumps(index).encode(),
                "tokenizer.json": tokenizer, "tokenizer_config.json": b"{}",
                "generation_config.json": b"{}", "original/consolidated.00.pth": b"not wanted",
            }  # fmt: skip
        else:
            config["model_type"] = "roberta" if "roberta" in entry["name"] else "bert"
            files |= {
                "model.safetensors": save(TENSOR), "pytorch_model.bin": b"not wanted",
                "tf_model.h5": b"not wanted", "onnx/model.onnx": b"not wanted",
                "tokenizer.json": tokenizer, "tokenizer_config.json": b"{}",
            }  # fmt: skip
            roberta = {"vocab.json": b"{}", "merges.txt": b"#version: 0.2\n"}
            files |= roberta if "roberta" in entry["name"] else {"vocab.txt": b"[PAD]\n"}
        files["config.json"] = json.dumps(config).encode()
        gated = entry["name"].startswith("meta-llama/")
        made[entry["name"]] = Repository(files, entry["revision"], gated)
    return made


def archive(width: int = 300) -> bytes:
    """GloVe's zip, of a few words."""
    rows = [" ".join([word, *["0.5"] * width]) for word in ("the", "first", "second", "title")]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        zipped.writestr("glove.840B.300d.txt", "\n".join(rows) + "\n")
    return made.getvalue()


def pin_stand_ins(params: dict, hub: StandIn, address: str) -> None:
    """Put the digests of the stand-ins into the registry, in place of those of the real bytes."""

    def pin(pins: dict, files: dict[str, bytes]) -> None:
        for file, known in pins.items():
            digest = hashlib.sha256(files[file]).hexdigest()
            if isinstance(known, dict):
                known["sha256"] = digest
            elif known is not None:
                pins[file] = digest

    for entry in params["encoders"].values():
        if entry["source"] == "glove":
            entry["name"] = f"{address}/data/glove.840B.300d.zip"
            pin(entry["sha256"], {"glove.840B.300d.zip": next(iter(hub.archives.values()))})
        elif entry["source"] == "hub":
            pin(entry.get("sha256", {}), hub.repositories[entry["name"]].files)
            other = entry.get("tokenizer")
            if other:
                pin(other["sha256"], hub.repositories[other["name"]].files)


def mind_repository(zips: Path) -> Repository:
    return Repository({p.name: p.read_bytes() for p in zips.glob("*.zip")})
