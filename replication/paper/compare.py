"""Stage `compare`: the paper's claims and tables beside what our runs found."""

from dataclasses import asdict
from typing import Any

from replication.files.atomic import write_json
from replication.paper.audits import audit_effects
from replication.paper.cells import read_grid, read_sweep
from replication.paper.claims import load_claims
from replication.paper.contrasts import cold_start_contrasts
from replication.paper.cross_checks import load_cross_checks
from replication.paper.effects import tuning_effects
from replication.paper.evidence import Evidence
from replication.paper.judges import judge
from replication.paper.main_table import TOLERANCE, TOLERANCE_REASON, main_table
from replication.paper.sweeps import sweep_curves
from replication.paper.values import load_values
from replication.study import paths
from replication.study.params import Params

NOT_EVIDENCE = "demo data: not evidence about the paper"


def compare(params: Params) -> None:
    """Write reports/claims.json and reports/comparison.json.

    On the demo corpus every verdict is marked as no evidence: `evidence` is false.
    What has not been run is told as such, with its command.
    Errors: `StudyError` naming a file of the runs that is damaged, or does not go with the others.
    """
    evidence = Evidence(params, read_grid(params), read_sweep(params))
    # All is read before anything is written.
    claims, values, checks = load_claims(), load_values(), load_cross_checks()
    real = params.profile != "demo"
    head = {
        "profile": params.profile,
        "evidence": real,
        "note": None if real else NOT_EVIDENCE,
    }
    write_json(
        paths.CLAIMS,
        {
            **head,
            "models": params.paper,
            "claims": [
                _strip(asdict(claim))
                | {"verdicts": {p: judge(claim, evidence, p) for p in params.grid.protocols}}
                for claim in claims
            ],
        },
    )
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


def _strip(entry: dict[str, Any]) -> dict[str, Any]:
    """Fields that say nothing left out."""
    return {key: value for key, value in entry.items() if value is not None or key == "value"}
