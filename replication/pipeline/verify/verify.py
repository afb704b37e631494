"""python -m replication verify: rerun stages in a scratch copy, compare with what is recorded."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError
from replication.files.listing import JUNK
from replication.machine import environment
from replication.machine.precision import resolve_precision
from replication.paper.cells import grid_cells
from replication.pipeline.verify.judge import (
    DIFFERENT,
    IDENTICAL,
    NOT_COMPARED,
    Judgement,
    Sides,
    judge,
    overall,
    recorded_threads,
)
from replication.pipeline.verify.records import Record, choose, read_records, with_upstream
from replication.pipeline.verify.scratch import rerun, scratch_folder, write_copy
from replication.pipeline.verify.tolerance import REASON
from replication.study import paths
from replication.study.params import Params, load_params


def verify(names: Sequence[str], everything: bool, keep: bool, as_json: bool) -> None:
    """Rerun stages and all that they need, from nothing; print how they compare.

    They run with as many threads as the recorded runs had (the last digits depend on that), unless
    OMP_NUM_THREADS says otherwise.
    names       of stages or groups of them; none: the references, and the grid's runs of the
                recommender and the encoder at hand
    everything  all stages
    keep        leave the scratch copy where it is
    Errors: `StudyError` where a result is different, or nothing could be compared.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # then, too, the copy is removed
    project, params, started = Path.cwd(), load_params(), time.perf_counter()
    before = read_records(project)
    chosen = list(before) if everything else choose(before, names or _at_hand(params, before))
    stages = with_upstream(before, chosen)
    with scratch_folder(keep) as scratch:
        recorded, again = scratch / "recorded", scratch / "rerun"
        if paths.REPORTS.is_dir():  # a `dvc repro` in the meantime changes nothing here
            ignored = shutil.ignore_patterns(*JUNK)
            shutil.copytree(paths.REPORTS, recorded / paths.REPORTS, ignore=ignored)
        write_copy(project, again)
        print(f"{len(stages)} stages run in {again}: {', '.join(stages)}", file=sys.stderr)
        threads = None if "OMP_NUM_THREADS" in os.environ else recorded_threads(recorded)
        rerun(project, again, chosen, threads)
        machine = _machine(params, threads)
        sides = Sides(project, recorded, again, before, read_records(again), machine)
        judgements = judge(sides, stages)
    verdict, first = overall(judgements)
    found = {
        "verdict": verdict,
        "first": first and first.stage,
        "tolerance": REASON,
        "seconds": round(time.perf_counter() - started, 1),
        "scratch": str(scratch) if keep else None,
        "stages": [_row(judgement) for judgement in judgements],
    }
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _text(found))
    if verdict == DIFFERENT:
        assert first is not None
        reason = "; ".join(first.why) or first.differences[0].detail
        raise StudyError(f"verify: the first stage that differs is {first.stage}: {reason}")
    if verdict == NOT_COMPARED:
        raise StudyError("verify: nothing could be compared, as told above")


def _at_hand(params: Params, records: Mapping[str, Record]) -> list[str]:
    """The references, and the grid's runs of the recommender, encoder, protocol, seed at hand; if
    the grid has none of them, the experiment at hand."""
    cells = [
        cell.command.removeprefix("dvc repro ")
        for cell in grid_cells(params)
        if (cell.recommender, cell.adapter or cell.encoder, cell.protocol, cell.seed)
        == (params.recommender, params.encoder, params.protocol.name, params.seed)
    ]
    return ["baselines", *([cell for cell in cells if cell in records] or ["experiment"])]


def _machine(params: Params, threads: int | None) -> dict[str, Any]:
    """What a run.json would say of this machine, with so many threads."""
    computing = environment.computing() | {"processes": params.training.launch.count}
    return {
        "precision": resolve_precision(params.training.precision),
        "libraries": environment.libraries(),
        "hardware": environment.hardware(),
        "computing": computing | ({"threads": threads} if threads else {}),
    }


def _row(judgement: Judgement) -> dict[str, Any]:
    return {
        "stage": judgement.stage,
        "verdict": judgement.verdict,
        "differences": [
            {"path": d.path, "within_tolerance": d.small, "detail": d.detail}
            for d in judgement.differences
        ],
        "why": list(judgement.why),
    }


def _text(found: Mapping[str, Any]) -> str:
    rows, lines = found["stages"], []
    width = max(len(row["stage"]) for row in rows)
    for row in rows:
        lines.append(f"{row['stage']:{width}}  {row['verdict']}")
        differing = [f"{d['path']}: {d['detail']}" for d in row["differences"]]
        though = "though " if row["verdict"] == IDENTICAL else ""
        lines += [f"    {line}" for line in differing]
        lines += [f"    {though}{line}" for line in row["why"]]
    verdict = f"{found['verdict']}, after {found['seconds']:.0f} s"
    if found["first"]:
        verdict += f"; the first such stage is {found['first']}"
    lines.append(f"verdict: {verdict}")
    if found["verdict"] != IDENTICAL:
        lines.append(f"tolerance: {found['tolerance']}")
    if found["scratch"]:
        lines.append(f"kept: {found['scratch']}")
    return "\n".join(lines)
