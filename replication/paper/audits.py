"""The protocol audit: what each deviation does to the AUC, and to a claim about the pair."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from replication.evaluation.intervals import interval, resampled_means
from replication.evaluation.reproduction import relative_improvement
from replication.evaluation.statistics import holm
from replication.files.errors import StudyError
from replication.paper import verdict
from replication.paper.cells import number, read_columns, read_json
from replication.paper.claims import Claim, Gain, SignOf
from replication.paper.evidence import SEED
from replication.paper.models import TUNINGS
from replication.paper.results import minus
from replication.paper.significance import p_value
from replication.study import paths
from replication.study.params import Params


def audit_effects(params: Params, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """One entry per pair: the effect of every deviation from every base, and the claims about it.

    missing  the command, where the audit has not been run; None, and nothing is missing, elsewhere
    bases    AUC per base and tuning
    effects  AUC minus that of the base protocol: paired interval and t-test over impressions,
             Holm-corrected over the pair's tests; null with the reason where the deviation cannot
             touch the runs, and where no impression has an AUC. One seed: what another seed does is
             the row of D11.
    claims   the verdict under each flip, and whether it differs from that under the base
    Errors: `StudyError` naming a file that is damaged.
    """
    return [_pair(name, params, claims) for name in params.audit.pairs]


def _pair(name: str, params: Params, claims: Sequence[Claim]) -> dict[str, Any]:
    pair, command = params.audit.pairs[name], f"dvc repro audit@{name}"
    entry = {
        "pair": name,
        "recommender": pair.recommender,
        "frozen": pair.frozen,
        "finetuned": pair.finetuned,
    }
    path = paths.AUDIT / f"{name}.json"
    found = read_json(path)
    if found is None:
        return entry | {"missing": command, "bases": {}, "effects": [], "claims": []}
    runs = _checked(found, path, command)
    scored = [key for key, run in runs.items() if run["untouched"] is None]
    means = {key: number(runs[key], "auc", path) for key in scored}
    table = paths.IMPRESSIONS / "audit" / f"{name}.parquet"
    frame = read_columns(table, scored, command)
    auc = {key: frame[key].fill_null(np.nan).to_numpy() for key in scored}
    replicates = resampled_means(auc, params.evaluation.bootstrap_samples, SEED)
    return entry | {
        "missing": None,
        "bases": {key: means[key] for key in scored if runs[key]["deviation"] == "none"},
        "effects": _effects(runs, auc, replicates),
        "claims": [
            row
            for claim in claims
            if _concerns(claim, pair, params)
            for row in _claim_rows(claim, runs, auc, replicates)
        ],
    }


def _checked(found: dict[str, Any], path: Path, command: str) -> dict[str, dict[str, Any]]:
    """The runs of an audit, each with the keys that are read and with its base among them."""
    runs = found.get("runs")
    if isinstance(runs, dict) and all(
        isinstance(run, dict) and run.keys() >= _KEYS and f"{run['base']}/{run['tuning']}" in runs
        for run in runs.values()
    ):
        return runs
    raise StudyError(f"{path}: runs: not as an audit writes them; run `{command}` again")


_KEYS = {"base", "deviation", "tuning", "encoder", "untouched", "auc"}
Columns = dict[str, np.ndarray]


def _effects(runs: dict[str, Any], auc: Columns, replicates: Columns) -> list[dict[str, Any]]:
    effects = []
    for key, run in runs.items():
        if run["deviation"] == "none":
            continue
        effect = {k: run[k] for k in ("base", "deviation", "tuning", "encoder", "untouched", "auc")}
        effect |= {"difference": None, "ci95": None, "p": None}
        base = f"{run['base']}/{run['tuning']}"
        if key in auc:
            difference = _mean(auc[key] - auc[base])
            effect |= {
                "difference": difference,
                "ci95": interval(replicates[key] - replicates[base]),
                "p": p_value(difference, [auc[key][None], -auc[base][None]]),
            }
        effects.append(effect)
    for effect, adjusted in zip(effects, holm([e["p"] for e in effects]), strict=True):
        effect["p_holm"] = adjusted
    return effects


def _mean(values: np.ndarray) -> float | None:
    """Over the impressions where there is one; None where there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _concerns(claim: Claim, pair: Any, params: Params) -> bool:
    """Whether a claim compares the two tunings of this pair."""
    models: Sequence[str]
    recommenders: Sequence[str]
    if isinstance(claim, Gain):
        models, recommenders = (claim.model,), (claim.recommender,)
    elif isinstance(claim, SignOf) and claim.minus.model is None and claim.tuning == "finetuned":
        models, recommenders = claim.models, claim.recommenders
    else:
        return False
    encoders = [params.paper.get(model) for model in models]
    return pair.recommender in recommenders and pair.frozen in encoders


def _claim_rows(
    claim: Claim, runs: dict[str, Any], auc: Columns, replicates: Columns
) -> list[dict[str, Any]]:
    """The claim judged on the pair under every protocol of the audit."""
    rows = []
    verdicts: dict[str, str] = {}
    for base, flip in dict.fromkeys((run["base"], run["deviation"]) for run in runs.values()):
        label = base if flip == "none" else f"{base}~{flip}"
        if not any(f"{label}/{tuning}" in auc for tuning in TUNINGS):
            continue
        # A tuning that the deviation cannot touch is as it was under the base.
        frozen, tuned = (
            f"{label}/{t}" if f"{label}/{t}" in auc else f"{base}/{t}" for t in TUNINGS
        )
        low, high = _mean(auc[frozen]), _mean(auc[tuned])
        gap = replicates[tuned] - replicates[frozen]
        found: float | None
        if isinstance(claim, Gain):
            gain = relative_improvement(high, low)
            found = None if gain is None else 100 * gain
            ends = interval(100 * gap / replicates[frozen])
            word = verdict.of_effect(found, claim.value, claim.tolerance)
        else:
            assert isinstance(claim, SignOf)  # `_concerns` lets no other through
            found, ends = minus(high, low), interval(gap)
            p = p_value(found, [auc[tuned][None], -auc[frozen][None]])
            word = verdict.of_sign(ends, 1 if claim.sign == "positive" else -1, p)
        if flip == "none":
            verdicts[base] = word
        rows.append(
            {
                "claim": claim.id,
                "base": base,
                "deviation": flip,
                "found": found,
                "ci95": ends,
                "verdict": word,
                "changes": word != verdicts[base],
            }
        )
    return rows
