"""The first page of REPORT.md, to be quoted alone: question, data, runs, verdicts, figures."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from replication.report.names import (
    commit_name,
    encoder_name,
    encoder_sizes,
    processor_name,
    recommender_name,
    short_count,
)
from replication.report.origin import distinct
from replication.report.study import DEMO_LABEL, Study
from replication.report.tables import Field, Table
from replication.report.verdicts import NAIVE, claims_table, verdict_counts

QUESTION = (
    "Do larger language models make better news recommenders, and does fine-tuning them pay? The "
    "paper: *Revisiting Language Models in Neural News Recommender Systems* (Zhao, Huang, Vos and "
    "de Rijke, ECIR 2025, arXiv 2501.11391). Here its comparison is made anew with code of our "
    "own, and each of its claims has a tolerance or a test by which it is judged on their data."
)
FIGURES = ("auc", "sweep", "cold_start")
_PROTOCOLS = {
    "clean": "`clean` (the slips of the released code mended)",
    "released": "`released` (as the released code does it)",
}


def first_page(study: Study, figure: Callable[[str, int], str]) -> list[str]:
    """The blocks of the page, without the document's title. figure: a drawing's block, by its
    name and number."""
    return [
        *_warning(study),
        f"**Question.** {QUESTION}",
        f"**Data.** {_data(study)}",
        f"**What was run.** {_runs(study)}",
        models_table(study).markdown(study.note),
        "**Verdicts.** " + " ".join(f"{line}." for line in verdict_counts(study)),
        verdict_table(study).markdown(study.note),
        *(figure(name, i) for i, name in enumerate(FIGURES, start=1)),
    ]


def _warning(study: Study) -> list[str]:
    if not study.demo:
        return []
    return [
        f"> **{DEMO_LABEL}** The corpus is synthetic (MIND's format and marginals, invented "
        "articles and clicks); the encoders are real, but small, some of them cut, and stand in "
        "for the paper's larger ones. What follows shows that the study runs, not how the paper's "
        "claims fare on MIND. Its verdicts are no evidence either."
    ]


def _data(study: Study) -> str:
    kind = (
        "A synthetic corpus in MIND's format" if study.demo else f"Profile `{study.params.profile}`"
    )
    train, test = study.data["splits"]["train"], study.data["splits"]["test"]
    return (
        f"{kind}: {study.data['articles']:,} articles; {train['impressions']:,} impressions of "
        f"{train['users']:,} users to learn from, {test['impressions']:,} of {test['users']:,} to "
        f"test on."
    )


def _runs(study: Study) -> str:
    grid = study.params.grid
    sweep = [point["runs"] for curve in study.comparison["sweep"] for point in curve["curve"]]
    ran, of = (sum(runs) for runs in zip(*sweep, strict=True)) if sweep else (0, 0)
    audited = [not pair["missing"] for pair in study.comparison["audit"]]
    recommenders = dict.fromkeys(cell.recommender for cell in study.cells)
    protocols = " and ".join(_PROTOCOLS.get(p, f"`{p}`") for p in study.protocols)
    return " ".join(
        [
            f"{', '.join(map(recommender_name, recommenders))}, each over the language models "
            f"below, frozen and fine-tuned. {len(study.done)} of {len(study.cells)} runs of the "
            f"grid have been made, {ran} of {of} of the layer sweep (those shared with the grid "
            f"included), and the audit of {sum(audited)} of {len(audited)} pairs.",
            f"Profile `{study.params.profile}`; protocol {protocols}; "
            f"{len(grid.seeds)} seed{'s' * (len(grid.seeds) > 1)} an experiment.",
            _machines(study),
        ]
    )


def _machines(study: Study) -> str:
    """Processor and commit of the runs, several where they differ."""
    if not study.done:
        return "No experiment has been run."
    processors = list(dict.fromkeys(_processor(cell.run or {}) for cell in study.done))
    gpus = [gpu for gpu in distinct(study.done, "hardware", "gpu") if gpu != "unknown"]
    gits = [(cell.run or {}).get("git") for cell in study.done]
    commits = list(dict.fromkeys(commit_name(git, "`") for git in gits))
    return (
        f"Processor: {', '.join([*processors, *gpus])}{'' if gpus else ', no GPU'}; commit: "
        f"{', '.join(commits)}."
    )


def _processor(run: Mapping[str, Any]) -> str:
    """Such as `AMD EPYC (AuthenticAMD 25 1 1, fp32)`."""
    name = processor_name(run.get("hardware") or {}, run.get("precision"))
    return name or "unknown"


def models_table(study: Study) -> Table:
    """A row per language model of the grid: what it stands for, its parameters as runs counted
    them."""
    rows = model_rows(
        dict.fromkeys(cell.encoder for cell in study.cells),
        encoder_sizes(study.cells),
        study.claims["models"],
    )
    caption = "The language models, with their parameters as the runs counted them."
    header = ["encoder", "stands for", "parameters"]
    return Table("models", caption, "dvc repro report", header, rows, text_columns=2)


def model_rows(
    encoders: Iterable[str], sizes: Mapping[str, int], models: Mapping[str, str]
) -> list[list[Field]]:
    """Encoder, the paper's model that it stands for, parameters; smallest first, uncounted last.

    sizes: see `names.encoder_sizes`; models: the paper's names -> ours.
    """
    ordered = sorted(encoders, key=lambda name: (name not in sizes, sizes.get(name, 0)))
    rows: list[list[Field]] = []
    for ours in ordered:
        theirs = [model for model, stand_in in models.items() if stand_in == ours]
        stands = " and ".join("itself" if t == ours else encoder_name(t) for t in theirs)
        size = short_count(sizes[ours]) if ours in sizes else "not counted: no frozen run"
        rows.append([ours, stands or "none of the paper's", size])
    return rows


def verdict_table(study: Study) -> Table:
    """The table of claims in readers' words, without what independent impressions would give."""
    whole = claims_table(study)
    kept = [i for i, name in enumerate(whole.header) if not name.startswith(NAIVE)]
    return replace(
        whole,
        header=[whole.header[i] for i in kept],
        rows=[[row[i] for i in kept] for row in whole.rows],
        text_columns=len(kept),
    )
