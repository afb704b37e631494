"""Tables as Markdown, CSV and LaTeX, from the same rows."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from replication.report.names import COLUMNS

# What is special to LaTeX, and the signs of `paper/words.py` in its own mathematics.
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": "$<$", ">": "$>$", "✓": r"$\surd$", "○": r"$\circ$", "◐": r"$\odot$", "∅": r"$\emptyset$",
    "↺": r"$\hookleftarrow$", "▶": r"$\triangleright$", "–": "--", "≤": r"$\leq$", "±": r"$\pm$",
    "≠": r"$\neq$", "●": r"$\bullet$", "◌": r"$\diamond$",
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A figure, and its interval where it has one.

    form, ends  format of the figure and of the interval's ends
    unit        what stands behind both
    absent      what is said where there is no figure
    """

    value: float | None
    interval: Sequence[float] | None = None
    form: str = ".4f"
    ends: str = ".3f"
    unit: str = ""
    absent: str = "undefined"

    def __str__(self) -> str:
        if self.value is None:
            return self.absent
        text = format(self.value, self.form)
        if self.interval:
            text += f" [{self.interval[0]:{self.ends}}, {self.interval[1]:{self.ends}}]"
        return text + self.unit


class Probability(Number):
    """A p value."""

    def __str__(self) -> str:
        if self.value is None:
            return self.absent
        return "<0.001" if self.value < 0.001 else f"{self.value:.3f}"


LONG = 40  # rows; a longer table stands in its own files, and REPORT.md leads there
Field = str | Number
Rows = Sequence[Sequence[Field]]


@dataclass(frozen=True)
class Table:
    """Rows with what they are, and the command that makes them.

    name          of its files
    text_columns  how many columns at the left are text; the others stand to the right
    """

    name: str
    caption: str
    command: str
    header: Sequence[str]
    rows: Rows
    text_columns: int = 1

    def markdown(self, note: str) -> str:
        """Caption, the `note` that belongs to every table, the command, and the rows."""
        rows = markdown(self.header, self.for_people(), self.text_columns)
        return f"{self._head(note)}\n\n{rows.rstrip()}"

    def in_report(self, note: str) -> str:
        """`markdown`, or where it is longer than `LONG` what leads from REPORT.md to its files."""
        if len(self.rows) <= LONG:
            return self.markdown(note)
        kinds = {"Markdown": "md", "CSV": "csv", "LaTeX": "tex"}
        links = ", ".join(f"[{kind}](tables/{self.name}.{end})" for kind, end in kinds.items())
        return f"{self._head(note)}\n\n{len(self.rows)} rows, in files of their own: {links}."

    def _head(self, note: str) -> str:
        told = (self.caption, note, f"Made by `{self.command}`.")
        return f"*{' '.join(part for part in told if part)}*"

    def for_people(self) -> Rows:
        """The rows with names as people write them; CSV keeps identifiers."""
        named = [COLUMNS.get(name, str) for name in self.header]
        return [
            [
                name(cell) if isinstance(cell, str) else cell
                for cell, name in zip(row, named, strict=True)
            ]
            for row in self.rows
        ]

    def files(self, note: str) -> dict[str, str]:
        """Name of a file -> its content."""
        caption = f"{self.caption} {note}".rstrip()
        tabular = latex(self.header, self.for_people(), caption, self.text_columns)
        return {
            f"{self.name}.md": self.markdown(note) + "\n",
            f"{self.name}.csv": csv_text(self.header, self.rows),
            f"{self.name}.tex": f"% Made by: {self.command}\n{tabular}",
        }

    def parts(self, column: str) -> dict[str, "Table"]:
        """A table for each text in a column, without that column; empty fields go into each."""
        i = list(self.header).index(column)
        values = dict.fromkeys(str(row[i]) for row in self.rows if row[i])
        return {
            value: replace(
                self,
                header=[*self.header[:i], *self.header[i + 1 :]],
                rows=[[*r[:i], *r[i + 1 :]] for r in self.rows if r[i] in ("", value)],
                text_columns=self.text_columns - (i < self.text_columns),
            )
            for value in values
        }


def markdown(header: Sequence[str], rows: Rows, text_columns: int = 1) -> str:
    """A Markdown table, padded so that it reads well as plain text; numbers to the right."""
    table = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in table)) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(cells) + " |")
    rule = [
        "-" * width if i < text_columns else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines) + "\n"


def csv_text(header: Sequence[str], rows: Rows) -> str:
    """Comma-separated values, quoted where needed, Unix line ends.

    A `Number` is written in full; where a column has intervals, two more columns hold their ends.
    An unknown number is an empty field.
    """
    columns = [[row[i] for row in rows] for i in range(len(header))]
    wide = [any(isinstance(cell, Number) and cell.interval for cell in c) for c in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = zip(header, wide, strict=True)
    writer.writerow([n for name, w in names for n in ((name, *_ends(name)) if w else (name,))])
    for row in rows:
        writer.writerow([f for cell, w in zip(row, wide, strict=True) for f in _fields(cell, w)])
    return out.getvalue()


def _ends(name: str) -> tuple[str, str]:
    return f"{name} low", f"{name} high"


def _fields(cell: Field, wide: bool) -> list[str]:
    value, ends = (cell, None) if isinstance(cell, str) else _written(cell)
    if not wide:
        return [value]
    return [value, *(map(str, ends) if ends else ("", ""))]


def _written(number: Number) -> tuple[str, Sequence[float] | None]:
    return ("", None) if number.value is None else (str(number.value), number.interval)


def latex(header: Sequence[str], rows: Rows, caption: str, text_columns: int = 1) -> str:
    """A `booktabs` table; text is escaped."""
    columns = "l" * text_columns + "r" * (len(header) - text_columns)
    lines = [
        r"\begin{table}",
        rf"\caption{{{_escape(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(_escape, header)) + r" \\",
        r"\midrule",
        *(" & ".join(_escape(str(cell)) for cell in row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
