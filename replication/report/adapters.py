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
    """
    held_out = content.get("held_out")
    if not held_out:
        return None
    before, after = held_out["before"], held_out["after"]
    clicks = min(before["clicks"], after["clicks"])
    return (
        f"Training {encoder_name(name)} took the loss on {clicks:,} clicks of the day held out "
        f"from {before['loss']:.3f} to {after['loss']:.3f} and the AUC from {before['auc']:.3f} to "
        f"{after['auc']:.3f}: {_changes(held_out, clicks)}."
    )


def _changes(held_out: Mapping[str, Any], clicks: int) -> str:
    """The differences, and what chance has to do with them.

    An earlier version recorded means and no error of their differences. There a bound stands for
    that of the AUC: a click's lies from 0 to 1, hence around a mean m its variance is at most
    m (1 - m), and the sum for both sides, over the clicks, bounds the variance of a difference of
    independent samples. Where both rise and fall together, as they do on the same clicks, it is
    smaller.
    """
    before, after, error = held_out["before"], held_out["after"], held_out.get("error")
    change = {key: after[key] - before[key] for key in ("loss", "auc")}
    if error:
        loss, auc = (
            f"{change[key]:+.3f} (95 % of chance lies within ±{_NORMAL * error[key]:.3f}: "
            f"{_chance(change[key], _NORMAL * error[key])})"
            for key in ("loss", "auc")
        )
        return f"differences of {loss} and {auc}, by the errors of differences click by click"
    variance = sum(side["auc"] * (1 - side["auc"]) for side in (before, after))
    margin = _NORMAL * sqrt(variance / clicks) if clicks else float("inf")
    return (
        f"a difference of {change['auc']:+.3f}, {_chance(change['auc'], margin)} (95 % of chance "
        f"lies within ±{margin:.3f}, a bound for unpaired clicks: no score per click is recorded)"
    )


def _chance(change: float, margin: float) -> str:
    return "more than chance explains" if abs(change) > margin else "which is not told from chance"
