"""python -m replication STAGE: one thin subcommand per DVC stage, and a few for everyone."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from replication.files.errors import StudyError, one_line
from replication.machine import processes
from replication.pipeline.grid.command import add_arguments as add_grid_arguments
from replication.pipeline.plan.command import add_arguments as add_plan_arguments
from replication.study import paths

# Imports are inside the commands: torch and transformers take seconds, and most do without. Nor is
# there a moment outside `main` in which Ctrl-C would show a traceback.


def load_params():
    from replication.study.params import load_params

    return load_params()


def shared_params(arguments: argparse.Namespace):
    """The parameters, in each of the processes that they want for a stage which several can share;
    to be called before the stage's own modules are imported."""
    from replication.machine.launch import share_stage

    params = load_params()
    share_stage(params.training.launch, arguments.typed)
    return params


def check(_: argparse.Namespace) -> None:
    """check params.yaml, before any work"""
    params = load_params()
    for name, entry in params.encoders.items():
        if entry.source == "hub" and entry.revision is None:
            print(
                f"warning: encoders.{name}.revision is null, so `checkpoint@{name}` will stop; set "
                f"-S encoders.{name}.revision=<40 hex digits>",
                file=sys.stderr,
            )
    from replication.files.atomic import write_text

    write_text(paths.CHECKED, "params.yaml was checked\n")


def compose(arguments: argparse.Namespace) -> None:
    """write params.yaml anew from conf/, as `dvc exp run` does"""
    from replication.study.compose import compose

    compose(arguments.overrides, paths.PARAMS)
    load_params()


def mend(_: argparse.Namespace) -> None:
    """make good what a killed DVC left: half a dvc.lock, staged parameters"""
    from replication.pipeline.dvc_lock import LOCK, mend_lock, unstage

    for done in (mend_lock(), unstage(paths.PARAMS, LOCK)):
        if done:
            print(done)


def data(_: argparse.Namespace) -> None:
    """synthesise the demo corpus, or take the folder at data.path"""
    from replication.mind.source import provide_data

    provide_data(load_params(), paths.RAW)


def prepare(_: argparse.Namespace) -> None:
    """MIND's TSV files -> checked columns of integers"""
    from replication.files.atomic import write_text
    from replication.mind.prepare import prepare

    prepare(paths.RAW, paths.PREPARED, load_params().data.release)
    write_text(paths.DATA_CARD, (paths.PREPARED / "meta.json").read_text(encoding="utf-8"))


def checkpoint(arguments: argparse.Namespace) -> None:
    """the pinned bytes of one encoder"""
    from replication.encoders.sources.checkpoints import fetch_checkpoint

    fetch_checkpoint(arguments.encoder, load_params())


def adapt(arguments: argparse.Namespace) -> None:
    """fine-tune one LLM on clicks (LoRA)"""
    name, started, params = arguments.adapter, time.perf_counter(), shared_params(arguments)
    from replication.encoders.lora.adapt import adapt
    from replication.experiment.record import save_adapter_cost

    resumed = adapt(name, params)
    save_adapter_cost(name, None if resumed else time.perf_counter() - started)


def merge(arguments: argparse.Namespace) -> None:
    """write an adapted LLM as one model, its adapter merged into its weights"""
    from replication.encoders.sources.adapters import merge

    merge(arguments.adapter, load_params(), arguments.folder)


def embed(arguments: argparse.Namespace) -> None:
    """tokens and frozen token vectors of every article"""
    params = shared_params(arguments)
    from replication.encoders.models.embed import embed

    embed(arguments.encoder, params)


def run(arguments: argparse.Namespace) -> None:
    """train and evaluate one cell of the grid"""
    from replication.study.params import grid_cell

    cell = {
        name: getattr(arguments, name)
        for name in ("recommender", "encoder", "tuning", "protocol", "seed")
    }
    params = grid_cell(shared_params(arguments), **cell)
    name = "-".join([*(str(v) for v in list(cell.values())[:-1]), f"s{params.seed}"])
    _run(params, paths.RUNS / name, paths.IMPRESSIONS / "grid" / f"{name}.parquet")


def sweep(arguments: argparse.Namespace) -> None:
    """train and evaluate one depth of the layer sweep"""
    from replication.study.params import grid_cell

    params = shared_params(arguments)
    cell = grid_cell(
        params,
        arguments.recommender,
        params.sweep.encoder,
        "finetuned",
        params.sweep.protocol,
        arguments.seed,
        arguments.layers,
    )
    name = f"{arguments.recommender}-k{arguments.layers}-s{arguments.seed}"
    _run(cell, paths.SWEEP / name, paths.IMPRESSIONS / "sweep" / f"{name}.parquet")


def audit(arguments: argparse.Namespace) -> None:
    """flip each deviation of the released code alone, for one pair"""
    params = shared_params(arguments)
    from replication.experiment.audit import audit

    audit(arguments.pair, params)


def experiment(arguments: argparse.Namespace) -> None:
    """train and evaluate the experiment at hand, as params.yaml describes it"""
    _run(shared_params(arguments), paths.EXPERIMENT, paths.IMPRESSIONS / "experiment.parquet")


def _run(params, folder: Path, per_impression: Path) -> None:
    from replication.experiment.run import run, run_id

    result = run(params, folder, per_impression)
    print(f"{run_id(params)}: AUC {result['auc']:.4f}, {folder}/metrics.json")


def baselines(_: argparse.Namespace) -> None:
    """random, popularity and the ceiling on the test split"""
    from replication.evaluation.reference import write_baselines

    write_baselines(load_params())


def compare(_: argparse.Namespace) -> None:
    """a verdict for each claim of the paper, with the numbers behind it"""
    from replication.paper.compare import compare

    compare(load_params())


