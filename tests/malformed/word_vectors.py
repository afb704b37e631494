"""Malformed word vectors and the zips that hold them, read by stages `checkpoint` and `embed`."""

import io
import stat
import zipfile

from case import Case, both, changed, folder, gone, holds, in_line, with_keys
from zipped import zipped

WORDS = "word0 0.1 0.2 0.3\nword1 0.4 0.5 0.6\nword2 0.7 0.8 0.9\n"
CHECKPOINT, EMBED = ("checkpoint", "glove"), ("embed", "static")
ZIP, TEXT, EMBEDDED = "own/glove.zip", "own/glove.txt", "checkpoints/static/vectors.txt"


def entry(path: str, **changes):
    """The encoder `glove` in params.yaml, at `path`."""
    glove = {"family": "words", "source": "glove", "name": path, "layers": 0, "width": 3}
    return with_keys("params.yaml", {"encoders/glove": glove | {"finetune_layers": 0} | changes})


# ---------------------------------------------------------------- text


def _texts() -> list[Case]:
    lines = [
        ("too few numbers", "word1 0.4 0.5", "line 2: 2 numbers after the word, expected 3"),
        ("a word alone", "word1", "line 2: 0 numbers after the word, expected 3"),
        ("blank", "", "line 2: 0 numbers after the word, expected 3"),
        ("no number", "word1 0.4 x 0.6", "line 2, word 'word1': not a number among its 3 values; expected"),
        ("a decimal comma", "word1 0,4 0.5 0.6", "line 2, word 'word1': not a number"),
        ("two spaces", "word1 0.4  0.6", "line 2, word 'word1': not a number"),
        ("nan", "word1 nan 0.5 0.6", "line 2, word 'word1': a value is not finite; expected finite"),
        ("inf", "word1 0.4 -inf 0.6", "line 2, word 'word1': a value is not finite; expected finite"),
        ("beyond float32", "word1 0.4 1e60 0.6", "line 2, word 'word1': a value is not finite; expected"),
        ("tabs", "word1\t0.4\t0.5\t0.6", "line 2: 0 numbers after the word, expected 3"),
        ("word2vec's first line", "3 3", "line 2: 1 numbers after the word, expected 3"),
    ]  # fmt: skip
    whole = [
        ("empty", b"", "holds no word of the corpus"),
        ("of a pickle's text", b"cnumpy\n", "line 1: 0 numbers after the word, expected 3"),
        ("UTF-16", WORDS.encode("utf-16"), "numbers after the word, expected 3"),
        ("NUL bytes", bytes(200), "line 1: 0 numbers after the word, expected 3"),
        ("a pickle", b"\x80\x04\x95\x10\x00.", "line 1: 0 numbers after the word, expected 3"),
        ("binary", bytes(range(256)) * 3, "line 1: "),
    ]
    cases = []
    for name, line, told in lines:
        spoil = both(holds(TEXT, WORDS.replace("word1 0.4 0.5 0.6", line)), entry(TEXT))
        cases.append(Case(f"vectors: {name}", CHECKPOINT, spoil, (TEXT, told)))
        many = in_line(EMBEDDED, 2, lambda _, line=line: _widened(line).encode())
        told = told.replace("expected 3", "expected 12").replace("its 3", "its 12")
        told = told.partition(": 2 numbers")[0].partition(": 1 numbers")[0]
        cases.append(Case(f"vectors.txt: {name}", EMBED, many, (EMBEDDED, told)))
    for name, content, told in whole:
        cases.append(
            Case(
                f"vectors: {name}",
                CHECKPOINT,
                both(holds(TEXT, content), entry(TEXT)),
                (TEXT, told),
            )
        )
        told = told.replace("expected 3", "expected 12")
        cases.append(
            Case(f"vectors.txt: {name}", EMBED, holds(EMBEDDED, content), (EMBEDDED, told))
        )
    latin = in_line(EMBEDDED, 2, lambda line: line.replace(b"word1", b"w\xf6rd"))
    return [
        *cases,
        Case("vectors.txt: latin-1", EMBED, latin, (EMBEDDED, "line 2: ", "is not UTF-8; expected UTF-8")),
        Case("vectors.txt: missing", EMBED, gone(EMBEDDED), (EMBEDDED, "no such file; run `dvc repro check")),
        Case("vectors: missing", CHECKPOINT, entry("nowhere.txt"), ("encoders.glove.name: nowhere.txt",)),
        Case("vectors: a folder", CHECKPOINT, both(folder("g.txt"), entry("g.txt")), ("g.txt: no such file",)),
        Case("vectors: not pinned", CHECKPOINT, entry("http://127.0.0.1:9/g.zip"), ("sha256: has no g.zip",)),
        Case("vectors: of other bytes", CHECKPOINT,
             both(holds(TEXT, WORDS), entry(TEXT, sha256={"glove.txt": "0" * 64})),
             ("encoders.glove.sha256: own/glove.txt has sha256 ", f"expected {'0' * 64}; it is not the pinned")),
    ]  # fmt: skip


def _widened(line: str) -> str:
    """The three numbers of a line as twelve."""
    word, *values = line.split(" ")
    return line if len(values) != 3 else " ".join([word, *(values * 4)])


# ---------------------------------------------------------------- zips


