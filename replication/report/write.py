"""Stage `report`: reports/REPORT.md, its tables (CSV, LaTeX) and its figure."""

from collections.abc import Sequence
from typing import Any

from replication import paths
from replication.atomic import new_folder, write_text
from replication.errors import StudyError
from replication.params import Params
from replication.report.figures import auc_figure, save_figure
from replication.report.results import METRIC_NAMES, METRICS, Cell, read_grid, read_json
from replication.report.tables import csv_text, latex, markdown

DEMO_LABEL = "Demo data: not evidence about the paper."
RESULT_HEADER = ["recommender", "encoder", "tuning", *METRIC_NAMES.values()]
COST_HEADER = [
    "recommender", "encoder", "tuning", "parameters", "trained", "batches", "seconds", "peak MiB",
    "articles/s",
]  # fmt: skip


def write_report(params: Params) -> None:
    """Write reports/REPORT.md, reports/tables and reports/figures from what has been run.

    Errors: `StudyError` naming the first file that is missing or damaged.
    """
    cells = read_grid(params)
    baselines, data = read_json(paths.BASELINES), read_json(paths.DATA_CARD)
    for path, found in ((paths.BASELINES, baselines), (paths.DATA_CARD, data)):
        if found is None:
            raise StudyError(f"{path}: no such file; run `dvc repro`")
    rows = result_rows(cells, baselines)
    costs = [_cost_row(cell) for cell in cells]
    caption = "Test-split metrics (mean over impressions)."
    if params.profile == "demo":
        caption += f" {DEMO_LABEL}"
    with new_folder(paths.REPORTS / "tables") as folder:
        write_text(folder / "results.csv", _results_csv(cells, baselines))
        write_text(folder / "results.tex", latex(RESULT_HEADER, rows, caption, 3))
        write_text(folder / "cost.csv", csv_text(COST_HEADER, costs))
        write_text(folder / "cost.tex", latex(COST_HEADER, costs, "Cost of each run.", 3))
    with new_folder(paths.REPORTS / "figures") as folder:
        label = DEMO_LABEL if params.profile == "demo" else f"Profile {params.profile}"
        figure = auc_figure(cells, baselines, f"Test AUC with 95 % intervals. {label}")
        save_figure(figure, folder, "auc")
    text = _document(params, cells, baselines, data, rows, costs)
    write_text(paths.REPORTS / "REPORT.md", text)


def result_rows(
    cells: Sequence[Cell], baselines: dict[str, Any], intervals: Sequence[str] = METRICS
) -> list[list[str]]:
    """The table recommender x encoder x tuning, references first, as text.

    `intervals` are the metrics that are shown with theirs.
    """
    rows = [
        [name, "", "", *_metric_texts(baselines[name], intervals)]
        for name in ("random", "popularity", "ceiling")
        if baselines.get(name)
    ]
    several = len({(c.protocol, c.seed) for c in cells}) > 1
    for cell in cells:
        tuning = f"{cell.tuning} ({cell.protocol}, seed {cell.seed})" if several else cell.tuning
        rows.append(
            [cell.recommender, cell.encoder, tuning, *_metric_texts(cell.metrics, intervals)]
        )
    return rows


