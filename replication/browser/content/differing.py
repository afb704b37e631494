"""Two runs side by side: metrics, cost, parameters, digests, and what makes them incomparable."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replication.browser.content.candidates import Candidate
from replication.browser.content.comparing import reading
from replication.browser.content.scores import Gap
from replication.browser.words import signed
from replication.paper.cells import METRIC_NAMES
from replication.report.tables import Field, Number, Probability, Table

MADE_BY = "streamlit run app.py"
HEX = 12  # digits of a digest that are shown
SAME, DIFFERS, ABSENT = "same", "differs", "absent"
MACHINE = ("processor", "cores", "gpu")
# Row -> key of cost.json, format, whether it depends on the machine.
_COSTS = {
    "parameters": ("parameters", ",.0f", False),
    "parameters trained": ("trainable_parameters", ",.0f", False),
    "seconds, all": ("seconds", ",.1f", True),
    "seconds of training": ("training_seconds", ",.1f", True),
    "seconds of testing": ("test_seconds", ",.2f", True),
    "peak memory (MiB)": ("peak_memory_mib", ",.0f", True),
    "peak GPU memory (MiB)": ("peak_gpu_memory_mib", ",.0f", True),
}
# What decides which impressions are scored and averaged.
_SPLIT = ("protocol.selection", "protocol.groups")


def metrics_table(a: Candidate, b: Candidate, gaps: Mapping[str, Gap]) -> Table:
    """A row per metric; without gaps there are no intervals of differences and no p."""
    rows: list[list[Field]] = []
    for key, name in METRIC_NAMES.items():
        gap = gaps.get(key)
        values = [_metric(candidate, key) for candidate in (a, b)]
        found = gap.difference if gap else _minus(*(value.value for value in values))
        gained = Number(found, gap.ci95 if gap else None, "+.4f", "+.4f", absent="unknown")
        tested: list[Field] = []
        if gap:
            plain = Number(found, gap.ci95_naive, "+.4f", "+.4f", absent="unknown")
            tested = [plain, Probability(gap.p), Probability(gap.p_holm), reading(gap)]
        rows.append([name, "higher", *values, gained, *tested])
    header = ["metric", "better", "A", "B", "B - A"]
    caption = f"{_titled(a, b)}: metrics with 95 % intervals"
    if gaps:
        header += ["B - A, naive", "p", "p (Holm)", "paired test"]
        caption += (
            "; B - A and its paired t-test over shared impressions, which allow for users and "
            "clicked articles; naive takes impressions as independent"
        )
    return Table("compared-metrics", f"{caption}.", MADE_BY, header, rows, text_columns=2)


def _metric(candidate: Candidate, key: str) -> Number:
    metrics = candidate.run.cell.metrics
    if metrics is None:
        return Number(None, absent=signed(candidate.state.word))
    return Number(metrics[key], metrics["ci95"][key])


def cost_table(a: Candidate, b: Candidate, adapters: Mapping[str, float | None]) -> Table:
    """A row per kind of cost that one of them knows. adapters: seconds of training by name."""
    costs = [candidate.run.cell.cost or {} for candidate in (a, b)]
    alike = same_machine(a, b)
    rows = [
        _cost_row(name, [cost.get(key) for cost in costs], form, alike or not depends)
        for name, (key, form, depends) in _COSTS.items()
        if any(cost.get(key) is not None for cost in costs)
    ]
    names = [candidate.run.cell.adapter for candidate in (a, b)]
    if any(names):
        taken = [adapters.get(name) if name else None for name in names]
        absent = ["unknown" if name else "has none" for name in names]
        rows.append(_cost_row("seconds of the adapter's training", taken, ",.1f", alike, absent))
    header = ["cost", "better", "A", "B", "B - A", "B / A"]
    return Table("compared-cost", f"{_titled(a, b)}: cost.", MADE_BY, header, rows, text_columns=2)


def _cost_row(
    name: str,
    values: Sequence[float | None],
    form: str,
    comparable: bool,
    absent: Sequence[str] = ("unknown", "unknown"),
) -> list[Field]:
    a, b = values
    shown = [Number(v, form=form, absent=text) for v, text in zip(values, absent, strict=True)]
    if not comparable:
        return [name, "lower", *shown, "other hardware", "not comparable"]
    gained = Number(_minus(a, b), form="+" + form, absent="-")
    ratio = Number(b / a if a and b is not None else None, form=".2f", absent="-")
    return [name, "lower", *shown, gained, ratio]


def same_machine(a: Candidate, b: Candidate) -> bool:
    """Whether both say that they ran on the same kind of machine."""
    return None not in (machine := _machine(a)) and machine == _machine(b)


def _machine(candidate: Candidate) -> tuple:
    run = candidate.run.cell.run
    if run is None or run["hardware"]["processor"] is None:
        return (None,)
    return tuple(json.dumps(run["hardware"][key]) for key in MACHINE)


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


# ---------------------------------------------------------------- parameters


def parameters_table(a: Candidate, b: Candidate, everything: bool) -> tuple[Table, int]:
    """What the runs were made with, by dotted key: what differs, or all; and how many rows are
    the same. Both must have a run.json."""
    first, second = parameters(_run(a)), parameters(_run(b))
    keys = [*first, *(key for key in second if key not in first)]
    pairs = [(key, first.get(key, ABSENT), second.get(key, ABSENT)) for key in keys]
    differing = [row for row in pairs if row[1] != row[2]]
    same = [row for row in pairs if row[1] == row[2]]
    rows = [[*row, DIFFERS] for row in differing]
    rows += [[*row, SAME] for row in same] if everything else []
    header = ["parameter", "A", "B", "A and B"]
    if not everything:
        header, rows = header[:3], [row[:3] for row in rows]
    caption = f"{_titled(a, b)}: {'all parameters' if everything else 'parameters that differ'}."
    table = Table("compared-parameters", caption, MADE_BY, header, rows, text_columns=len(header))
    return table, len(same)


def _run(candidate: Candidate) -> dict[str, Any]:
    """Its run.json. Errors: `ValueError` where it has none."""
    if candidate.run.cell.run is None:
        raise ValueError(f"{candidate.key} has no run.json to compare")
    return candidate.run.cell.run


def parameters(run: Mapping[str, Any]) -> dict[str, str]:
    """All that run.json says a run was made with, as text by dotted key, digests left out."""
    git = run.get("git") or {"commit": None, "changed": None}
    commit = (git["commit"] or "unknown")[:10]
    return {
        **dict(_leaves("", _lifted(run["params"]))),
        "profile": run["profile"],
        "seed": str(run["seed"]),
        "precision": run.get("precision", "unknown"),
        "git commit": f"{commit}, with changes" if git["changed"] else commit,
        **dict(_leaves("library ", run["libraries"])),
        **dict(_leaves("hardware ", run["hardware"])),
        **dict(_leaves("computing ", run.get("computing", {}))),
    }


def _lifted(params: Mapping[str, Any]) -> dict[str, Any]:
    """With a run's own schedule, encoder and adapter under one name in every run, so that they can
    be compared: `training.batch_size`, and `training.entry` for which schedule it is. A schedule
    that another starts from keeps its name: `training.frozen.batch_size`."""
    lifted = dict(params)
    for section in ("training", "encoders", "adapters"):
        parts = params.get(section)
        if not isinstance(parts, dict):
            continue
        inner = {key: value for key, value in parts.items() if isinstance(value, dict)}
        started = [value.get("start") for value in inner.values()]
        own = [key for key in inner if key not in started]
        if len(own) == 1:
            rest = {key: value for key, value in parts.items() if key != own[0]}
            lifted[section] = {"entry": own[0], **rest, **inner[own[0]]}
    return lifted


def _leaves(start: str, value: Any) -> Iterator[tuple[str, str]]:
    """Dotted keys of the innermost values; a list is one value, an empty mapping none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            dot = "." if start and not start.endswith(" ") else ""
            yield from _leaves(f"{start}{dot}{key}", inner)
    else:
        yield start, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# ---------------------------------------------------------------- data and checkpoints


