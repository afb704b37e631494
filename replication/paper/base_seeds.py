"""The runs of a base of the audit, which differ in their seed alone: how large mere chance is."""

from typing import Any

import numpy as np
from scipy import stats

from replication.evaluation.metrics import known_mean

ANOTHER_SEED = "D11"
Columns = dict[str, np.ndarray]


def bases(runs: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Each base and tuning as `clean/frozen`, and its runs, of whatever seed; the first is that
    which flips are compared with."""
    found: dict[str, list[str]] = {}
    for key, run in runs.items():
        if run["deviation"] == "none":
            found.setdefault(f"{run['base']}/{run['tuning']}", []).append(key)
    return list(found.items())


def repeated_runs(runs: dict[str, Any], auc: Columns) -> list[np.ndarray]:
    """The AUC, (S, I) each, of what was run with S seeds: a base, of which D11 is a run too. Where
    it is that of the base's second seed, it counts once."""
    found = []
    for base, keys in bases(runs):
        name, tuning = base.split("/")
        other = f"{name}~{ANOTHER_SEED}/{tuning}"
        same = len(keys) > 1 or other not in auc
        found.append(np.stack([auc[key] for key in [*keys, *([] if same else [other])]]))
    return [several for several in found if len(several) > 1]


def spread(runs: dict[str, Any], repeated: list[np.ndarray]) -> dict[str, Any]:
    """`seeds` of `audits.audit_effects`; repeated: of `repeated_runs`."""
    means = [[known_mean(run) for run in several] for several in repeated]
    known = [np.array(several) for several in means if None not in several]
    freedom = sum(len(several) - 1 for several in known)
    least = min((len(keys) for _, keys in bases(runs)), default=0)
    found: dict[str, Any] = {"runs_of_a_base": least, "sd": None, "band": None}
    if freedom:
        squares = sum(float(((several - several.mean()) ** 2).sum()) for several in known)
        found["sd"] = float(np.sqrt(squares / freedom))
        found["band"] = float(_draws(freedom) * found["sd"] * np.sqrt(2))
    return found | {"runs": sum(map(len, known)), "freedom": freedom}


def _draws(freedom: int) -> float:
    """How many standard deviations hold 95 of 100 draws, where so many were there to tell it."""
    return float(stats.t.ppf(0.975, freedom))


def average(values: list[float | None]) -> float | None:
    """None where one of them, or there, is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def band(
    found: float | None, weights: tuple[float, float], seeds: dict[str, Any], runs: int
) -> list[float] | None:
    """Where the figure of one more run of each tuning lies in 95 of 100 draws, beside the mean
    `found` of `runs` runs."""
    if found is None or seeds["sd"] is None:
        return None
    spread = seeds["sd"] * float(np.hypot(*weights)) * float(np.sqrt(1 + 1 / runs))
    half = _draws(seeds["freedom"]) * spread
    return [found - half, found + half]


def beyond(found: float | None, around: list[float] | None) -> bool:
    """Whether a figure lies outside of a band; False where either is not known."""
    return found is not None and around is not None and not around[0] <= found <= around[1]
