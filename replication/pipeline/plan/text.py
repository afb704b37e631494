"""A plan in words and tables, as Markdown that reads well in a terminal."""

from collections.abc import Callable, Iterable
from typing import Any

from replication.pipeline.plan.plan import Plan
from replication.pipeline.plan.stages import Stage
from replication.pipeline.plan.validation import Prediction, together
from replication.report.estimate import PASSES
from replication.report.expected import GIB, duration, shape_of
from replication.report.tables import markdown

REACHED = 1.05  # a study that takes no more than this times its longest chain is bound by it


def text(plan: Plan) -> str:
    """The whole plan."""
    parts = [_introduction(plan), _totals(plan), _groups(plan), _order(plan), _trust(plan)]
    return "\n".join(parts).rstrip()


def _introduction(plan: Plan) -> str:
    shape, machine = shape_of(plan.params), plan.machine
    shares = ", ".join(
        f"{kind} {share:.0%} ({machine.origin[kind].partition(',')[0]})"
        for kind, share in machine.attained.items()
    )
    return (
        f"# Plan of profile {plan.params.profile} on {plan.devices} x {machine.name}\n\n"
        f"Made by `{plan.command}`; nothing was run. Data: {shape.articles:,} articles, "
        f"{shape.impressions:,} training impressions with {shape.clicks:,} clicks, "
        f"{shape.test_impressions:,} to test on; {PASSES} passes over the clicks until early "
        "stopping are assumed, at most. Figures with a tilde are **estimates**; of these, "
        "*calibrated* ones are scaled by measured runs of the same kind on such a machine. Those "
        "without are **measured** here.\n\n"
        f"A device is taken to do {machine.operations / 1e12:g} TFLOP/s in bf16 at its peak, and "
        f"of that: {shares}. It reads {machine.bytes_read / 1e9:g} GB of vectors a second; a batch "
        f"takes {machine.batch_seconds * 1000:g} ms besides.\n"
    )


def _totals(plan: Plan) -> str:
    whole, wall, chain = plan.device_seconds, plan.seconds, plan.chain_seconds
    lines = [
        f"**~{duration(wall)}** on {plan.devices} device{'s' * (plan.devices > 1)}, "
        f"~{duration(whole)} one stage after another; devices are busy for "
        f"{whole / (plan.devices * wall):.0%} of ~{duration(plan.devices * wall)}.",
        "By number of devices: "
        + ", ".join(f"{n}: ~{duration(plan.on(n))}" for n in _counts(plan.devices))
        + ".",
        f"Bottleneck: {_bottleneck(plan)}",
        f"The longest chain, ~{duration(chain)}, which more devices do not shorten: "
        + " -> ".join(plan.chain)
        + ".",
        f"Memory: {_memory(plan)}",
        f"Disk: {_disk(plan)}",
    ]
    return "## In total\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def _counts(devices: int) -> list[int]:
    return sorted({1, 2, 4, 8, 16, devices})


def _bottleneck(plan: Plan) -> str:
    longest = max((plan.stage[name] for name in plan.chain), key=lambda stage: stage.seconds)
    group, count, took = plan.by_group()[0]
    part, seconds = plan.by_part()[0]
    cause = f"{part} ({seconds / plan.device_seconds:.0%} of all)"
    if plan.devices > 1 and plan.seconds <= REACHED * plan.chain_seconds:
        own, most = max((took, part) for part, took in longest.parts.items())
        return (
            f"the longest chain, and in it {longest.name} "
            f"({longest.seconds / plan.chain_seconds:.0%}), of which {most} "
            f"{own / longest.seconds:.0%}{_shorter(longest)}; of all stages' time, {cause}."
        )
    return (
        f"device time, above all that of {group} ({count}x, {took / plan.device_seconds:.0%}); "
        f"of all stages' time, {cause}."
    )


def _shorter(stage: Stage) -> str:
    hint = ": `audit.max_steps` or fewer `audit.bases` shorten it"
    return hint if stage.group == "audit" else ""


def _memory(plan: Plan) -> str:
    largest = max(plan.stages, key=lambda stage: stage.memory)
    told = f"{_amount(largest, largest.memory)} GiB at most ({largest.name})"
    if not plan.unfit:
        return f"{told} of {plan.machine.memory / GIB:.3g}; all stages fit."
    names = ", ".join(stage.name for stage in plan.unfit)
    return (
        f"{told}, but a device has {plan.machine.memory / GIB:.3g}: **does not fit**: {names}; "
        "counted in time all the same."
    )


