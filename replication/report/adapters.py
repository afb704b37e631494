"""What the training of an adapter did, on clicks that it had not seen: a sentence for people."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

from replication.report.names import encoder_name
from replication.report.study import Study

_NORMAL = 1.96  # two-sided, 95 %


def adapters_text(study: Study) -> list[str]:
    """A sentence for each adapter of the grid whose training says it, in the grid's order."""
    costs = {cell.adapter: cell.adapter_cost for cell in study.cells if cell.adapter}
    told = (adapter_text(name, cost) for name, cost in costs.items() if cost)
    return [text for text in told if text]


def adapter_text(name: str, content: Mapping[str, Any]) -> str | None:
    """What LoRA changed in loss and AUC, over how many clicks, and whether chance explains it.

    content: that of reports/adapters/NAME.json. None where it was written by an earlier version,
    which judged nothing.

    The record has means and no value per click, so the error of the difference cannot be taken in
    pairs. A click's AUC lies from 0 to 1, hence around a mean m its variance is at most m (1 - m):
    the sum for both sides, over the clicks, bounds the variance of a difference of independent
    samples. Where both rise and fall together, as they do on the same clicks, it is smaller.
    """
    held_out = content.get("held_out")
    if not held_out:
        return None
    before, after = held_out["before"], held_out["after"]
    clicks = min(before["clicks"], after["clicks"])
    change = after["auc"] - before["auc"]
    variance = sum(side["auc"] * (1 - side["auc"]) for side in (before, after))
    margin = _NORMAL * sqrt(variance / clicks) if clicks else float("inf")
    if abs(change) > margin:
        chance = "more than chance explains"
    else:
        chance = "which is not told from chance"
    return (
        f"Training {encoder_name(name)} took the loss on {clicks:,} clicks of the day held out "
        f"from {before['loss']:.3f} to {after['loss']:.3f} and the AUC from {before['auc']:.3f} to "
        f"{after['auc']:.3f}: a difference of {change:+.3f}, {chance} (95 % of chance lies within "
        f"±{margin:.3f}, a bound for unpaired clicks: no score per click is recorded)."
    )
