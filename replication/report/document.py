"""REPORT.md: the parts of the report in their order."""

from typing import NamedTuple

from replication.report.adapters import adapters_text
from replication.report.beyond import beyond_text
from replication.report.cold_starts import cold_start_text
from replication.report.costs import COST_TEXT
from replication.report.depths import sweep_text
from replication.report.deviations import audit_text, pair_text, pair_title
from replication.report.effects import EFFECTS_TEXT
from replication.report.first_page import first_page
from replication.report.grid_table import results_text
from replication.report.independence import S1_TEXT
from replication.report.methods import methods_text
from replication.report.origin import origin_text
from replication.report.published import CROSS_CHECK_TEXT
from replication.report.study import COMPARED, Study
from replication.report.tables import LONG, Table
from replication.report.verdicts import claims_text


class Drawing(NamedTuple):
    """A figure as the document shows it: the name of its files, its text for who cannot see it."""

    name: str
    title: str
    alt: str


ABOUT = (
    "Written by `dvc repro`. Every table of results is also under `tables/` as Markdown, CSV and "
    f"LaTeX, those of more than {LONG} rows there alone; every figure is under `figures/` as SVG "
    "and PNG, for light and dark pages. The first page says what was found, the sections below on "
    "what grounds."
)
CLAIMS_TEXT = (
    "The table stands on the first page; with the intervals that independent impressions would "
    "have, in files of its own: [Markdown](tables/claims.md), [CSV](tables/claims.csv), "
    "[LaTeX](tables/claims.tex)."
)


def document(study: Study, tables: dict[str, Table], drawings: dict[str, Drawing]) -> str:
    """The whole report in Markdown. `tables` and `drawings` are by name."""

    def table(name: str) -> list[str]:
        """One block, or a block per protocol where there are several."""
        whole = tables[name]
        if "protocol" not in whole.header:
            return [whole.in_report(study.note)]
        parts = whole.parts("protocol")
        if len(parts) < 2:
            return [part.in_report(study.note) for part in parts.values()] or [_nothing(whole)]
        return [b for p, part in parts.items() for b in (f"**{p}**", part.in_report(study.note))]

    def figure(name: str, number: int | None = None) -> str:
        return _figure(study, drawings[name], number)

    audit = tables["audit"].parts("pair")
    adapters = adapters_text(study)
    parts = [
        *("# Language models in neural news recommenders: results", *first_page(study, figure)),
        *("## How to read this", ABOUT, *methods_text(study)),
        *("## Claims", CLAIMS_TEXT, *claims_text(study)),
        *("## Test metrics", *table("results"), *results_text(study)),
        *("## What fine-tuning changes", *table("effects"), EFFECTS_TEXT),
        *("## Layer sweep", *table("depths"), *table("sweep"), sweep_text(study)),
        *("## Cold start", *table("groups"), *table("gains")),
        *(cold_start_text(study), *table("cold_start")),
        *("## Cost against quality", figure("cost"), *table("cost"), COST_TEXT),
        *(("### What LoRA did", *adapters) if adapters else ()),
        *("## Protocol audit", "### S1: independent impressions", S1_TEXT),
        *(*table("independence"), "### Deviations of the released code", audit_text(study)),
    ]
    if not study.comparison["audit"]:
        parts.append("No pair is declared under `audit.pairs` of the parameters.")
    for pair in study.comparison["audit"]:
        parts.append(f"### {pair_title(pair)}")
        if table_of_pair := audit.get(pair["pair"]):
            parts.append(table_of_pair.in_report(study.note))
        parts += pair_text(study, pair)
    parts += ["## Beyond the paper", *beyond_text(study.questions, study.note)]
    parts += ["## Cross-checks", CROSS_CHECK_TEXT, *table("cross_checks")]
    parts += ["## What was run on what", *origin_text(study)]
    return "\n\n".join(parts) + "\n"


def _figure(study: Study, drawing: Drawing, number: int | None) -> str:
    """GitHub shows the dark one on dark pages; elsewhere the light one is seen."""
    name = f"figures/{drawing.name}"
    caption = " ".join(part for part in (drawing.title, study.note) if part)
    label = "" if number is None else f"**Figure {number}.** "
    return (
        "<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{name}-dark.svg">\n'
        f'  <img alt="{drawing.alt}" src="{name}.svg">\n'
        f"</picture>\n\n{label}*{caption} Made by `{COMPARED}`.*"
    )


def _nothing(table: Table) -> str:
    return f"*{table.caption}* Nothing of it has been run."
