"""Stage `compare`: the paper's claims and tables beside what our runs found."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from replication.evaluation.metrics import METRICS
from replication.files.atomic import write_json
from replication.mind.statistics import Known, known_as
from replication.paper.audits import audit_effects
from replication.paper.cells import Cell, read_grid, read_json, read_sweep
from replication.paper.claims import Claim, load_claims
from replication.paper.contrasts import cold_start_contrasts
from replication.paper.cross_checks import load_cross_checks
from replication.paper.effects import tuning_effects
from replication.paper.evidence import Evidence
from replication.paper.judges import judge
from replication.paper.main_table import TOLERANCE, TOLERANCE_REASON, main_table
from replication.paper.sweeps import sweep_curves
from replication.paper.values import load_values
from replication.paper.words import data_of, told, would_decide
from replication.study import paths
from replication.study.params import Params

NOT_EVIDENCE = "demo data: not evidence about the paper"
OTHER_DATA = "other data than the paper's: not evidence about its figures"
UNVERIFIED = (
    "figures of MIND-small, files not verified: not evidence about the paper's figures until the "
    "files are known by their digests"
)
PAPER_RELEASE = "small"  # of MIND


def compare(params: Params) -> None:
    """Write reports/claims.json, reports/comparison.json and reports/metrics.json.

    `evidence` is false, and `note` says why, unless the data are the release that the paper used,
    as the digests of their files and their figures show; a profile's name shows nothing.
    What has not been run is told as such, with its command.
    Errors: `StudyError` naming a file of the runs that is damaged, or does not go with the others.
    """
    grid, sweep = read_grid(params), read_sweep(params)
    evidence = Evidence(params, grid, sweep)
    # All is read before anything is written.
    claims, values, checks = load_claims(), load_values(), load_cross_checks()
    note = _note(params, known_as(read_json(paths.DATA_CARD) or {}, PAPER_RELEASE))
    head = {"profile": params.profile, "evidence": note is None, "note": note}
    data = data_of(params.profile, note is None)
    write_json(
        paths.CLAIMS,
        {
            **head,
            "models": params.paper,
            "claims": [
                _strip(asdict(claim))
                | {
                    "verdicts": {
                        p: _judged(claim, evidence, p, data) for p in params.grid.every_protocol
                    }
                }
                for claim in claims
            ],
        },
    )
    write_json(paths.METRICS, metrics_by_run([*grid, *sweep]))
    write_json(
        paths.COMPARISON,
        {
            **head,
            "tolerance": TOLERANCE,
            "tolerance_reason": TOLERANCE_REASON,
            "cells": main_table(evidence, values),
            "effects": tuning_effects(evidence, values, claims),
            "cold_start": cold_start_contrasts(evidence),
            "sweep": sweep_curves(evidence, values),
            "audit": audit_effects(params, claims),
            "cross_checks": [_strip(asdict(check)) for check in checks],
        },
    )


def _note(params: Params, known: Known) -> str | None:
    """Why the data are no evidence; None where they are."""
    if known == "other":
        return NOT_EVIDENCE if params.demo else OTHER_DATA
    return None if known == "verified" else UNVERIFIED


def _judged(claim: Claim, evidence: Evidence, protocol: str, data: str | None) -> dict[str, Any]:
    """`judge`, and what a reader is told of it: word, aside, would_decide."""
    found = judge(claim, evidence, protocol)
    word, aside = told(asdict(claim), found, data)
    return found | {"word": word, "aside": aside, "would_decide": would_decide(found)}


def metrics_by_run(cells: Iterable[Cell]) -> dict[str, dict[str, float | None]]:
    """The metrics of every finished run by its id, for `dvc metrics`, which reads whole files."""
    return {
        cell.folder.name: {metric: cell.metrics[metric] for metric in METRICS}
        for cell in cells
        if cell.metrics is not None
    }


def _strip(entry: dict[str, Any]) -> dict[str, Any]:
    """Fields that say nothing left out."""
    return {key: value for key, value in entry.items() if value is not None or key == "value"}
