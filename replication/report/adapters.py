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
    loss, auc = (f"from {before[key]:.3f} to {after[key]:.3f}" for key in ("loss", "auc"))
    return (
        f"{encoder_name(name)} was judged before and after its training on {clicks:,} "
        f"click{'s' * (clicks != 1)} of the day held out: its loss went {loss}, its AUC {auc}. "
        f"{_judgement(held_out, clicks)}"
    )


def _judgement(held_out: Mapping[str, Any], clicks: int) -> str:
    """The differences beside what chance makes of them.

    An earlier version recorded means and no error of their differences. There a bound stands for
    that of the AUC: a click's lies from 0 to 1, hence around a mean m its variance is at most
    m (1 - m), and the sum for both sides, over the clicks, bounds the variance of a difference of
    independent samples. Where both rise and fall together, as they do on the same clicks, it is
    smaller.
    """
    if clicks < 2:
        return "So few say nothing of chance, and nothing is claimed."
    before, after, error = held_out["before"], held_out["after"], held_out.get("error")
    loss, auc = (after[key] - before[key] for key in ("loss", "auc"))
    if error:
        return (
            f"{_beside_chance('loss', loss, error['loss'])} "
            f"{_beside_chance('AUC', auc, error['auc'])}"
        )
    bound = sqrt(sum(side["auc"] * (1 - side["auc"]) for side in (before, after)) / clicks)
    return (
        f"{_beside_chance('AUC', auc, bound)} This margin is a bound, for what each click changed "
        "by was not recorded; of the loss there is none."
    )


def _beside_chance(name: str, change: float, error: float) -> str:
    margin = _NORMAL * error
    verdict = "more than" if abs(change) > margin else "no more than"
    return f"The {name} changed by {change:+.3f}, {verdict} chance explains (±{margin:.3f}, 95 %)."
