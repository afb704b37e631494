"""Whatever bytes a reader is given, it gives a value or one line of its own: no other exception.

Bytes are arbitrary, or those of a sound file with some of them changed, cut or repeated.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submissions import BEHAVIORS, RANKS
from word_vectors import GOOD, WORDS

from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.encoders.sources.tensors import opened
from replication.encoders.sources.words import read_vectors
from replication.encoders.tokens import load_tokenizer
from replication.evaluation.predictions import score_predictions
from replication.files.archives import read_member
from replication.files.documents import read_json, read_yaml
from replication.files.errors import StudyError
from replication.mind.behaviors import read_behaviors
from replication.mind.columns.prepared import load_prepared
from replication.mind.columns.ragged import Ragged
from replication.mind.news import read_news
from replication.mind.prepare import prepare
from replication.mind.releases import load_pins
from replication.paper.claims import load_claims
from replication.paper.cross_checks import load_cross_checks
from replication.paper.values import HEADER, load_values
from replication.study.params import load_params

ROW = ",".join(HEADER) + "\nnrms,bert-base,frozen,,,auc,66.86,Table 9\n"
SMALL_YAML = b"a: &x {b: [1, 2.5e-3, null, 'c'], d: '2019-11-09'}\ne: *x\nf: !!int 3\n"


@dataclass(frozen=True)
class Reader:
    """`path` of the spoilable project is changed, then read; `sound` stands in for its content."""

    name: str
    path: str
    read: Callable[[Path], object]
    sound: bytes | None = None
    examples: int = 60

    def __str__(self) -> str:
        return self.name


def _tensors(path: Path) -> None:
    with opened(path) as tensors:
        for key in tensors.keys():  # noqa: SIM118 - no dictionary
            tensors.get_tensor(key)


def _prepare(path: Path) -> None:
    news = read_news(Path("data/raw/train/news.tsv"))["news_id"]
    read_behaviors(path, news)


READERS = [
    Reader("YAML", "a.yaml", read_yaml, SMALL_YAML, 200),
    Reader("JSON", "a.json", read_json, b'{"a": [1, 2.5e-3, null, "\\u00e9"], "b": {}}', 100),
    Reader("parameters", "params.yaml", load_params, examples=40),
    Reader("claims", "claims.yaml", load_claims, examples=25),
    Reader("cross-checks", "cross_checks.yaml", load_cross_checks, examples=25),
    Reader("pins", "pins.yaml", load_pins, examples=25),
    Reader("values", "values.csv", load_values, ROW.encode(), 100),
    Reader("news", "data/raw/train/news.tsv", read_news, examples=100),
    Reader("behaviors", "data/raw/train/behaviors.tsv", _prepare, examples=100),
    Reader("tables", "data/raw/dev/news.tsv", lambda p: prepare(Path("data/raw"), Path("out")), examples=40),
    Reader("predictions", "p.txt", lambda p: score_predictions(Path("b.tsv"), p, samples=5), RANKS.encode(), 100),
    Reader("labels", "b.tsv", lambda p: score_predictions(p, Path("p.txt"), samples=5), BEHAVIORS.encode(), 100),
    Reader("zip", "own.zip", lambda p: list(read_member(p, "glove.txt", 10_000)), GOOD, 200),
    Reader("vectors", "v.txt", lambda p: read_vectors(p, ["word0", "word1"], 3), WORDS.encode(), 100),
    Reader("safetensors", "bert/model.safetensors", _tensors, examples=100),
    Reader("tokenizer", "bert/tokenizer.json", lambda p: load_tokenizer(p.parent), examples=60),
    Reader("source", "checkpoints/minilm/source.json", lambda p: checkpoint_digest("minilm"), examples=40),
    Reader("offsets", "data/prepared/test/candidates.offsets.npy",
           lambda p: Ragged.load(p.parent, "candidates"), examples=100),
    Reader("prepared", "data/prepared/meta.json", lambda p: load_prepared(Path("data/prepared")), examples=60),
    Reader("articles", "data/prepared/articles.parquet", lambda p: load_prepared(Path("data/prepared")), examples=40),
]  # fmt: skip

ODD = [b"", b"\0", b"\xff", b"\n", b"\t", b"\r", b'"', b"-1", b"nan", b"1e999", b"[", b"{", b"]", b": ",
       b"9" * 30, b"\xef\xbb\xbf", b"\xed\xa0\x80", b" ", b",", b"&a ", b"*a", b"!!int ", b"null"]  # fmt: skip


@st.composite
def mutated(draw, sound: bytes) -> bytes:
    """Sound bytes with one to four places replaced, taken out, repeated, or cut off after."""
    content = sound
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        width = draw(st.integers(0, 8))
        kind = draw(st.sampled_from(["put", "put", "bytes", "cut", "repeat"]))
        if kind == "put":
            content = content[:at] + draw(st.sampled_from(ODD)) + content[at + width :]
        elif kind == "bytes":
            content = content[:at] + draw(st.binary(max_size=8)) + content[at + width :]
        elif kind == "cut":
            content = content[:at]
        else:
            content = content[:at] + content[at : at + width * 8] * 2 + content[at + width * 8 :]
    return content


@pytest.fixture(scope="module")
def project(spoilable, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fuzzed") / "project"
    shutil.copytree(spoilable, folder)
    (folder / "b.tsv").write_text(BEHAVIORS, encoding="utf-8")
    (folder / "p.txt").write_text(RANKS, encoding="utf-8")
    return folder


# Anchors that are used again are what the text holds.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
@pytest.mark.parametrize("reader", READERS, ids=str)
def test_any_bytes_give_a_value_or_one_line(reader, project, monkeypatch):
    monkeypatch.chdir(project)
    path = Path(reader.path)
    before = path.read_bytes() if path.exists() else None
    sound = reader.sound or before

    @settings(
        max_examples=reader.examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.one_of(mutated(sound), mutated(sound), st.binary(max_size=200)))
    def read(content: bytes) -> None:
        path.write_bytes(content)
        try:
            reader.read(path)
        except StudyError as error:
            assert len(str(error).splitlines()) == 1, str(error)

    path.write_bytes(sound)
    reader.read(path)  # a sound one is read
    try:
        read()
    finally:
        if before is not None:
            path.write_bytes(before)