def _disk(plan: Plan) -> str:
    sizes = dict.fromkeys(("data", "checkpoints", "embeddings", "states of", "runs"), 0.0)
    for name, size in plan.files.items():
        sizes[next(kind for kind in sizes if name.startswith(kind))] += size
    sizes["states below a cut"] = sizes.pop("states of")
    told = ", ".join(f"{kind} ~{size / GIB:.2g}" for kind, size in sizes.items() if size)
    return (
        f"~{sum(sizes.values()) / GIB:.3g} GiB ({told}); DVC's cache holds all but the states a "
        "second time, unless the file system copies by reference."
    )


def _groups(plan: Plan) -> str:
    def rows(found: Iterable[tuple[Any, ...]]) -> list[list[str]]:
        return [
            [*map(str, names), f"~{duration(took)}", f"{took / plan.device_seconds:.1%}"]
            for *names, took in found
        ]

    stages = markdown(["stages", "number", "time", "share"], rows(plan.by_group()))
    parts = markdown(["what takes it", "time", "share"], rows(plan.by_part()))
    return f"## Where the time goes\n\n{stages}\n{parts}"


def _order(plan: Plan) -> str:
    rows = [
        [
            place.name,
            stage.basis,
            str(place.device),
            f"~{duration(place.start)}",
            _amount(stage, stage.seconds, duration),
            (_amount(stage, stage.memory) if stage.memory else "-")
            + ("" if plan.fits(stage) else ", does not fit"),
            f"~{stage.disk / GIB:.2g}" if stage.disk else "-",
        ]
        for place in plan.placed
        for stage in [plan.stage[place.name]]
    ]
    header = ["stage", "basis", "device", "start", "time", "memory (GiB)", "disk (GiB)"]
    return (
        "## The order\n\nUpstream first, and of what is ready the stage that the longest chain "
        "hangs on: the shortest order that is quickly found. Files on disk may be shared by "
        "several stages. Of `start-up` stages nothing else is known, so they count by it alone.\n\n"
        + markdown(header, rows, text_columns=2)
    )


def _amount(
    stage: Stage, value: float, form: Callable[[float], str] = lambda size: f"{size / GIB:.2g}"
) -> str:
    return f"{'' if stage.basis == 'measured' else '~'}{form(value)}"


def _trust(plan: Plan) -> str:
    if not plan.known.runs:
        return (
            "## How far to trust it\n\nNo run in reports/ was made on such a machine: nothing is "
            "calibrated, and what is assumed above may be wrong by a factor of several."
        )
    if not plan.predictions:
        return (
            f"## How far to trust it\n\nCalibrated by {len(plan.known.runs)} measured on such a "
            "machine, of another profile; none of this one has been."
        )
    return f"## How far to trust it\n\n{trust(plan)}"


def trust(plan: Plan) -> str:
    """Each measured run predicted from the other ones: a table by kind, and the sum."""
    kinds = dict.fromkeys(prediction.kind for prediction in plan.predictions)
    rows = [_trusted(plan, kind, [p for p in plan.predictions if p.kind == kind]) for kind in kinds]
    rows.append(_trusted(plan, "all", list(plan.predictions)))
    header = [
        "kind of work", "runs", "factor", "predicted", "measured", "error of the sum",
        "errors of runs", "within 30 %",
    ]  # fmt: skip
    return (
        "Each measured run was predicted from the other ones of its kind and compared with what it "
        "took (`factor`: measured over estimated work).\n\n" + markdown(header, rows)
    )


def _trusted(plan: Plan, kind: str, found: list[Prediction]) -> list[str]:
    errors = sorted(prediction.error for prediction in found)
    near = sum(abs(error) <= 0.3 for error in errors)
    return [
        kind,
        str(len(found)),
        "" if kind == "all" else f"{plan.known.factor(kind):.2f}",
        f"{sum(p.predicted for p in found):.0f} s",
        f"{sum(p.measured for p in found):.0f} s",
        f"{together(found):+.0%}",
        f"{errors[0]:+.0%} to {errors[-1]:+.0%}",
        f"{near} of {len(found)}",
    ]
