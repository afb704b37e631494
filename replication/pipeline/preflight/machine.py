"""Whether this machine has what the plan of a study asks for: disk, memory, a GPU, packages."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from replication.files.errors import StudyError
from replication.machine.environment import IN_4_BITS
from replication.pipeline.plan.plan import Plan, plan
from replication.pipeline.preflight.rows import Row
from replication.report.expected import duration
from replication.study.params import Params
from replication.study.registry import SOURCES

PACKAGES = (
    "accelerate", "dvc", "huggingface_hub", "peft", "polars", "requests", "safetensors",
    "tokenizers", "torch", "tqdm", "transformers",
)  # fmt: skip


def machine_rows(params: Params, profile: str | None, downloads: float) -> list[Row]:
    """Token, packages, disk, memory and GPU. downloads: bytes that are still to come."""
    rows = [_token(), *_packages(params)]
    try:
        planned = plan(profile, None)
    except StudyError as error:
        return [*rows, Row("plan", "", None, "", "not known yet", note=str(error))]
    return [*rows, *_disk(planned, downloads), *_device(params, planned)]


def _token() -> Row:
    from huggingface_hub import get_token

    state = "present" if get_token() else "none"
    return Row("token of the hub", "HF_TOKEN, or the hub's login", None, "", state)


def _packages(params: Params) -> Iterator[Row]:
    names = set(PACKAGES)
    for encoder in params.encoders.values():
        names.update(SOURCES[encoder.source].packages(encoder))
    if _in_four_bits(params):
        names.add(IN_4_BITS)
    missing = sorted(name for name in names if find_spec(name.partition(".")[0]) is None)
    problem = None
    if missing:
        remedy = "`make setup`" if missing != [IN_4_BITS] else f"`pip install {IN_4_BITS}`"
        problem = f"{', '.join(missing)} not installed: run {remedy}"
    state = "missing" if missing else "installed"
    yield Row("packages", f"Python {sys.version.split()[0]}", None, "", state, problem)


def _disk(planned: Plan, downloads: float) -> Iterator[Row]:
    """The study's own files and DVC's second copy of most; the hub's cache, where it is elsewhere.

    Checkpoints are hard links into a cache on the same disk, so that they count once.
    """
    from huggingface_hub import constants

    files = planned.files
    states = sum(size for name, size in files.items() if name.startswith("states of"))
    study = 2 * sum(files.values()) - states
    here, cache = _there(Path()), _there(Path(constants.HF_HUB_CACHE))
    needs = {here: study}
    if cache.stat().st_dev == here.stat().st_dev:
        needs[here] += downloads
    else:
        needs[cache] = downloads
    for folder, need in needs.items():
        free = shutil.disk_usage(folder).free
        problem = None
        if free < need:
            problem = (
                f"{folder} has {free / 1e9:.3g} GB free of ~{need / 1e9:.3g} that the study "
                "may take: make room, work on another disk (HF_HOME moves the hub's cache), or "
                "choose fewer encoders"
            )
        what = "disk of the study" if folder == here else "disk of the hub's cache"
        yield Row(what, str(folder), need, "", f"{free / 1e9:.3g} GB free", problem)


def _there(path: Path) -> Path:
    """A path, or the nearest folder above it that there is."""
    path = path.resolve()
    while not path.exists():
        path = path.parent
    return path


def _device(params: Params, planned: Plan) -> Iterator[Row]:
    """The largest stage against the memory here; without a GPU what is meant for one is slow."""
    gpu = _gpu()
    # What is spread over devices and does not fit there goes to memory and disk.
    spread = {f"embed@{n}" for n, e in params.encoders.items() if "spread" in e.held}
    on_one = [stage for stage in planned.stages if stage.name not in spread]
    largest = max(on_one, key=lambda stage: stage.memory)
    have = gpu[1] if gpu else _memory()
    name = gpu[0] if gpu else "no GPU; the processor computes"
    problem = None
    if have is not None and largest.memory > have:
        problem = (
            f"{largest.name} needs ~{largest.memory / 1e9:.3g} GB, {name} has "
            f"{have / 1e9:.3g} GB: lower its batch_size, leave its encoder out, or use a "
            "larger device"
        )
    state = "not known" if have is None else f"{have / 1e9:.3g} GB"
    what = "memory of the GPU" if gpu else "memory"
    yield Row(what, name, largest.memory, "", state, problem)
    yield _time(params, planned, gpu is not None)


def _time(params: Params, planned: Plan, gpu: bool) -> Row:
    if not gpu and (asked := _in_four_bits(params)):
        problem = f"{asked[0]}: nf4 needs a GPU: leave it out, or use bf16"
        return Row("time", planned.machine.name, None, "", "no GPU", problem)
    told = f"~{duration(planned.device_seconds)} (estimated)"
    if gpu or planned.machine.gpu is None:
        return Row("time", planned.machine.name, None, "", told)
    slow = duration(plan(params.profile, "1xcore").device_seconds)
    return Row(
        "time", planned.machine.name, None, "", told,
        note=f"time: no GPU here; on one core of a processor the plan is ~{slow} (estimated): "
        "profile mind-small-laptop is meant for that",
    )  # fmt: skip


def _in_four_bits(params: Params) -> list[str]:
    """The parameters that ask for it."""
    adapters, encoders = params.adapters.items(), params.encoders.items()
    found = [f"adapters.{n}.base_format" for n, a in adapters if a.base_format == "nf4"]
    return found + [f"encoders.{n}.held" for n, e in encoders if "nf4" in e.held]


def _gpu() -> tuple[str, float] | None:
    """Name and bytes of the first GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    found = torch.cuda.get_device_properties(0)
    return found.name, float(found.total_memory)


def _memory() -> float | None:
    """Bytes of this machine, and of the group of processes that a container limits."""
    try:
        whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None
    limit = Path("/sys/fs/cgroup/memory.max")
    try:
        return min(whole, float(limit.read_text()))
    except (OSError, ValueError):  # "max"
        return whole
