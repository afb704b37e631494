"""Counts false verdicts on a thousand invented studies of every claim, truth and number of seeds.

As a command it goes on where the last one stopped, and writes false-verdicts.json as it counts:
`python tests/paper/false_verdicts.py`, with claims and numbers of seeds where not all are wanted
(`C1,C4 3 5`); with `table` alone it writes the table of docs/claims.md from that file.
"""

import contextlib
import json
import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from invented_claims import KINDS, Studies

from replication.files.atomic import write_json, write_text

ROWS = Path(__file__).with_name("false-verdicts.json")
PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
MARKS = "<!-- by `make simulate`, from tests/paper/false-verdicts.json -->", "<!-- end -->"
STUDIES, SEEDS = 1000, (3, 5, 1)
ALLOWED = 0.05
BLOCK = 25  # studies between two savings
FIRST = 5  # studies whose words stand in a row, to be judged again by the tests
# Of the rules of commit 3befdc8, whose `within` and `better` count as confirmed, on 300 studies
# (100 of C4 and C5): per cent of false verdicts where nothing is there, by seeds.
BEFORE = {
    "C1": {1: 100.0, 3: 100.0}, "C2": {1: 76.7, 3: 72.7}, "C3a": {1: 34.7, 3: 11.0},
    "C4": {3: 0.0}, "C5": {3: 0.0}, "C6": {1: 64.3, 3: 15.0}, "C7": {1: 47.3, 3: 16.3},
}  # fmt: skip
Row = dict[str, Any]


def most(studies: int) -> float:
    """False verdicts that a rate of ALLOWED leaves likely: up to three standard deviations."""
    return studies * ALLOWED + 3 * math.sqrt(studies * ALLOWED * (1 - ALLOWED))


def read_rows(path: Path = ROWS) -> list[Row]:
    """claim, seeds, truth, studies; words: how often each verdict was given; false; naive: how many
    would be false if impressions were independent (under null; else None); first: of FIRST
    studies, the verdicts."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


class Here:
    """What `planted_params` needs of a monkeypatch."""

    chdir = staticmethod(os.chdir)


def count(claims: Sequence[str], seeds: Sequence[int], studies: int, path: Path = ROWS) -> None:
    """Bring every row up to this many studies; what is saved is not counted again."""
    path = path.resolve()
    rows = {(row["claim"], row["seeds"], row["truth"]): row for row in read_rows(path)}
    for number in seeds:
        for claim in claims:
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                made = Studies(claim, number, Path(folder), Here)
                for truth in made.kind.truths:
                    row = rows.setdefault((claim, number, truth), _row(claim, number, truth))
                    for _ in _blocks(made, row, studies):
                        write_json(path, _ordered(rows.values()))


def _row(claim: str, seeds: int, truth: str) -> Row:
    head = {"claim": claim, "seeds": seeds, "truth": truth, "studies": 0}
    naive = 0 if truth == "null" and KINDS[claim].costs is None else None
    return head | {"words": {}, "false": 0, "naive": naive, "first": []}


def _blocks(made: Studies, row: Row, studies: int) -> Iterator[None]:
    wrong = made.kind.false[row["truth"]]
    while row["studies"] < studies:
        started = time.process_time()
        block = range(row["studies"], min(studies, row["studies"] + BLOCK))
        words, naive = map(list, zip(*(made.verdicts(row["truth"], n) for n in block), strict=True))
        row["words"] = dict(sorted((Counter(row["words"]) + Counter(words)).items()))
        row["false"] += sum(word in wrong for word in words)
        row["first"] = (row["first"] + words)[:FIRST]
        if row["naive"] is not None:
            row["naive"] += sum(word in wrong for word in naive)
        row["studies"] = block.stop
        each = (time.process_time() - started) / len(block)
        told = f"{row['studies']}/{studies}, false {row['false']}, {1000 * each:.0f} ms each"
        print(row["claim"], f"{row['seeds']} seeds", row["truth"], told, flush=True)
        yield


def _ordered(rows: Iterable[Row]) -> list[Row]:
    order = {(claim, n, truth): None for claim, kind in KINDS.items()
             for n in range(1, 10) for truth in kind.truths}  # fmt: skip
    by_key = {(row["claim"], row["seeds"], row["truth"]): row for row in rows if row["studies"]}
    return [by_key[key] for key in order if key in by_key]


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line for each claim and number of seeds, in per cent of studies."""
    head = ("claim", "seeds", "studies", "false, null: before", "if independent", "**now**",
            "false, other truths, at most", "confirmed, paper", "contradicted, opposite",
            "confirmed, small")  # fmt: skip
    lines = [head, ("---", *["--:"] * (len(head) - 1))]
    for claim, seeds in dict.fromkeys((row["claim"], row["seeds"]) for row in rows):
        of = {r["truth"]: r for r in rows if (r["claim"], r["seeds"]) == (claim, seeds)}
        least = min(row["studies"] for row in of.values())
        told = f"{least:,}" if len(of) == len(KINDS[claim].truths) else "partly"
        before = BEFORE.get(claim, {}).get(seeds)
        others = [row["false"] / row["studies"] for name, row in of.items() if name != "null"]
        lines.append(
            (claim, str(seeds), told, "" if before is None else f"{before:.1f}",
             _share(of, "null", "naive"), _share(of, "null", "false"),
             f"{100 * max(others):.1f}" if others else "", _word(of, "paper", "confirmed"),
             _word(of, "opposite", "contradicted"), _word(of, "small", "confirmed"))
        )  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(of: dict[str, Row], truth: str, key: str) -> str:
    row = of.get(truth)
    return "" if row is None or row[key] is None else f"{100 * row[key] / row['studies']:.1f}"


def _word(of: dict[str, Row], truth: str, word: str) -> str:
    row = of.get(truth)
    return "" if row is None else f"{100 * row['words'].get(word, 0) / row['studies']:.1f}"


def page(text: str, rows: Sequence[Row]) -> str:
    """docs/claims.md with the table of these rows between its marks."""
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    return f"{before}{MARKS[0]}\n{table(rows)}\n{MARKS[1]}{after}"


def main(arguments: Sequence[str]) -> None:
    if list(arguments) == ["table"]:
        write_text(PAGE, page(PAGE.read_text(encoding="utf-8"), read_rows()))
        return
    claims = arguments[0].split(",") if arguments else list(KINDS)
    count(claims, [int(n) for n in arguments[1:]] or SEEDS, STUDIES)


if __name__ == "__main__":
    main(sys.argv[1:])
