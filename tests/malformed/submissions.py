"""Malformed prediction files and the behaviours beside them, which `score` reads."""

from case import Case, both, folder, gone, holds

BEHAVIORS = (
    "1\tU1\t11/15/2019 8:55:22 AM\tN1 N2\tN3-0 N4-1 N5-0\n"
    "2\tU2\t11/15/2019 8:56:00 AM\t\tN3-1 N4-0\n"
    "3\tU3\t11/15/2019 8:57:00 AM\tN9\tN6-0 N7-1 N3-1 N8-0\n"
)
RANKS = "1 [2,1,3]\n2 [2,1]\n3 [4,1,3,2]\n"
SCORE = ("score", "--behaviors", "b.tsv", "--predictions", "p.txt")
GOOD = both(holds("b.tsv", BEHAVIORS), holds("p.txt", RANKS))


def _given(name: str, content: str | bytes, *told: str, reading: str = "auto") -> Case:
    spoil = both(GOOD, holds("p.txt", content))
    return Case(f"predictions: {name}", (*SCORE, "--reading", reading), spoil, ("p.txt", *told))


def _second(content: str, *told: str, reading: str = "auto") -> Case:
    """Line 2 is another one."""
    text = RANKS.replace("2 [2,1]", content)
    return _given(f"{content[:20]!r} ({reading})", text, *told, reading=reading)


def _truth(name: str, content: str | bytes, *told: str) -> Case:
    spoil = both(GOOD, holds("b.tsv", content))
    return Case(f"labels: {name}", SCORE, spoil, ("b.tsv", *told))


ITEM, LINE = "line 2, field list, item ", "line 2, field whole line: "
CASES = [
    _given("empty", "", "line 1, field whole line: the file is empty", "expected one line per"),
    _given("blank line at the end", RANKS + "\n", "line 4, field whole line: ''"),
    _given("latin-1", b"1 [2,1,3]\n2 [\xe9,1]\n", "line 2", "expected UTF-8"),
    _given("UTF-16", RANKS.encode("utf-16"), "line 1", "expected UTF-8"),
    _given("byte order mark in the middle", RANKS.replace("\n2", "\n\ufeff2"), "line 2, field impression id",
           "(with a byte order mark)"),
    _given("JSON", '{"1": [2, 1, 3]}\n', "line 1, field whole line", "IMPRESSION_ID ["),
    _given("CSV", "1,2,1,3\n2,2,1\n", "line 1, field whole line", "IMPRESSION_ID ["),
    _given("NUL bytes", "\0" * 40, "line 1, field whole line", "IMPRESSION_ID ["),
    _given("one missing", "1 [2,1,3]\n3 [4,1,3,2]\n", "field impression id: 2", "is missing; expected"),
    _given("one too many", RANKS + "4 [1]\n", "line 4, field impression id: 4 is unknown; expected"),
    _given("one twice", RANKS + "2 [1,2]\n", "line 4, field impression id: 2 as on line 2; expected"),
    _given("one line without an end", "1 [2,1,3]\n2 [2,1", LINE, "expected IMPRESSION_ID"),
    *(_second(text, LINE, "expected IMPRESSION_ID [number,number,...]") for text in (
        "", "2", "2 2,1", "2 []", "2 [2,1", "2 2,1]", "2 [2,1] 3", "2 [[2,1]]", "2 (2,1)", "[2,1]",
    )),
    *(_second(text, "line 2, field impression id: ", "expected a whole number") for text in (
        "x [2,1]", "2.0 [2,1]", "-2 [2,1]", "9" * 40 + " [2,1]", "0x2 [2,1]", "½ [2,1]",
    )),
    *(_second(text, "line 2, field list: ", "numbers; expected 2, one per candidate") for text in (
        "2 [2]", "2 [2,1,3]", "2 [1,2,3,4,5,6,7,8,9]",
    )),
    *(_second(text, ITEM, "expected a finite number") for text in (
        "2 [2,one]", "2 [2,]", "2 [,2]", "2 [nan,1]", "2 [2,-inf]", "2 [1e999,1]", "2 [2;1,1]",
        "2 [2,1 2]", "2 [None,1]", "2 [0x1,2]", '2 ["1",2]', "2 [1,٣x]",
    )),
    *(_second(text, "line 2, field list: not a ranking; expected each of 1 to 2", reading="ranks")
      for text in ("2 [1,1]", "2 [0,1]", "2 [2,3]", "2 [1.5,2]", "2 [-1,2]", "2 [1e9,2]")),
    _truth("empty", "", "line 1, field impression_id: the file is empty; expected"),
    _truth("four columns", "1\tU\tT\tN1-0\n", "line 1, field impressions: 4 fields; expected 5"),
    _truth("six columns", BEHAVIORS + "4\tU\tT\t\tN1-0\tx\n", "line 4, field impressions: 6"),
    _truth("blank line", BEHAVIORS + "\n", "line 4, field impression_id: blank line; expected 5"),
    _truth("no number as id", "U\tU\tT\t\tN1-0\n", "line 1, field impression_id: not an integer: 'U'; expected"),
    _truth("id twice", BEHAVIORS + "2\tU\tT\t\tN1-0\n", "line 4, field impression_id: '2' stands on line 2"),
    _truth("no user", "1\t \tT\t\tN1-0\n", "line 1, field user_id: no user: ' ' (with a leading space"),
    *(_truth(f"candidates {text!r}", BEHAVIORS + f"4\tU\tT\t\t{text}\n",
             "line 4, field impressions: ", "expected items like N55689-1 N35729-0")
      for text in ("", "N1", "N1-2", "N1-0 N2", "N1-0  N2-1", "N1-0 ")),
    *(_truth(f"candidates {text!r}", BEHAVIORS + f"4\tU\tT\t\t{text}\n",
             "line 4, field impressions: no such article", "expected the id of an article")
      for text in ("-0", "N1--1", "N1-0-1", "N1-1,N2-0")),
    _truth("latin-1", b"1\tU\tT\t\xe9\tN1-0\n", "line 1", "expected UTF-8"),
    Case("predictions: missing", SCORE, both(GOOD, gone("p.txt")), ("p.txt: no such file", "expected")),
    Case("labels: missing", SCORE, both(GOOD, gone("b.tsv")), ("b.tsv: no such file", "expected")),
    Case("predictions: a folder", SCORE, both(GOOD, folder("p.txt")), ("p.txt: no such file", "expected")),
]  # fmt: skip
