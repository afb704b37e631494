"""Results: runs, verdicts, the report, and predictions of one's own."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from replication.commands.command import argument, load_params, shared_params
from replication.study import paths

if TYPE_CHECKING:
    from replication.study.params import Params


@argument("run", help="a run's id: RECOMMENDER-ENCODER-TUNING-PROTOCOL-sSEED")
def run(arguments: argparse.Namespace) -> None:
    """Train and evaluate one run of the study, such as nrms-minilm-frozen-clean-s1."""
    from replication.study.runs import run_named

    name = arguments.run
    params = run_named(name, shared_params(arguments))
    _run(params, paths.RUNS / name, paths.IMPRESSIONS / "grid" / f"{name}.parquet")


def experiment(arguments: argparse.Namespace) -> None:
    """Train and evaluate the experiment at hand, as params.yaml describes it."""
    _run(shared_params(arguments), paths.EXPERIMENT, paths.IMPRESSIONS / "experiment.parquet")


@argument("pair", help="a name under `audit.pairs` of params.yaml")
def audit(arguments: argparse.Namespace) -> None:
    """Flip each deviation of the released code alone, for one pair."""
    params = shared_params(arguments)
    from replication.experiment.audit import audit

    audit(arguments.pair, params)


def _run(params: "Params", folder: Path, per_impression: Path) -> None:
    from replication.experiment.run import run
    from replication.study.runs import run_id

    result = run(params, folder, per_impression)
    auc = "undefined" if result["auc"] is None else f"{result['auc']:.4f}"
    print(f"{run_id(params)}: AUC {auc}, {folder}/metrics.json")


def baselines(_: argparse.Namespace) -> None:
    """Score random, popularity and the ceiling on the test split."""
    from replication.evaluation.reference import write_baselines

    write_baselines(load_params())


def compare(_: argparse.Namespace) -> None:
    """Judge each claim of the paper, with the numbers behind the verdict."""
    from replication.paper.compare import compare

    compare(load_params())


def questions(_: argparse.Namespace) -> None:
    """Answer the questions beyond the paper, from the study's own runs."""
    from replication.questions.answers import answer_questions

    answer_questions(load_params())


def report(_: argparse.Namespace) -> None:
    """Write reports/REPORT.md with its tables and figures."""
    from replication.report.write import write_report

    write_report(load_params())


@argument("file", type=Path, help="a JSON file to write, such as reports/real-clicks/results.json")
@argument("--page", type=Path, help="a Markdown page whose tables are made anew")
@argument(
    "--question",
    action="append",
    default=[],
    help="a question beyond the paper, such as Q2, whose answer belongs to it; may be repeated",
)
def distil(arguments: argparse.Namespace) -> None:
    """Write what was found as one file of figures without a row of the data, and print it."""
    from replication.files.atomic import write_json, write_text
    from replication.report.distilled import distil, distilled_tables, with_tables
    from replication.report.distilled_answers import answers

    found = distil(load_params())
    if arguments.question:
        found["questions"] = answers(arguments.question)
    page = with_tables(arguments.page, found) if arguments.page else None
    write_json(arguments.file, found)
    if page is not None:
        write_text(arguments.page, page)
    print(distilled_tables(found))


def show(_: argparse.Namespace) -> None:
    """Print the table of results and where the report is."""
    from replication.report.show import show_results

    show_results(load_params())


@argument("--behaviors", type=Path, required=True, help="behaviors.tsv with clicks")
@argument("--predictions", type=Path, required=True, help="lines such as `1 [3,1,2]`")
@argument(
    "--reading",
    choices=("auto", "ranks", "scores"),
    default="auto",
    help="what the numbers are; auto: ranks if every line is a permutation of 1..n",
)
@argument("--json", action="store_true", help="print JSON")
def score(arguments: argparse.Namespace) -> None:
    """Score a prediction file in MIND's submission format."""
    from replication.evaluation.predictions import format_scores, score_predictions

    result = score_predictions(arguments.behaviors, arguments.predictions, arguments.reading)
    print(json.dumps(result, indent=2) if arguments.json else format_scores(result))


@argument("action", choices=("template", "import"))
@argument("file", type=Path, help="the CSV file to write or to read")
def paper(arguments: argparse.Namespace) -> None:
    """Make a CSV for the paper's own tables, or import a filled one."""
    from replication.paper.values import import_values, template

    if arguments.action == "template":
        template(arguments.file)
    else:
        import_values(arguments.file)
