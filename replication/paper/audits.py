"""The protocol audit: what each deviation does to the AUC, and to a claim about the pair."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from replication.evaluation.clusters import Clusters, prepared_clusters
from replication.evaluation.intervals import interval, resampled_means
from replication.evaluation.metrics import known_mean
from replication.evaluation.reproduction import relative_improvement
from replication.evaluation.statistics import holm
from replication.files.errors import StudyError
from replication.paper import verdict
from replication.paper.base_seeds import (
    Columns,
    average,
    band,
    bases,
    beyond,
    repeated_runs,
    spread,
)
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
    bases    AUC per base and tuning, mean over its seeds
    effects  AUC minus that of the base protocol with the same seed: paired interval and t-test over
             users, clicked articles and seeds, Holm-corrected over the pair's tests; null with the
             reason where the deviation cannot touch the runs. Flips were run with one seed: the
             spread of seeds is that between the runs of a base, pooled over the pair
    seeds    `runs_of_a_base`, the fewest; that spread: `sd` of an AUC, of `runs` runs with
             `freedom` degrees of freedom; `band`: the most that another seed changes an AUC, in 95
             of 100 draws
    claims   the verdict under each flip, what these very runs say, and `changes`: whether it is
             another than under the base, and the figure outside of `band`, [low, high], where one
             more run of the base would lie in 95 of 100 draws. With fewer than SEEDS runs of a base
             it is undecided, and never called a change
    Errors: `StudyError` naming a file that is damaged.
    """
    return [_pair(name, params, claims) for name in params.audit.pairs]


def _pair(name: str, params: Params, claims: Sequence[Claim]) -> dict[str, Any]:
    pair, command = params.audit.pairs[name], f"dvc repro audit@{name}"
    entry: dict[str, Any] = {
        "pair": name,
        "recommender": pair.recommender,
        "frozen": pair.frozen,
        "finetuned": pair.finetuned,
    }
    path = paths.AUDIT / f"{name}.json"
    found = read_json(path)
    if found is None:
        return entry | {"missing": command, "bases": {}, "seeds": None, "effects": [], "claims": []}
    runs = _checked(found, path, command)
    scored = [key for key, run in runs.items() if run["untouched"] is None]
    means = {key: number(runs[key], "auc", path) for key in scored}
    table = paths.IMPRESSIONS / "audit" / f"{name}.parquet"
    frame = read_columns(table, scored, command)
    auc = {key: frame[key].fill_null(np.nan).to_numpy() for key in scored}
    clusters = _clusters(len(frame), table, command)
    repeated = repeated_runs(runs, auc)
    seeds = spread(runs, repeated)
    samples = params.evaluation.bootstrap_samples
    replicates = resampled_means(auc, samples, SEED, clusters, repeated)
    test = partial(_test, clusters, repeated)
    return entry | {
        "missing": None,
        "seeds": seeds,
        "bases": {base: average([means[key] for key in keys]) for base, keys in bases(runs)},
        "effects": _effects(runs, auc, replicates, test),
        "claims": [
            row
            for claim in claims
            if _concerns(claim, pair, params)
            for row in _claim_rows(claim, runs, auc, replicates, test, seeds)
        ],
    }


def _clusters(impressions: int, table: Path, command: str) -> Clusters:
    folder = paths.PREPARED / "test"
    _, clusters = prepared_clusters(folder)
    if len(clusters) != impressions:
        raise StudyError(
            f"{table}: {impressions} impressions, but {folder} has {len(clusters)}; run `{command}`"
        )
    return clusters


def _test(
    clusters: Clusters,
    repeated: list[np.ndarray],
    contrast: float | None,
    sides: Sequence[tuple[float, np.ndarray]],
) -> float | None:
    """p that the sum of weight times AUC (I,) over sides is 0."""
    terms = [weight * values[None] for weight, values in sides]
    return p_value(contrast, terms, clusters, [[w * r for r in repeated] for w, _ in sides])


def _checked(found: dict[str, Any], path: Path, command: str) -> dict[str, dict[str, Any]]:
    """The runs of an audit, each with the keys that are read and with its base among them."""
    runs = found.get("runs")
    if isinstance(runs, dict) and all(
        isinstance(run, dict) and run.keys() >= _KEYS and f"{run['base']}/{run['tuning']}" in runs
        for run in runs.values()
    ):
        return runs
    raise StudyError(f"{path}: runs: not as an audit writes them; run `{command}` again")


