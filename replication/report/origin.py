"""What was run on what: data, settings, machine, code and checkpoints."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from replication.paper.cells import Cell
from replication.report.study import Study
from replication.report.tables import Table, markdown
from replication.study.params import Params


def origin_text(study: Study) -> list[str]:
    return [_data(study.data), *_settings(study.params), _runs(study.done)]


def _data(data: dict[str, Any]) -> str:
    splits = splits_table(data)
    return f"{markdown(splits.header, splits.rows)}\n{articles_text(data)}"


def splits_table(data: dict[str, Any]) -> Table:
    """Sizes of both splits, from the content of data.json."""
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
    caption = "The data by split."
    return Table("data", caption, "dvc repro prepare", ["", "training", "test"], rows)


def articles_text(data: dict[str, Any]) -> str:
    unseen = 100 * data["test_users_unseen_share"]
    return (
        f"{data['articles']:,} articles, {data['test_only_articles']:,} of them in the test "
        f"split alone; {unseen:.1f} % of test users are unseen in training; "
        f"{data['categories']} categories, {data['subcategories']} subcategories."
    )


def _settings(params: Params) -> list[str]:
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
            f"{_rates(schedule.learning_rate)} (pre-trained parameters "
            f"{_rates(schedule.encoder_learning_rate)}), at most {length}, AUC checked every "
            f"{schedule.evaluate_every} batches, patience {schedule.patience}."
        )
    tuned = [
        f"{name}: {entry.finetune_layers} of {entry.layers}"
        for name, entry in params.encoders.items()
        if name in params.grid.encoders and entry.layers
    ]
    lines.append("Layers tuned when fine-tuned: " + (", ".join(tuned) or "none") + ".")
    return lines


def _rates(rate: float | Sequence[float]) -> str:
    """One learning rate, or those among which a search chose."""
    if isinstance(rate, Sequence):
        return "the best of " + ", ".join(f"{r:g}" for r in rate)
    return f"{rate:g}"


def _runs(done: Sequence[Cell]) -> str:
    """Hardware, libraries, code and checkpoints that the runs name; several where they differ."""
    if not done:
        return "No experiment has been run."

    of = partial(distinct, done)
    lines = [
        f"- Hardware: {', '.join(of('hardware', 'processor'))}; "
        f"{', '.join(of('hardware', 'cores'))} cores, "
        f"{', '.join(of('hardware', 'memory_gib'))} GiB; "
        f"GPU: {', '.join(of('hardware', 'gpu')).replace('unknown', 'none')}.",
        f"- Precision: {', '.join(of('precision'))}; "
        + ", ".join(
            f"{name} {'/'.join(of('libraries', name))}"
            for name in ("python", "torch", "transformers", "accelerate")
        )
        + ".",
        f"- First run of the grid started {min(of('started'))}, last ended {max(of('ended'))}.",
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


def distinct(done: Sequence[Cell], *keys: str) -> list[str]:
    """What the runs' run.json say under nested `keys`, each once, in the order of the runs."""
    found = []
    for cell in done:
        value: Any = cell.run
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        found.append("unknown" if value is None else str(value))
    return list(dict.fromkeys(found))