def _metric_texts(metrics: dict[str, Any] | None, intervals: Sequence[str]) -> list[str]:
    """`0.6312 [0.620, 0.642]` for each metric, `not run` where there is none."""
    if metrics is None:
        return ["not run"] * len(METRICS)
    texts = []
    for name in METRICS:
        value, interval = metrics[name], name in intervals and metrics["ci95"][name]
        text = "undefined" if value is None else f"{value:.4f}"
        texts.append(f"{text} [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else text)
    return texts


def _results_csv(cells: Sequence[Cell], baselines: dict[str, Any]) -> str:
    header = ["recommender", "encoder", "tuning", "protocol", "seed"]
    for name in METRICS:
        header += [name, f"{name} low", f"{name} high"]
    rows = [
        [*(str(v) for v in place), *_metric_numbers(metrics)]
        for place, metrics in [
            *(((name, "", "", "", ""), baselines.get(name)) for name in ("random", "popularity",
                                                                          "ceiling")),
            *(((c.recommender, c.encoder, c.tuning, c.protocol, c.seed), c.metrics) for c in cells),
        ]
    ]  # fmt: skip
    return csv_text([*header, "impressions"], rows)


def _metric_numbers(metrics: dict[str, Any] | None) -> list[str]:
    """Numbers for a machine to read; an unknown one is an empty field."""
    if metrics is None:
        return [""] * (3 * len(METRICS) + 1)
    numbers: list[Any] = []
    for name in METRICS:
        numbers += [metrics[name], *(metrics["ci95"][name] or [None, None])]
    return ["" if v is None else str(v) for v in [*numbers, metrics["impressions"]]]


def _cost_row(cell: Cell) -> list[str]:
    place = [cell.recommender, cell.encoder, cell.tuning]
    if cell.cost is None:
        return [*place, *["not run"] * 6]
    cost = cell.cost
    return [
        *place,
        f"{cost['parameters']:,}",
        f"{cost['trainable_parameters']:,}",
        f"{cell.run['training']['steps']:,}" if cell.run else "unknown",
        f"{cost['seconds']:.1f}",
        f"{cost['peak_memory_mib']:.0f}",
        f"{cost['articles_per_second']:,.0f}",
    ]


def _document(
    params: Params,
    cells: Sequence[Cell],
    baselines: dict[str, Any],
    data: dict[str, Any],
    rows: list[list[str]],
    costs: list[list[str]],
) -> str:
    demo = params.profile == "demo"
    done = [cell for cell in cells if cell.metrics]
    parts = ["# Language models in neural news recommenders: results"]
    if demo:
        parts.append(
            f"> **{DEMO_LABEL}** The corpus is synthetic (MIND's format and marginals, invented "
            "articles and clicks); the encoders are real, but small. What follows shows that the "
            "study runs, not how the paper's claims fare on MIND."
        )
    parts.append(
        f"{len(done)} of {len(cells)} experiments have been run; profile `{params.profile}`, "
        f"protocol {', '.join(f'`{p}`' for p in params.grid.protocols)}, "
        f"seeds {', '.join(map(str, params.grid.seeds))}."
    )
    parts += ["## Test metrics", markdown(RESULT_HEADER, rows, 3).rstrip()]
    ceiling = (
        "*ceiling* ranks by the true click probabilities that the generator kept: no model can "
        "do better, but by chance."
        if baselines.get("ceiling")
        else f"There is no ceiling: {baselines.get('reason', 'it is not known')}."
    )
    parts.append(
        "Each figure is the plain mean over test impressions of MIND's official metric, with a "
        "95 % interval (percentile bootstrap over impressions; users with several impressions "
        "are not treated as clusters). Among equal scores the later candidate comes first; "
        f"{_tie_sentence(done)} *random* scores are random numbers, *popularity* is an article's "
        f"clicks in training. {ceiling}"
    )
    parts.append("![AUC of every experiment with its interval](figures/auc.svg)")
    parts += ["## Cost", markdown(COST_HEADER, costs, 3).rstrip()]
    parts.append(
        "*parameters*: recommender and language model together; *trained*: those that training "
        "changes. *seconds*: the whole experiment, imports excepted, and the encoder's states "
        "below the cut where this was the first to need them. *peak MiB*: most memory the process "
        "held. *articles/s*: candidates and clicks read in training; a distinct article of a batch "
        "is encoded once."
    )
    parts += ["## What was run on what", _data_text(data), _settings_text(params), _origin(done)]
    return "\n\n".join(parts) + "\n"


def _tie_sentence(done: Sequence[Cell]) -> str:
    shares = [cell.metrics["tied_share"] for cell in done if cell.metrics["tied_share"] is not None]
    if not shares:
        return "no experiment has been run."
    return f"at most {100 * max(shares):.1f} % of an experiment's impressions hold a tie."


def _data_text(data: dict[str, Any]) -> str:
    header = ["", "training", "test"]
    train, test = data["splits"]["train"], data["splits"]["test"]
    names = ("impressions", "users", "news", "candidates", "clicks")
    rows = [[name, f"{train[name]:,}", f"{test[name]:,}"] for name in names]
    for name, label in (
        ("history_mean", "clicks in history, mean"),
        ("history_median", "clicks in history, median"),
        ("candidates_mean", "candidates per impression"),
        ("clicks_mean", "clicks per impression"),
    ):
        rows.append([label, f"{train[name]:.1f}", f"{test[name]:.1f}"])
    rows.append(["first impression", train["first"], test["first"]])
    rows.append(["last impression", train["last"], test["last"]])
    unseen = 100 * data["test_users_unseen_share"]
    return (
        markdown(header, rows)
        + f"\n{data['articles']:,} articles, {data['test_only_articles']:,} of them in the test "
        f"split alone; {unseen:.1f} % of test users are unseen in training; "
        f"{data['categories']} categories, {data['subcategories']} subcategories."
    )


def _settings_text(params: Params) -> str:
    model, text = params.model, params.text
    lines = [
        f"Titles are cut at {text.title_tokens} tokens, abstracts at {text.abstract_tokens}, "
        f"histories at {params.history} clicks. Recommenders: {model.filters} filters, "
        f"{model.query} query, {model.heads} heads, {model.category} category width (as published: "
        "20, 50, 50; 300, 200, 15, 100).",
    ]
    for name in ("frozen", "tuned_words", "tuned_layers"):
        schedule = getattr(params.training, name)
        length = f"{schedule.max_epochs} epoch{'s' * (schedule.max_epochs > 1)}"
        if schedule.max_steps is not None:
            length += f" and {schedule.max_steps} batches"
        lines.append(
            f"Training, {name.replace('_', ' ')}: batches of {schedule.batch_size}, Adam at "
            f"{schedule.learning_rate:g} (pre-trained parameters {schedule.encoder_learning_rate:g}"
            f"), at most {length}, AUC checked every {schedule.evaluate_every} batches, "
            f"patience {schedule.patience}."
        )
    tuned = [
        f"{name}: {entry.finetune_layers} of {entry.layers}"
        for name, entry in params.encoders.items()
        if name in params.grid.encoders and entry.layers
    ]
    lines.append("Layers tuned when fine-tuned: " + (", ".join(tuned) or "none") + ".")
    return "\n\n".join(lines)


def _origin(done: Sequence[Cell]) -> str:
    """Hardware, libraries, code and checkpoints that the runs name; several where they differ."""
    if not done:
        return "No experiment has been run."

    def distinct(*keys: str) -> list[str]:
        found = []
        for cell in done:
            value: Any = cell.run
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            found.append("unknown" if value is None else str(value))
        return list(dict.fromkeys(found))

    hardware = distinct("hardware", "processor")
    lines = [
        f"- Hardware: {', '.join(hardware)}; {', '.join(distinct('hardware', 'cores'))} cores, "
        f"{', '.join(distinct('hardware', 'memory_gib'))} GiB; "
        f"GPU: {', '.join(distinct('hardware', 'gpu')).replace('unknown', 'none')}.",
        f"- Precision: {', '.join(distinct('precision'))}; "
        + ", ".join(
            f"{name} {'/'.join(distinct('libraries', name))}"
            for name in ("python", "torch", "transformers", "accelerate")
        )
        + ".",
        f"- First run started {min(distinct('started'))}, last ended {max(distinct('ended'))}.",
    ]
    checkpoints = {
        (c.run["checkpoint"]["encoder"], *sorted(c.run["checkpoint"]["sha256"].items()))
        for c in done
        if c.run
    }
    for encoder, *files in sorted(checkpoints):
        weights = [f"`{name}` {digest[:16]}" for name, digest in files if name != "tokenizer.json"]
        lines.append(f"- Checkpoint {encoder}: {', '.join(weights)} (sha256).")
    return "\n".join(lines)