def paper(arguments: argparse.Namespace) -> None:
    """the paper's own tables: a CSV to fill in, and its import"""
    from replication.paper.values import import_values, template

    {"template": template, "import": import_values}[arguments.action](arguments.file)


def expect(_: argparse.Namespace) -> None:
    """print the time and memory to expect of each cell of the profile"""
    from replication.report.expected import expected_table

    print(expected_table(load_params()))


def plan(arguments: argparse.Namespace) -> None:
    """print time, memory, disk, order and bottleneck of a study on so many devices"""
    from replication.pipeline.plan.command import print_plan

    print_plan(arguments)


def preflight(arguments: argparse.Namespace) -> None:
    """print what a study needs, and what of it would stop: downloads, token, disk, memory"""
    from replication.pipeline.preflight.preflight import run

    run(arguments)


def fetch(arguments: argparse.Namespace) -> None:
    """bring all bytes of a study to one folder, for a machine without network"""
    from replication.pipeline.preflight.fetch import run

    run(arguments)


def report(_: argparse.Namespace) -> None:
    """reports/REPORT.md with its tables and figures"""
    from replication.report.write import write_report

    write_report(load_params())


def inventory(_: argparse.Namespace) -> None:
    """list every artefact with its digest, its size and the stage that makes it"""
    from replication.pipeline.inventory import write_inventory

    write_inventory()


def show(_: argparse.Namespace) -> None:
    """print the table of results and where the report is"""
    from replication.report.show import show_results

    show_results(load_params())


def verify(arguments: argparse.Namespace) -> None:
    """rerun stages in a scratch copy and compare with the recorded results"""
    from replication.pipeline.verify.verify import verify

    verify(arguments.stages, arguments.all, arguments.keep, arguments.json)


def grid(arguments: argparse.Namespace) -> None:
    """run what is missing of the study, several stages at once"""
    from replication.pipeline.grid.command import run_grid

    run_grid(arguments)


def score(arguments: argparse.Namespace) -> None:
    """score a prediction file in MIND's submission format"""
    from replication.evaluation.predictions import format_scores, score_predictions

    result = score_predictions(arguments.behaviors, arguments.predictions, arguments.reading)
    print(json.dumps(result, indent=2) if arguments.json else format_scores(result))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m replication", description=__doc__)
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(required=True, metavar="STAGE")

    def add(function) -> argparse.ArgumentParser:
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        return command

    bare = (
        check, mend, data, prepare, experiment, baselines, compare, report, inventory, show, expect,
    )  # fmt: skip
    for function in bare:
        add(function)
    add(compose).add_argument("overrides", nargs="*", help="such as profile=local")
    for function in (checkpoint, embed):
        add(function).add_argument("encoder", help="a name under `encoders` of params.yaml")
    add(adapt).add_argument("adapter", help="a name under `adapters` of params.yaml")
    merging = add(merge)
    merging.add_argument("adapter", help="a name under `adapters` of params.yaml")
    merging.add_argument("folder", type=Path, help="where to write the merged model")
    add(audit).add_argument("pair", help="a name under `audit.pairs` of params.yaml")
    depth = add(sweep)
    depth.add_argument("--recommender", required=True)
    depth.add_argument("--layers", type=int, required=True)
    depth.add_argument("--seed", type=int, required=True)
    values = add(paper)
    values.add_argument("action", choices=("template", "import"))
    values.add_argument("file", type=Path, help="the CSV file to write or to read")
    checking = add(verify)
    checking.add_argument(
        "stages", nargs="*", help="such as grid, or as `dvc stage list` names them; none: a few"
    )
    checking.add_argument("--all", action="store_true", help="all stages")
    checking.add_argument("--keep", action="store_true", help="keep the scratch copy")
    checking.add_argument("--json", action="store_true", help="print JSON")
    add_grid_arguments(add(grid))
    add_plan_arguments(add(plan))
    before, bringing = add(preflight), add(fetch)
    for command in (before, bringing):
        command.add_argument(
            "--profile", help="a name under conf/profile; none: params.yaml as it is"
        )
    before.add_argument("--offline", action="store_true", help="ask no server")
    bringing.add_argument("folder", type=Path, help="where all files go")
    cell = add(run)
    for name in ("recommender", "encoder", "tuning", "protocol"):
        cell.add_argument(f"--{name}", required=True)
    cell.add_argument("--seed", type=int, required=True)
    scoring = add(score)
    scoring.add_argument("--behaviors", type=Path, required=True, help="behaviors.tsv with clicks")
    scoring.add_argument(
        "--predictions", type=Path, required=True, help="lines such as `1 [3,1,2]`, by impression"
    )
    scoring.add_argument(
        "--reading",
        choices=("auto", "ranks", "scores"),
        default="auto",
        help="what the numbers are; auto: ranks if every line is a permutation of 1..n",
    )
    scoring.add_argument("--json", action="store_true", help="print JSON")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage; 0 on success, 1 after an error that is told in one line, 130 on Ctrl-C."""
    try:
        arguments = parser().parse_args(argv)
        arguments.typed = sys.argv[1:] if argv is None else argv
        arguments.function(arguments)
        processes.leave()
    except (StudyError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        processes.tell(one_line(_reason(error)))
        return 1
    except RuntimeError as error:
        if arguments.debug or not processes.lost_another(error):
            raise
        processes.tell(processes.LOST)
        return 1
    except KeyboardInterrupt:
        if not processes.have_launcher():
            print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def _reason(error: StudyError | OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; lower batch_size, history or the limits of `text` in params.yaml"
    if isinstance(error, OSError):  # a full disk, a read-only folder
        return f"{error.filename or 'file system'}: {error.strerror or error}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
