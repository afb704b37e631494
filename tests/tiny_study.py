"""A whole study small enough for tests: MIND files, word vectors, a random BERT, parameters.

`write_project` fills a folder that `replication` can run in; the other functions make impressions
and recommenders directly, without files.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import nn

from replication.encoders.models.text import Places, WordVectors
from replication.mind.columns.prepared import Impressions
from replication.mind.columns.ragged import Ragged
from replication.recommenders import LSTUR, RECOMMENDERS, Recommender, Sizes
from replication.study import paths
from replication.study.params import Params, load_protocol

ROOT = Path(__file__).parents[1]
WORDS = [f"word{i}" for i in range(30)]
SIZES = Sizes(filters=12, query=8, heads=3, cls_heads=4, category=6, aligned_start=False)
WIDTH = 12  # of the word vectors

# ---------------------------------------------------------------- a project on disk


def write_project(folder: Path, monkeypatch) -> None:
    """MIND files, prepared data, two checkpoints and their embeddings; parameters to match."""
    from replication.encoders.models.embed import embed
    from replication.encoders.sources.checkpoints import fetch_checkpoint
    from replication.mind.prepare import prepare
    from replication.study.params import load_params

    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder)
    shutil.copytree(ROOT / "conf", "conf")
    _write_params(Path("params.yaml"))
    _write_mind(paths.RAW)
    prepare(paths.RAW, paths.PREPARED)
    _write_vectors(paths.CHECKPOINTS / "static")
    _write_bert(Path("bert"))
    params = load_params()
    fetch_checkpoint("minilm", params)
    for name in params.encoders:
        embed(name, params)


def change(params: Params, protocol: str | None = None, **changes) -> Params:
    """`params` with other values; `protocol` names a group, keys of it are flipped."""
    group = load_protocol(protocol) if protocol else params.protocol
    flips = {k: changes.pop(k) for k in list(changes) if hasattr(group, k)}
    return replace(params, protocol=replace(group, **flips), **changes)


def with_schedule(params: Params, **changes) -> Params:
    """`params` with the schedules of all tunings changed alike."""
    training = params.training
    kinds = ("frozen", "tuned_words", "tuned_layers")
    schedules = {k: replace(getattr(training, k), **changes) for k in kinds}
    return replace(params, training=replace(training, **schedules))


def _write_params(path: Path) -> None:
    """The committed parameters, with small widths and two encoders."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["text"] = {"title_tokens": 6, "abstract_tokens": 8}
    params["history"] = 5
    params["model"] |= {"filters": 12, "query": 8, "heads": 3, "cls_heads": 4, "category": 6}
    params["evaluation"]["bootstrap_samples"] = 50
    params["training"]["precision"] = "fp32"
    for tuning in ("frozen", "tuned_words", "tuned_layers"):
        params["training"][tuning] |= {
            **{"batch_size": 16, "max_epochs": 2, "max_steps": 5, "evaluate_every": 2},
            **{"learning_rate": 0.01, "encoder_learning_rate": 0.01, "patience": 3},
            "start": "fresh",
        }
    common = {"source": "folder", "name": "bert"}
    params["encoders"] = {
        "static": {"family": "words", "layers": 0, "width": WIDTH, "finetune_layers": 0} | common,
        "minilm": {"family": "transformer", "layers": 3, "width": 16, "finetune_layers": 2}
        | common,
    }
    params["grid"] |= {"encoders": ["static", "minilm"], "llms": []}
    params["grid"]["also"] = {key: [] for key in params["grid"]["also"]}
    params["sweep"] = {"encoder": "minilm", "layers": ["k0", "k3"], "protocol": "clean"}
    words = {"recommender": "lstur", "frozen": "static", "finetuned": "static"}
    params["audit"] |= {"pairs": {"words": words}, "max_steps": 2}
    params["paper"] = {"glove": "static", "bert-base": "minilm"}
    params["adapters"] = {}
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def _write_mind(raw: Path, articles: int = 40, train: int = 60, test: int = 30) -> None:
    """Users U0 to U19 train, U10 to U29 test; every fifth has no history, some share one."""
    rng = np.random.default_rng(7)

    def text(longest: int) -> str:
        return " ".join(rng.choice(WORDS, rng.integers(1, longest + 1)))

    def pick(count: int) -> list[int]:
        return rng.choice(articles, count, replace=False).tolist()

    rows = [
        [f"N{i}", f"cat{i % 3}", f"sub{i % 5}", text(9), text(12) if i % 4 else "", "", "[]", "[]"]
        for i in range(articles)
    ]
    # Two users in three have a history of their own; the length passes the limit of 5 for some.
    history = {f"U{u}": pick(u % 9) if u % 5 else [] for u in range(30)}
    history["U11"] = history["U12"] = pick(3)
    for split, count, days, first in (("train", train, (9, 10, 11), 0), ("dev", test, (15,), 10)):
        behaviors = []
        for i in range(count):
            user = f"U{first + i % 20}"
            shown = pick(int(rng.integers(4, 9)))
            clicks = rng.permutation([1] * (1 + i % 2) + [0] * (len(shown) - 1 - i % 2))
            time = f"11/{days[i % len(days)]}/2019 {1 + i % 11}:15:00 AM"
            read = " ".join(f"N{a}" for a in history[user])
            candidates = " ".join(f"N{a}-{c}" for a, c in zip(shown, clicks, strict=True))
            behaviors.append([str(i + 1), user, time, read, candidates])
        (raw / split).mkdir(parents=True)
        for name, lines in (("news.tsv", rows), ("behaviors.tsv", behaviors)):
            table = "".join("\t".join(line) + "\n" for line in lines)
            (raw / split / name).write_text(table, encoding="utf-8")


