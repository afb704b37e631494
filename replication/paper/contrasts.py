"""Cold start: each language model against the largest one, in every group of users."""

from typing import Any

import numpy as np

from replication.evaluation.intervals import interval
from replication.evaluation.statistics import holm, slope
from replication.paper.evidence import Evidence, Place
from replication.paper.results import minus

FIFTHS = (1, 2, 3, 4, 5)
GROUPS = (*FIFTHS, "at_most_5", "more_than_5")


def cold_start_contrasts(evidence: Evidence) -> list[dict[str, Any]]:
    """AUC of the largest model minus that of each other, per recommender, tuning and protocol.

    groups  per group: difference, its interval and p (over impressions and seeds), Holm-corrected
            over all groups and models of the family; null where a group is empty
    trend   slope of the difference over the five groups, with its interval and p, Holm-corrected
            over the models: below 0 means that the advantage of the largest model shrinks as
            histories grow
    The largest is that of most parameters counted. A family is left out until each model has been
    run with its recommender, and its largest model and another have been run as the family has it;
    `runs` counts those of the two models of a contrast.
    """
    models = {evidence.paper_names[name] for name in evidence.models()}
    families: dict[tuple[str, str, str], dict[str, Place]] = {}
    for place in evidence.grid:
        if evidence.ran(place):
            key = place.recommender, place.tuning, place.protocol
            families.setdefault(key, {})[place.encoder] = place
    found = []
    for (recommender, tuning, protocol), ran in families.items():
        sizes = evidence.sizes(recommender)
        if models - sizes.keys():
            continue  # which of them is the largest is not known
        *others, large = [ran.get(name) for name in sorted(models, key=lambda m: sizes[m])] or [
            None
        ]
        if large is None:
            continue
        contrasts = [_contrast(evidence, large, other) for other in others if other]
        if not contrasts:
            continue
        _correct([row for contrast in contrasts for row in contrast["groups"]])
        _correct([contrast["trend"] for contrast in contrasts])
        found.append(
            {
                "recommender": recommender,
                "tuning": tuning,
                "protocol": protocol,
                "encoder": large.encoder,
                "contrasts": contrasts,
            }
        )
    return found


def _correct(rows: list[dict[str, Any]]) -> None:
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted


def _contrast(evidence: Evidence, large: Place, other: Place) -> dict[str, Any]:
    known = ~np.isnan(evidence.values(large, "auc")[0])
    rows, gaps = [], []
    for group in GROUPS:
        inside = evidence.inside(large.protocol, group)
        replicates = evidence.replicates(large.protocol, "auc", group)
        gaps.append(replicates[large] - replicates[other])
        difference = minus(*(evidence.mean(place, "auc", group) for place in (large, other)))
        only = np.where(inside, 1.0, np.nan)
        rows.append(
            {
                "group": group,
                "difference": difference,
                "ci95": interval(gaps[-1]),
                "p": evidence.p_value(difference, "auc", [(large, only), (other, -only)]),
                "impressions": int(inside.sum()),
            }
        )
    found = np.array([row["difference"] for row in rows[: len(FIFTHS)]], dtype=float)
    level = float(slope(found))
    # Each impression's weight in the slope, so that the terms' mean over impressions is the slope.
    weights = slope(np.where(np.isnan(found)[:, None], np.nan, np.eye(len(FIFTHS))))
    weight = np.zeros(len(known))
    for group, of_group in zip(FIFTHS, weights, strict=True):
        inside = evidence.inside(large.protocol, group)
        weight[inside] = of_group * known.sum() / max(1, (known & inside).sum())
    trend = None if np.isnan(level) else level
    return {
        "minus": other.encoder,
        "runs": list(evidence.coverage([large, other])),
        "groups": rows,
        "trend": {
            "slope": trend,
            "ci95": interval(slope(np.stack(gaps[: len(FIFTHS)]))),
            "p": evidence.p_value(trend, "auc", [(large, weight), (other, -weight)]),
        },
    }