def digests_table(a: Candidate, b: Candidate) -> Table:
    """SHA-256 of every file of the data and of the checkpoints; of what was made of them, and of
    code, only where it differs. Both must have a run.json."""
    first, second = _digests(_run(a)), _digests(_run(b))
    more = [_more_digests(_run(a)), _more_digests(_run(b))]
    for key in dict.fromkeys([*more[0], *more[1]]) if all(more) else ():
        if more[0].get(key) != more[1].get(key):
            for digests, found in zip((first, second), more, strict=True):
                digests |= {key: found[key]} if key in found else {}
    rows = []
    for key in dict.fromkeys([*first, *second]):
        values = first.get(key), second.get(key)
        word = SAME if values[0] == values[1] else DIFFERS if None not in values else "in one only"
        rows.append([*key, *(value[:HEX] if value else ABSENT for value in values), word])
    header = ["of", "file", "A", "B", "A and B"]
    caption = f"{_titled(a, b)}: first {HEX} digits of SHA-256."
    return Table("compared-digests", caption, MADE_BY, header, rows, text_columns=len(header))


def _digests(run: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    checkpoint = run["checkpoint"]
    return {
        **{("data", file): digest for file, digest in run["data_sha256"].items()},
        **{
            (f"checkpoint {checkpoint['encoder']}", file): digest
            for file, digest in checkpoint["sha256"].items()
        },
    }


def _more_digests(run: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Of the other files that a run read, and of its code; an earlier run.json has none."""
    files = run.get("inputs_sha256", {}) | run.get("code_sha256", {})
    found = {}
    for path, digest in files.items():
        folder, _, name = path.rpartition("/")
        found[folder, name] = digest
    return found


def cautions(a: Candidate, b: Candidate) -> list[str]:
    """Why a difference is not, or not only, that of the parameters: data, split, seed, profile."""
    first, second = a.run.cell, b.run.cell
    found = []
    if first.metrics and second.metrics:
        counts = first.metrics["impressions"], second.metrics["impressions"]
        if counts[0] != counts[1]:
            text = "The splits differ: A was tested on {:,} impressions, B on {:,}."
            found.append(text.format(*counts))
    if not (first.run and second.run):
        return found
    one, other = first.run, second.run
    if one["profile"] != other["profile"]:
        found.append(f"The profiles differ: {one['profile']} and {other['profile']}.")
    if one["data_sha256"] != other["data_sha256"]:
        found.append("The data differ: these are not results on the same impressions.")
    settings = [parameters(run) for run in (one, other)]
    for key in _SPLIT:
        values = [setting.get(key, ABSENT) for setting in settings]
        if values[0] != values[1]:
            found.append(f"The splits differ: {key} is {values[0]} in A, {values[1]} in B.")
    if one["seed"] != other["seed"]:
        found.append(
            f"The seeds differ ({one['seed']} and {other['seed']}): part of the difference is "
            "chance."
        )
    names = [run["checkpoint"]["encoder"] for run in (one, other)]
    if names[0] == names[1] and one["checkpoint"]["sha256"] != other["checkpoint"]["sha256"]:
        found.append(f"The checkpoints differ, though both are called {names[0]}.")
    return found


def _titled(a: Candidate, b: Candidate) -> str:
    return f"A: {a.description}. B: {b.description}"
