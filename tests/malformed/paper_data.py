"""Malformed claims, cross-checks and values of the paper, and pins of MIND's downloads.

claims.yaml, cross_checks.yaml, values.csv and pins.yaml are parts of the package; in these projects
the commands read copies of them.
"""

import json

from case import ABSENT, Case, both, changed, folder, gone, holds, replaced, with_keys

from replication.paper.values import HEADER

COMPARE, IMPORT, TEMPLATE = (
    ("compare",),
    ("paper", "import", "own.csv"),
    ("paper", "template", "own.csv"),
)
CLAIMS, CHECKS, PINS = "claims.yaml", "cross_checks.yaml", "pins.yaml"
HEAD, ROW = ",".join(HEADER) + "\n", "nrms,bert-base,frozen,,,auc,66.86,Table 9\n"


def _other(path: str, name: str, changes: dict[str, object]) -> list[Case]:
    """The first entry with another value for one key; ABSENT: without it."""
    return [
        Case(
            f"{path}: {key} {'absent' if value is ABSENT else json.dumps(value)}",
            COMPARE,
            with_keys(path, {f"0/{key}": value}),
            (path, f"{name}: ", f"{key.partition('/')[0]}"),
        )
        for key, values in changes.items()
        for value in values
    ]


def _claims() -> list[Case]:
    kinds = _other(CLAIMS, "claim C1", {
        "value": ["high", None, True, [1], ABSENT], "tolerance": [0, -1, "wide", ABSENT],
        "source": ["hearsay", "", 3, ABSENT], "confidence": ["high", ABSENT], "kind": ["hope", ABSENT],
        "recommender": ["npa", ["nrms"], ABSENT], "model": ["gpt", ABSENT], "metric": ["f1", ABSENT],
        "statement": ["", ["a"], ABSENT], "tolerance_reason": [None, "", ABSENT], "groups": [5],
    })  # fmt: skip
    raw = [(".nan", "nan: expected a finite number"), ("2019-11-09", "2019-11-09: expected text; quote it"),
           ("-.inf", "-inf: expected a finite number"), ("!!set {a}", "expected text, a number")]  # fmt: skip
    return kinds + [
        Case(f"claims: value {value}", COMPARE, replaced(CLAIMS, '"value": 3.58', f'"value": {value}'),
             (CLAIMS, "C1.value: ", told)) for value, told in raw
    ]  # fmt: skip


def _checks() -> list[Case]:
    return _other(CHECKS, "cross-check mind-naml", {
        "source": ["", 3, ABSENT], "data": ["", ABSENT], "model": [3, ABSENT], "recommender": ["npa", ABSENT],
        "encoder": ["gpt"], "metrics": [{"auc": 0.6}, {"auc": 66.8}, 0.6, {"f1": 0.6}, ABSENT],
        "sd": [{"auc": -1}, None, ABSENT], "note": ["", 1],
    })  # fmt: skip


def _entries(path: str, named: str) -> list[Case]:
    """What is the same for both lists of entries."""

    def case(name, spoil, *told) -> Case:
        return Case(f"{path}: {name}", COMPARE, spoil, (path, *told))

    twice = changed(path, lambda b: json.dumps(json.loads(b) * 2).encode())
    surplus = with_keys(path, {"0/surplus": 1})
    nameless = with_keys(path, {"1/id": ABSENT})
    return [
        case("an id twice", twice, f"{named} ", "id: stands twice; expected each id once"),
        case("a surplus field", surplus, "surplus: is no field of it; remove it"),
        case("no id", nameless, f"{named} at place 2: id: is missing"),
        case("missing", gone(path), "no such file"),
        case("empty", holds(path, ""), f"expected a list, one {named} per item"),
        case("a mapping", holds(path, "a: 1\n"), f"expected a list, one {named} per item"),
        case("a list of numbers", holds(path, "[1, 2]\n"), f"{named} at place 1: "),
        case("a list of lists", holds(path, "[[a]]\n"), f"{named} at place 1: "),
        case("broken", holds(path, "- id: [\n"), "line ", "not valid YAML"),
        case("Python", holds(path, "- !!python/name:os.system\n"), "line 1: not valid YAML"),
        case("latin-1", changed(path, lambda b: b + b"\n# caf\xe9\n"), "byte 0xe9 is not UTF-8"),
        case("nested", holds(path, "[" * 500), "not valid YAML: nested too deeply"),
    ]