GOOD = zipped({"glove.txt": WORDS.encode()})


def _flagged(content: bytes, local: int, central: int, bits: int) -> bytes:
    """Bits set in a field of the local and of the central header."""
    changed_ = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        changed_[changed_.index(signature) + offset] |= bits
    return bytes(changed_)


def _link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("glove.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def _twice(member: str) -> bytes:
    return GOOD[:0] + zipped({f"a/{member}": b"x", f"b/{member}": b"y"})


def _zips() -> list[Case]:
    words, size = WORDS.encode(), len(WORDS).to_bytes(4, "little")
    leads_out = "refused, for a path in it leads out: "
    made = [
        *((f"path {name!r}", zipped({"glove.txt": words, name: b"x"}), leads_out) for name in (
            "../evil", "a/../../evil", "/etc/evil", "..\\evil", "\\evil", "C:\\evil", "c:evil",
            "//host/share/evil", "a/..", "../glove.txt",
        )),
        ("a link", _link(), "refused, for it holds a link: 'glove.txt'"),
        ("encrypted", _flagged(GOOD, 6, 8, 1), "encrypted; expected a zip without a password"),
        ("an unknown method", _flagged(GOOD, 8, 10, 0x40), "expected an ordinary zip"),
        ("the text missing", zipped({"other.txt": words}), "no file called glove.txt in it; expected one"),
        ("no member", zipped({}), "no file called glove.txt in it; expected one"),
        ("the text twice, in folders", _twice("glove.txt"), "2 files called glove.txt in it; expected one"),
        ("a folder called so", zipped({"glove.txt/": b""}), "no file called glove.txt in it; expected one"),
        ("a lying size", GOOD.replace(size, (10).to_bytes(4, "little")), "broken zip ("),
        ("a wrong checksum", GOOD.replace(GOOD[14:18], b"\0\0\0\0"), "broken zip ("),
        ("damaged in the middle", GOOD[:45] + b"\xff\xff\xff\xff" + GOOD[49:], "broken zip ("),
        ("no zip", b"<html>Public access is not permitted</html>", "broken zip ("),
        ("empty", b"", "broken zip ("),
        ("a gzip", b"\x1f\x8b\x08\x00" + bytes(60), "broken zip ("),
        ("a zip in the zip", zipped({"inner.zip": GOOD}), "no file called glove.txt in it; expected one"),
        ("a line too short", zipped({"glove.txt": b"word1 1\n"}), "line 1: 1 numbers after the word"),
        ("a bomb of one line", zipped({"glove.txt": bytes(50_000_000)}), "line 1: more than 4,194,304 bytes"),
        *((f"cut at {cut} of {len(GOOD)}", GOOD[:cut], "broken zip (") for cut in
          range(1, len(GOOD) - 1, len(GOOD) // 12)),
    ]  # fmt: skip
    return [
        Case(f"zip: {name}", CHECKPOINT, both(holds(ZIP, content), entry(ZIP)), (ZIP, told))
        for name, content, told in made
    ] + [Case("zip: pinned to other bytes", CHECKPOINT,
              both(holds(ZIP, GOOD), entry(ZIP, sha256={"glove.zip": "0" * 64})),
              ("encoders.glove.sha256: own/glove.zip has sha256 ", f"expected {'0' * 64}"))]  # fmt: skip


# ---------------------------------------------------------------- zips of MIND, found by their pins


def _mind() -> list[Case]:
    own = with_keys(
        "params.yaml", {"profile": "mind", "data/path": "zips", "data/release": "small"}
    )
    train, dev, data = "zips/MINDsmall_train.zip", "zips/MINDsmall_dev.zip", ("data",)
    tables = "releases/small/dev/tables/news.tsv"

    def case(name: str, spoil, *told: str) -> Case:
        return Case(f"MIND's zips: {name}", data, both(own, spoil), told)

    return [
        case("cut short", changed(train, lambda b: b[:-1]), train, "bytes, expected ", "get it again"),
        case("empty", holds(dev, b""), dev, "0 bytes, expected ", "get it again"),
        case("other bytes", changed(dev, lambda b: b[:-1] + b"\0"[:1] if b[-1:] != b"\0" else b[:-1] + b"\1"),
             dev, "sha256 ", "expected ", "get it again"),
        case("one missing", gone(dev), "data.path: zips holds no dev", "expected one"),
        case("a larger table", with_keys("pins.yaml", {tables: 3}), dev, "news.tsv in it has more than 3 bytes"),
        case("a smaller table", with_keys("pins.yaml", {tables: 10**7}), dev, "expected 10,000,000; not the"),
        case("beyond the ceiling", with_keys("pins.yaml", {tables: None, "ceiling": 20}),
             "zip: news.tsv in it has more than 20 bytes, the most that is accepted"),
        case("no folder", with_keys("params.yaml", {"data/path": "nowhere"}), "data.path: nowhere: no such"),
        case("a folder with a larger table", both(with_keys("params.yaml", {"data/path": "data/raw"}),
             changed("data/raw/train/news.tsv", lambda b: b + b"\n")),
             "data/raw/train/news.tsv: ", "bytes, expected ", "not the released file"),
    ]  # fmt: skip


CASES = [*_texts(), *_zips(), *_mind()]