def _write_vectors(folder: Path) -> None:
    """Word vectors by hand; the last two words have none."""
    folder.mkdir(parents=True)
    table = np.random.default_rng(3).normal(size=(len(WORDS) - 2, WIDTH))
    lines = [f"{w} {' '.join(f'{x:.4f}' for x in v)}\n" for w, v in zip(WORDS, table, strict=False)]
    (folder / "vectors.txt").write_text("".join(lines), encoding="utf-8")
    origin = {"encoder": "static", "source": "folder", "sha256": {"vectors.txt": "by hand"}}
    (folder / "source.json").write_text(json.dumps(origin), encoding="utf-8")


def _write_bert(folder: Path) -> None:
    """A random BERT of three layers with a tokenizer of whole words, and no pooler (as many
    checkpoints: Hugging Face then draws one when it loads them)."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: i for i, word in enumerate(special + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


# ---------------------------------------------------------------- impressions without files


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    """Rows of integers as int32."""
    values = np.array([v for row in rows for v in row], dtype=np.int32)
    return Ragged.from_lengths(values, np.array([len(row) for row in rows], dtype=np.int64))


def impressions_of(rows: Sequence[tuple[int, list[int], list[int], list[int]]]) -> Impressions:
    """Impressions from (user, history, candidates, labels); equal (user, history) share a row."""
    users, histories, candidates, labels = zip(*rows, strict=True)
    pairs = list(dict.fromkeys((u, tuple(h)) for u, h in zip(users, histories, strict=True)))
    row = {pair: i for i, pair in enumerate(pairs)}
    return Impressions(
        impression_id=np.arange(1, len(rows) + 1),
        user=np.array(users, dtype=np.int32),
        time=np.zeros(len(rows), dtype=np.int64),
        history_row=np.array(
            [row[u, tuple(h)] for u, h in zip(users, histories, strict=True)], dtype=np.int32
        ),
        user_of_history=np.array([u for u, _ in pairs], dtype=np.int32),
        histories=ragged([h for _, h in pairs]),
        candidates=ragged(candidates),
        labels=np.array([v for row in labels for v in row], dtype=np.int8),
    )


def random_impressions(
    count: int, articles: int, users: int, rng: np.random.Generator, longest: int = 8
) -> Impressions:
    """Impressions drawn at random: histories from empty to `longest`, one or two clicks each."""
    rows = []
    for _ in range(count):
        shown = 1 + rng.choice(articles, rng.integers(3, 8), replace=False)
        clicks = rng.permutation(np.arange(len(shown)) < rng.integers(1, 3)).astype(int)
        history = rng.integers(1, articles + 1, rng.integers(0, longest + 1))
        user = int(rng.integers(1, users + 1))
        rows.append((user, history.tolist(), shown.tolist(), clicks.tolist()))
    return impressions_of(rows)


# ---------------------------------------------------------------- recommenders without files


def recommender(
    name: str,
    articles: int = 20,
    users: int = 6,
    masked: bool = True,
    head: str = "token",
    zero_padded: bool = False,
    reads_padding: bool = False,
    length: int | None = None,
    titles: Sequence[Sequence[int]] | None = None,
    vectors: torch.Tensor | None = None,
    trainable: bool = False,
    sizes: Sizes = SIZES,
    seed: int = 0,
) -> Recommender:
    """A recommender over word vectors; articles differ in length (one to six words).

    titles   word ids (from 1) of each article, row 0 the padding article
    length   a fixed number of positions; needed, 6 if not given, where nothing is masked
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if titles is None:
            titles = [[0]] + [rng.integers(1, 30, 1 + a % 6).tolist() for a in range(articles)]
        if vectors is None:
            vectors = torch.randn(30, WIDTH)
        vectors = vectors.clone()
        vectors[0] = 0
        table = nn.Embedding.from_pretrained(vectors, freeze=not trainable, padding_idx=0)
        words = ragged(titles)
        if not masked and length is None:
            length = 6
        kind = RECOMMENDERS[name]
        text = nn.ModuleDict(
            {
                field: WordVectors(table, words.values, Places(words.offsets, length), masked)
                for field in kind.fields
            }
        )
        labels = torch.from_numpy(rng.integers(1, 5, (len(titles), 2)))
        labels[0] = 0
        model = kind(text, labels, 4, users, sizes, head, masked, zero_padded)
        if isinstance(model, LSTUR):
            model.reads_padding = reads_padding
        if model.no_click is not None:  # it starts at zero: make it matter
            nn.init.normal_(model.no_click)
    return model