def _values() -> list[Case]:
    def row(name: str, text: str, *told: str) -> Case:
        return Case(f"values: {name}", IMPORT, holds("own.csv", HEAD + text), ("own.csv", *told))

    def other(old: str, new: str, *told: str) -> Case:
        return row(f"{new!r} for {old!r}", ROW.replace(old, new), "line 2, column ", *told)

    def whole(name: str, content: str | bytes, *told: str) -> Case:
        return Case(f"values: {name}", IMPORT, holds("own.csv", content), ("own.csv", *told))

    number = "expected a number as printed"
    return [
        *(other("66.86", text, "value: ", number) for text in (
            "high", "66.86%", "66 86", "-66.86", "+66.86", "6.686e1", "nan", "inf", "66.8.6", ".", "0x42",
            "٦٦", "66.86±.2", "1_0",
        )),
        other("66.86", "0", "value: '0'", "expected 0.4 to 1, or 40.0 to 100 in percent"),
        other("66.86", "668.6", "value: '668.6'", "expected 0.4 to 1"),
        other("66.86", "39.9", "value: '39.9'", "expected 0.4 to 1"),
        other("nrms", "npa", "recommender: 'npa'; expected naml, nrms, lstur"),
        other("nrms", "NRMS", "recommender: 'NRMS'; expected naml, nrms, lstur"),
        other("bert-base", "gpt", "model: 'gpt'; expected glove, bert-tiny"),
        other("frozen", "half", "tuning: 'half'; expected frozen, finetuned"),
        other("auc", "f1", "metric: 'f1'; expected auc, mrr"),
        other("frozen,", "frozen,3", "layers: '3'; expected nothing, 0, 2"),
        other("frozen,,", "frozen,,9", "group: '9'; expected nothing, 1, 2"),
        other("frozen,,", "frozen,2,1", "layers and group: no such cell; expected a row of the template"),
        other("Table 9", " ", "source: nothing; expected where the value stands"),
        other("Table 9", "Table 9, p. 1", "all: 9 columns; expected 8; quote"),
        row("a cell twice", ROW + ROW, "line 3, column recommender to metric: as on line 2; expected each"),
        row("percent and fractions", ROW + ROW.replace("frozen", "finetuned").replace("66.86", ".6686"),
            "line 3, column value: '.6686'; expected percent, as on line 2"),
        row("an open quote", ROW.replace("Table 9", '"Table 9'), "expected a CSV row with balanced quotes"),
        row("no value", ROW.replace("66.86", ""), "column value: is empty throughout; expected one"),
        whole("a header alone", HEAD, "column value: is empty throughout; expected one"),
        whole("another header", HEAD.replace("group,", "") + ROW, "line 1, column all: another header; expected"),
        whole("no header", ROW, "line 1, column all: another header; expected recommender,model"),
        whole("empty", "", "line 1, column all: the file is empty; expected recommender"),
        whole("latin-1", HEAD.encode() + b"caf\xe9\n", "line 2, column all: not UTF-8; expected the file saved"),
        whole("UTF-16", (HEAD + ROW).encode("utf-16"), "line 1, column all: not UTF-8; expected the file"),
        whole("NUL bytes", HEAD + "\0" * 20 + "\n", "line 2, column "),
        whole("an Excel file", b"PK\x03\x04" + bytes(range(256)), "line ", "not UTF-8; expected the file"),
        Case("values: missing", IMPORT, lambda: None, ("own.csv: No such file", "expected a CSV file")),
        Case("values: a folder", IMPORT, folder("own.csv"), ("own.csv: Is a directory", "expected a CSV")),
        Case("values: a template over somebody's work", TEMPLATE, holds("own.csv", HEAD + ROW),
             ("own.csv: exists already; expected the name of a new file",)),
        Case("values: of the package, by hand", COMPARE, holds("values.csv", HEAD + ROW.replace("66.86", "high")),
             ("values.csv, line 2, column value: 'high'; expected a number",)),
    ]  # fmt: skip


def _pins() -> list[Case]:
    small = "releases/small/train"
    values = [
        ("repository", 3, "repository: "), ("ceiling", "large", "ceiling: "), ("surplus", 1, "unknown key surplus"),
        (f"{small}/hub/bytes", "1", "releases.small.train.hub.bytes: "),
        (f"{small}/hub/bytes", 1.5, "releases.small.train.hub.bytes: "),
        (f"{small}/hub/size", 1, "unknown key releases.small.train.hub.size; accepted: bytes, grade, md5, sha256"),
        (f"{small}/hub", None, "releases.small.train.hub: "), (small, [], "releases.small.train: "),
        (f"{small}/tables", {"news.tsv": "x"}, "releases.small.train.tables.news.tsv: "),
        ("releases/small/figures", {"train": 3}, "releases.small.figures.train: "),
        ("releases", {}, "releases.demo: is missing"), ("page", None, "page: "),
    ]  # fmt: skip
    downloads = with_keys(
        "params.yaml", {"profile": "mind", "data/path": PINS, "data/release": "small"}
    )
    cases = [
        Case(
            f"pins: {key} {value}",
            ("data",),
            both(downloads, with_keys(PINS, {key: value})),
            (PINS, told),
        )
        for key, value, told in values
    ]
    texts = [
        ("empty", "", "(top level): "), ("broken", "a: [", "line 1: not valid YAML"),
        ("a date", "repository: 2019-11-09\n", "repository: 2019-11-09: expected text; quote it"),
        ("Python", "!!python/name:os.system\n", "line 1: not valid YAML"), ("latin-1", b"\xe9", "not UTF-8"),
    ]  # fmt: skip
    cases += [
        Case(f"pins: {name}", ("data",), both(downloads, holds(PINS, content)), (PINS, told))
        for name, content, told in texts
    ]
    without = with_keys("params.yaml", {"profile": "mind", "data/path": PINS, "data/release": None})
    told = ("data.release: null is not accepted", "accepted: demo, small, large")
    return [*cases, Case("pins: of no release", ("data",), without, told)]


CASES = [
    *_claims(), *_entries(CLAIMS, "claim"), *_checks(), *_entries(CHECKS, "cross-check"), *_values(), *_pins(),
]  # fmt: skip