SEEDS = 3  # runs of a base, for a change of verdict to be called one
_KEYS = {"base", "deviation", "tuning", "encoder", "untouched", "auc"}
Test = Callable[[float | None, Sequence[tuple[float, np.ndarray]]], float | None]


def _effects(
    runs: dict[str, Any], auc: Columns, replicates: Columns, test: Test
) -> list[dict[str, Any]]:
    effects = []
    for key, run in runs.items():
        if run["deviation"] == "none":
            continue
        effect = {k: run[k] for k in ("base", "deviation", "tuning", "encoder", "untouched", "auc")}
        effect |= {"difference": None, "ci95": None, "p": None}
        base = f"{run['base']}/{run['tuning']}"
        if key in auc:
            difference = known_mean(auc[key] - auc[base])
            effect |= {
                "difference": difference,
                "ci95": interval(replicates[key] - replicates[base]),
                "p": test(difference, [(1.0, auc[key]), (-1.0, auc[base])]),
            }
        effects.append(effect)
    for effect, adjusted in zip(effects, holm([e["p"] for e in effects]), strict=True):
        effect["p_holm"] = adjusted
    return effects


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
    claim: Claim,
    runs: dict[str, Any],
    auc: Columns,
    replicates: Columns,
    test: Test,
    seeds: dict[str, Any],
) -> list[dict[str, Any]]:
    """The claim judged on the pair under every protocol of the audit.

    A base and its flips are judged alike, as one run each: the base by the mean of its runs, with
    the spread of one.
    """
    auc, replicates = auc.copy(), replicates.copy()
    run_of = dict(bases(runs))
    for base, keys in run_of.items():
        several = np.mean([auc[key] for key in keys], axis=0)
        shift = np.nan_to_num((known_mean(several) or 0.0) - (known_mean(auc[keys[0]]) or 0.0))
        replicates[base] = replicates[keys[0]] + shift
        auc[base] = several
    enough = seeds["runs_of_a_base"] >= SEEDS
    rows = []
    verdicts: dict[str, str] = {}
    bands: dict[str, list[float] | None] = {}
    for base, flip in dict.fromkeys((run["base"], run["deviation"]) for run in runs.values()):
        label = base if flip == "none" else f"{base}~{flip}"
        if not any(f"{label}/{tuning}" in auc for tuning in TUNINGS):
            continue
        # A tuning that the deviation cannot touch is as it was under the base.
        frozen, tuned = (
            f"{label}/{t}" if f"{label}/{t}" in auc else f"{base}/{t}" for t in TUNINGS
        )
        found, ends, weights, sign = _figure(
            claim,
            known_mean(auc[frozen]),
            known_mean(auc[tuned]),
            replicates[frozen],
            replicates[tuned],
        )
        sides = list(zip(weights, (auc[tuned], auc[frozen]), strict=True))
        word = verdict.of_sign(ends, sign, test(found, sides))
        if flip == "none":
            least = min(len(run_of[side]) for side in (frozen, tuned))
            verdicts[base], bands[base] = word, band(found, weights, seeds, least)
        other, around = word != verdicts[base], bands[base]
        rows.append(
            {
                "claim": claim.id,
                "base": base,
                "deviation": flip,
                "found": found,
                "ci95": ends,
                "band": around,
                "verdict": word if enough else verdict.ONE_SEED,
                "these_runs": word,
                "changes": enough and other and beyond(found, around),
                "would_change": other,
            }
        )
    return rows


def _figure(
    claim: Claim,
    low: float | None,
    high: float | None,
    frozen: np.ndarray,
    tuned: np.ndarray,
) -> tuple[float | None, list[float] | None, tuple[float, float], int]:
    """What a claim looks at, by AUC and replicates of the two tunings.

    The figure, its interval, how it follows the AUC of the fine-tuned and of the frozen, and the
    claimed sign.
    """
    gap = tuned - frozen
    if isinstance(claim, Gain):
        gain = relative_improvement(high, low)
        weights = (0.0, 0.0)
        if low and high is not None:
            weights = (100 / low, -100 * high / low**2)
        found = None if gain is None else 100 * gain
        return found, interval(100 * gap / frozen), weights, 1 if claim.value > 0 else -1
    assert isinstance(claim, SignOf)  # `_concerns` lets no other through
    sign = 1 if claim.sign == "positive" else -1
    return minus(high, low), interval(gap), (1.0, -1.0), sign
