"""Malformed news.tsv and behaviors.tsv, which stage `prepare` reads."""

import gzip
import re
from itertools import product

from case import Case, both, changed, folder, gone, holds, in_field, in_line

from replication.mind import behaviors, news

PREPARE = ("prepare",)
NEWS, BEHAVIORS = news.FIELDS, behaviors.FIELDS
TRAIN, DEV = "data/raw/train", "data/raw/dev"


def _field(name, path, line, fields, column, content, *told) -> Case:
    where = (path, f"line {line}, field {fields[column]}: ")
    return Case(name, PREPARE, in_field(path, line, column, content), (*where, *told))


def _of_every_table() -> list[Case]:
    """What no line of either table may be."""
    cases = []
    for split, (table, fields) in product((TRAIN, DEV), (("news", NEWS), ("behaviors", BEHAVIORS))):
        path, width = f"{split}/{table}.tsv", len(fields)
        for kept in range(1, width):
            cut = in_line(path, 4, lambda line, k=kept: b"\t".join(line.split(b"\t")[:k]))
            told = (path, f"line 4, field {fields[kept]}: ", f"{kept} fields; expected {width}")
            cases.append(Case(f"{path}: {kept} fields", PREPARE, cut, told))
        for column, field in enumerate(fields):
            told = (path, f"line 2, field {field}: ")
            for what, content, problem in (
                ("latin-1", b"caf\xe9", "byte 0xe9 is not UTF-8; expected UTF-8"),
                ("NUL", b"a\0b", "a NUL byte; expected text"),
            ):
                spoil = in_field(path, 2, column, content)
                cases.append(Case(f"{path}: {what} in {field}", PREPARE, spoil, (*told, problem)))
        first, last = f"line 1, field {fields[0]}: ", f"field {fields[-1]}: "
        blank = in_line(path, 3, lambda line: line + b"\n")
        extra = in_line(path, 3, lambda line: line + b"\tmore")
        cases += [
            Case(f"{path}: a blank line", PREPARE, blank, (path, "line 4", "blank line; expected")),
            Case(f"{path}: one field more", PREPARE, extra, (path, f"line 3, {last}", "expected")),
            Case(f"{path}: empty", PREPARE, holds(path, ""), (path, first, "file is empty")),
            Case(f"{path}: missing", PREPARE, gone(path), (path, "no such file", "expected one")),
            Case(f"{path}: a folder", PREPARE, folder(path), (path, "no such file", "expected")),
            Case(
                f"{path}: twice, in subfolders",
                PREPARE,
                both(gone(path), holds(f"{split}/a/{table}.tsv", "x"), holds(f"{split}/b/{table}.tsv", "x")),
                (path, "2 such files", "expected one"),
            ),
            Case(
                f"{path}: UTF-16",
                PREPARE,
                changed(path, lambda b: b.decode().encode("utf-16")),
                (path, first, "not UTF-8; expected UTF-8"),
            ),
            Case(
                f"{path}: compressed",
                PREPARE,
                changed(path, gzip.compress),
                (path, "line 1, field ", "not UTF-8; expected UTF-8"),
            ),
            Case(
                f"{path}: line ends of an old Macintosh",
                PREPARE,
                changed(path, lambda b: b.replace(b"\n", b"\r")),
                (path, f"line 1, {last}", "a carriage return within", "fields; expected"),
            ),
            Case(
                f"{path}: separated by commas",
                PREPARE,
                changed(path, lambda b: b.replace(b"\t", b",")),
                (path, f"line 1, field {fields[1]}: ", "expected"),
            ),
            Case(
                f"{path}: cut short",
                PREPARE,
                changed(path, lambda b: b[: b.rstrip(b"\n").rfind(b"\n") + 4]),
                (path, "fields; expected"),
            ),
            Case(
                f"{path}: a page of an error",
                PREPARE,
                holds(path, "<html><body>409 Public access is not permitted</body></html>\n"),
                (path, f"line 1, field {fields[1]}: ", "1 fields; expected"),
            ),
        ]  # fmt: skip
    return cases


def _of_news() -> list[Case]:
    path, cases = f"{TRAIN}/news.tsv", []
    for column, what in product((1, 2, 3), ("", "  ")):
        name = f"news: {NEWS[column]} {what!r}"
        cases.append(_field(name, path, 5, NEWS, column, what, "empty", "expected text"))
    for what in ("", " ", "N 5", "N-5", "N5 ", "N5\u00a0"):
        name = f"news: id {what!r}"
        cases.append(_field(name, path, 5, NEWS, 0, what, "not an article id", "expected one like"))
    cases.append(
        _field("news: id twice", path, 5, NEWS, 0, "N0", "'N0' stands on line 1", "expected each")
    )
    for column, text in product(
        (6, 7),
        ("{", "[1", "nonsense", "{}", "[}", "null", "[1,]", "['a']", "[[", "1", '["a', "NaN", "[NaN]"),
    ):  # fmt: skip
        name = f"news: {NEWS[column]} {text}"
        cases.append(
            _field(name, path, 5, NEWS, column, text, "not a JSON list", "expected a JSON")
        )
    return cases


def _of_behaviors() -> list[Case]:
    path, cases = f"{TRAIN}/behaviors.tsv", []
    for split, what in ((TRAIN, "train split teaches"), (DEV, "test split has no AUC")):
        for label, found in ((b"0", "no candidate"), (b"1", "every candidate")):
            table = f"{split}/behaviors.tsv"
            spoil = changed(table, lambda b, label=label: re.sub(rb"-[01]\b", b"-" + label, b))
            told = (f"{table}: {found} is labelled as clicked", what, "expected an impression with")
            cases.append(Case(f"{table}: all labels {label.decode()}", PREPARE, spoil, told))

    def add(column: int, texts: tuple[str, ...], *told: str) -> None:
        for text in texts:
            name = f"behaviors: {BEHAVIORS[column]} {text!r}"
            cases.append(_field(name, path, 6, BEHAVIORS, column, text, *told))

    add(0, ("", "x", "1.5", "9" * 30, "-", "1e3", "0x10", "six"), "not an integer", "an integer")
    add(0, ("1", "01"), "'1' stands on line 1 already", "expected each once")
    add(1, ("", "  "), "no user", "expected a user id")
    times = (
        "", "now", "2019-11-09 08:36:57", "13/9/2019 8:36:57 AM", "2/30/2019 8:36:57 AM",
        "11/9/2019 13:36:57 AM", "11/9/2019 8:60:57 AM", "11/9/2019 8:36:57", "11/9/19 8:36:57 AM",
        "11/9/2019 8:36 AM", "11/9/2019  8:36:57 AM", "0/9/2019 8:36:57 AM", "1573288617",
        "1/1/0000 8:36:57 AM",
    )  # fmt: skip
    add(2, times, "not a time", "expected one like 11/13/2019 8:36:57 AM")
    histories = ("N99", "N1 N99", "N1,N2", "n1", "N1  N2", "N1 ", " N1", "N1-1", "[]")
    add(3, histories, "no such article", "expected the id of an article in news.tsv")
    add(4, ("",), "no candidates", "expected items like N55689-1 N35729-0")
    add(4, ("N1", "N1-2", "N1-", "N1-1 N2", "N1_1", "N1-1  N2-0", "N1-1 ", " N1-1"),
        "no label", "expected items like")  # fmt: skip
    add(
        4,
        ("N99-1", "N1-1 N99-0", "-1", "N1--1", "N1-0-1", "N1-1,N2-0"),
        "no such article",
        "expected the id",
    )
    return cases


CASES = [*_of_every_table(), *_of_news(), *_of_behaviors()]
