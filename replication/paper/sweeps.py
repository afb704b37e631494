"""The layer sweep: a curve per recommender, and how sure its best depth is."""

import itertools
from typing import Any

from replication.paper.depths import best_depth
from replication.paper.evidence import Evidence
from replication.paper.main_table import Values, compared, paper_model
from replication.paper.values import PaperCell


def sweep_curves(evidence: Evidence, values: Values) -> list[dict[str, Any]]:
    """AUC by fine-tuned depth for each recommender, beside the paper's; a depth not run is null.

    best: see `depths.best_depth`; null unless every depth has been run with every seed.
    """
    curves = []
    for recommender, group in itertools.groupby(evidence.sweep, key=lambda p: p.recommender):
        depths = list(group)
        model = paper_model(evidence, depths[0])
        points = []
        for place in depths:
            cell = PaperCell(recommender, model, "finetuned", place.layers, None, "auc")
            points.append(
                {"layers": place.layers, "runs": list(evidence.coverage([place]))}
                | compared(evidence, place, "auc", values.get(cell))
            )
        ran, of = evidence.coverage(depths)
        curves.append(
            {
                "recommender": recommender,
                "encoder": depths[0].encoder,
                "model": model,
                "protocol": depths[0].protocol,
                "curve": points,
                "best": best_depth(evidence, depths, "auc") if ran == of else None,
            }
        )
    return curves
