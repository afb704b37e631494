"""REPORT.md: the parts of the report in their order."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from replication.report.cold_starts import cold_start_text
from replication.report.costs import COST_TEXT
from replication.report.depths import sweep_text
from replication.report.deviations import audit_text, pair_text, pair_title
from replication.report.effects import EFFECTS_TEXT
from replication.report.grid_table import results_text
from replication.report.independence import S1_TEXT
from replication.report.methods import methods_text
from replication.report.names import encoder_name, encoder_sizes, short_count
from replication.report.origin import origin_text
from replication.report.published import CROSS_CHECK_TEXT
from replication.report.study import COMPARED, DEMO_LABEL, Study
from replication.report.tables import Table
from replication.report.verdicts import claims_text, verdict_counts


class Drawing(NamedTuple):
    """A figure as the document shows it: the name of its files, its text for who cannot see it."""

    name: str
    title: str
    alt: str


def document(study: Study, tables: dict[str, Table], drawings: dict[str, Drawing]) -> str:
    """The whole report in Markdown. `tables` and `drawings` are by name."""

    def table(name: str) -> list[str]:
        """One block, or a block per protocol where there are several."""
        whole = tables[name]
        if "protocol" not in whole.header:
            return [whole.markdown(study.note)]
        parts = whole.parts("protocol")
        if len(parts) < 2:
            return [part.markdown(study.note) for part in parts.values()] or [_nothing(whole)]
        return [b for p, part in parts.items() for b in (f"**{p}**", part.markdown(study.note))]

    def figure(name: str) -> str:
        return _figure(study, drawings[name])

    audit = tables["audit"].parts("pair")
    parts = [
        *_head(study),
        *("## How to read this", *methods_text(study)),
        *("## Claims", *(f"{line}." for line in verdict_counts(study))),
        *(*table("claims"), *claims_text(study)),
        *("## Test metrics", *table("results"), *results_text(study), figure("auc")),
        *("## What fine-tuning changes", *table("effects"), EFFECTS_TEXT),
        *("## Layer sweep", figure("sweep"), *table("depths"), *table("sweep"), sweep_text(study)),
        *("## Cold start", figure("cold_start"), *table("groups"), *table("gains")),
        *(cold_start_text(study), *table("cold_start")),
        *("## Cost against quality", figure("cost"), *table("cost"), COST_TEXT),
        *("## Protocol audit", "### S1: independent impressions", S1_TEXT),
        *(*table("independence"), "### Deviations of the released code", audit_text(study)),
    ]
    if not study.comparison["audit"]:
        parts.append("No pair is declared under `audit.pairs` of the parameters.")
    for pair in study.comparison["audit"]:
        parts.append(f"### {pair_title(pair)}")
        if table_of_pair := audit.get(pair["pair"]):
            parts.append(table_of_pair.markdown(study.note))
        parts += pair_text(study, pair)
    parts += ["## Cross-checks", CROSS_CHECK_TEXT, *table("cross_checks")]
    parts += ["## What was run on what", *origin_text(study)]
    return "\n\n".join(parts) + "\n"


def _head(study: Study) -> Iterator[str]:
    grid = study.params.grid
    yield "# Language models in neural news recommenders: results"
    yield (
        "A replication of *Revisiting Language Models in Neural News Recommender Systems* (Zhao, "
        "Huang, Vos and de Rijke, ECIR 2025, arXiv 2501.11391), written by `dvc repro`. Every "
        "table is also under `tables/` as Markdown, CSV and LaTeX, every figure under `figures/` "
        "as SVG and PNG, for light and dark pages."
    )
    if study.demo:
        yield (
            f"> **{DEMO_LABEL}** The corpus is synthetic (MIND's format and marginals, invented "
            "articles and clicks); the encoders are real, but small, and stand in for the paper's "
            "larger ones. What follows shows that the study runs, not how the paper's claims fare "
            "on MIND. So do its verdicts: none is evidence."
        )
    sweep = [point["runs"] for curve in study.comparison["sweep"] for point in curve["curve"]]
    ran, of = (sum(runs) for runs in zip(*sweep, strict=True)) if sweep else (0, 0)
    sizes = encoder_sizes(study.cells)
    audited = [not pair["missing"] for pair in study.comparison["audit"]]
    yield (
        f"{len(study.done)} of {len(study.cells)} runs of the grid have been made, {ran} of {of} "
        f"of the layer sweep (those shared with the grid included), and the audit of "
        f"{sum(audited)} of {len(audited)} pairs; profile "
        f"`{study.params.profile}`, protocol {', '.join(f'`{p}`' for p in study.protocols)}, "
        f"seeds {', '.join(map(str, grid.seeds))}. The paper's language models and ours: "
        + ", ".join(_stands(theirs, ours, sizes) for theirs, ours in study.claims["models"].items())
        + "."
    )


def _stands(theirs: str, ours: str, sizes: Mapping[str, int]) -> str:
    """Such as `BERT-base is MiniLM (22.6 M, `minilm`)`."""
    size = f"{short_count(sizes[ours])}, " if ours in sizes else ""
    return f"{encoder_name(theirs)} is {encoder_name(ours)} ({size}`{ours}`)"


def _figure(study: Study, drawing: Drawing) -> str:
    """GitHub shows the dark one on dark pages; elsewhere the light one is seen."""
    name = f"figures/{drawing.name}"
    caption = " ".join(part for part in (drawing.title, study.note) if part)
    return (
        "<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{name}-dark.svg">\n'
        f'  <img alt="{drawing.alt}" src="{name}.svg">\n'
        f"</picture>\n\n*{caption} Made by `{COMPARED}`.*"
    )


def _nothing(table: Table) -> str:
    return f"*{table.caption}* Nothing of it has been run."
