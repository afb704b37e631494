"""The paper's table values, which a person with the PDF fills in: template, import, load.

None is shipped: `values.csv` holds a header until values are imported. The same columns serve the
template, the file that comes back from a spreadsheet, and `values.csv`.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from replication.evaluation.metrics import METRICS
from replication.files.atomic import new_file
from replication.files.errors import StudyError, shown
from replication.paper.models import MODELS, RECOMMENDERS, TUNINGS

VALUES = Path(__file__).with_name("values.csv")

SWEEP_MODEL = "bert-base"
SWEEP_LAYERS = range(0, 13, 2)
GROUPS = range(1, 6)
SEPARATORS = ",;\t"
# Random scores reach AUC .5 and MRR and nDCG .2 on MIND: a value below these is a slip of the
# decimal point or stands in the wrong column.
LOWEST = {
    "auc": Decimal("0.4"),
    "mrr": Decimal("0.1"),
    "ndcg@5": Decimal("0.1"),
    "ndcg@10": Decimal("0.1"),
}


@dataclass(frozen=True)
class PaperCell:
    """One cell of the paper's tables.

    model   None: none of the paper's, which has no such cell
    layers  fine-tuned layers, in the layer sweep; None elsewhere
    group   cold-start group, 1 (fewest clicks) to 5; None: all users
    """

    recommender: str
    model: str | None
    tuning: str
    layers: int | None
    group: int | None
    metric: str


@dataclass(frozen=True)
class Value:
    """What the paper prints there, as a fraction (AUC .6686, not 66.86), and where it prints it."""

    value: float
    source: str


KEYS = tuple(field.name for field in fields(PaperCell))
HEADER = (*KEYS, "value", "source")


def paper_cells() -> tuple[PaperCell, ...]:
    """Every cell that can have a value: main table, layer sweep (AUC), cold start (AUC)."""
    grid = [
        (recommender, model, tuning)
        for recommender in RECOMMENDERS
        for model in MODELS
        for tuning in TUNINGS
    ]
    return (
        *(PaperCell(*place, None, None, metric) for place in grid for metric in METRICS),
        *(
            PaperCell(recommender, SWEEP_MODEL, "finetuned", layers, None, "auc")
            for recommender in RECOMMENDERS
            for layers in SWEEP_LAYERS
        ),
        *(PaperCell(*place, None, group, "auc") for place in grid for group in GROUPS),
    )


def template(path: Path) -> None:
    """Write a CSV with a row per cell whose columns `value` and `source` are to be filled in.

    Raises StudyError if the file exists: it may hold somebody's work.
    """
    if path.exists():
        raise StudyError(f"{path}: exists already; expected the name of a new file")
    _write(path, ([*_texts(cell), "", ""] for cell in paper_cells()))


def import_values(path: Path, target: Path = VALUES) -> dict[PaperCell, Value]:
    """Check a filled-in template and put its values in the place of those in `target`.

    Written are the cells that have a value, as fractions with the digits given, in the order of
    `paper_cells`. Returns what `load_values` then does. Raises StudyError, and writes nothing, if
    the file is not sound or holds no value.
    """
    given = _read(path)
    if not given:
        raise StudyError(f"{path}: column value: is empty throughout; expected one value or more")
    rows = [
        [*_texts(cell), f"{given[cell][0]:f}", given[cell][1]]
        for cell in paper_cells()
        if cell in given
    ]
    _write(target, rows)
    return load_values(target)


def load_values(path: Path = VALUES) -> dict[PaperCell, Value]:
    """The values that are known, in the order of the file; a cell without one is not a key.

    Raises StudyError naming file, line, column and what was expected.
    """
    return {cell: Value(float(value), source) for cell, (value, source) in _read(path).items()}


def _write(path: Path, rows: Iterable[list[str]]) -> None:
    with (
        new_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)


def _texts(cell: PaperCell) -> list[str]:
    return ["" if part is None else str(part) for part in astuple(cell)]


def _read(path: Path) -> dict[PaperCell, tuple[Decimal, str]]:
    """The cells with a value, as fractions, checked."""
    known = {tuple(_texts(cell)): cell for cell in paper_cells()}
    lines: dict[PaperCell, int] = {}
    values: dict[PaperCell, tuple[Decimal, str]] = {}
    first: tuple[int, bool] | None = None  # the first value's line, and whether it is in percent
    for line, (*place, text, source) in _rows(path):
        cell = known.get(tuple(place)) or _unknown(path, line, place, known)
        if cell in lines:
            repeated = f"as on line {lines[cell]}"
            _fail(path, line, "recommender to metric", repeated, "each cell once")
        lines[cell] = line
        if not text:
            continue
        value = _number(path, line, text)
        percent = value > 1
        first = first or (line, percent)
        if first[1] != percent:
            scale = "percent" if first[1] else "fractions"
            _fail(path, line, "value", shown(text), f"{scale}, as on line {first[0]}")
        if percent:
            value = value.scaleb(-2)
        low = LOWEST[cell.metric]
        if not low <= value <= 1:
            expected = f"{low} to 1, or {low * 100:f} to 100 in percent, for {cell.metric}"
            _fail(path, line, "value", shown(text), expected)
        if not source:
            _fail(path, line, "source", "nothing", "where the value stands, such as Table 2, p. 9")
        values[cell] = value, source
    return values


def _unknown(path: Path, line: int, place: list[str], known: Iterable[tuple[str, ...]]) -> NoReturn:
    for key, text, accepted in zip(KEYS, place, zip(*known, strict=True), strict=True):
        if text not in accepted:
            listed = ", ".join(name or "nothing" for name in dict.fromkeys(accepted))
            _fail(path, line, key, shown(text), listed)
    _fail(path, line, "layers and group", "no such cell", "a row of the template")


def _number(path: Path, line: int, text: str) -> Decimal:
    """A plain number; a decimal comma is read as a point."""
    digits = text.replace(",", ".", 1)
    whole, _, rest = digits.partition(".")
    if not ((whole + rest).isascii() and (whole + rest).isdigit()):
        _fail(path, line, "value", shown(text), "a number as printed, such as 66.86, or nothing")
    return Decimal(digits)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and trimmed fields of each row below the header; blank rows are left out.

    Comma, semicolon and tab are understood as separators, which spreadsheets choose by language.
    """
    text = _text(path)
    heading = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=heading.count), strict=True
    )
    line, headed = 1, False
    try:
        for row in reader:
            parts = [" ".join(part.split()) for part in row]
            while len(parts) > len(HEADER) and not parts[-1]:
                parts.pop()
            if not headed:
                headed = True
                if tuple(parts) != HEADER:
                    expected = ",".join(HEADER)
                    _fail(path, 1, "all", "another header", f"{expected} (or by semicolon or tab)")
            elif len(parts) > len(HEADER):
                expected = f"{len(HEADER)}; quote a text that holds the separator"
                _fail(path, line, "all", f"{len(parts)} columns", expected)
            elif any(parts):
                yield line, parts + [""] * (len(HEADER) - len(parts))
            line = reader.line_num + 1
    except csv.Error as error:
        _fail(path, reader.line_num, "all", str(error), "a CSV row with balanced quotes")
    if not headed:
        _fail(path, 1, "all", "the file is empty", ",".join(HEADER))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}; expected a CSV file") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _fail(path, line, "all", "not UTF-8", 'the file saved as "CSV UTF-8"')


def _fail(path: Path, line: int, column: str, what: str, expected: str) -> NoReturn:
    raise StudyError(f"{path}, line {line}, column {column}: {what}; expected {expected}")
