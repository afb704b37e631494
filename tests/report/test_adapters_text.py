"""What is said of an adapter's training, by hand."""

from dataclasses import replace
from math import sqrt

import pytest

from replication.report.adapters import adapter_text, adapters_text


def judged(before: float, after: float, clicks: int) -> dict:
    return {
        "held_out": {
            "before": {"clicks": clicks, "loss": 1.6, "auc": before},
            "after": {"clicks": clicks, "loss": 1.2, "auc": after},
        }
    }


def test_a_difference_is_told_from_chance_where_it_exceeds_the_bound():
    text = adapter_text("smollm2-lora", judged(0.5, 0.8, 100))
    bound = 1.96 * sqrt((0.5 * 0.5 + 0.8 * 0.2) / 100)
    assert text.startswith(
        "SmolLM2-LoRA was judged before and after its training on 100 clicks of the day held out: "
        "its loss went from 1.600 to 1.200, its AUC from 0.500 to 0.800. "
        f"The AUC changed by +0.300, more than chance explains (±{bound:.3f}, 95 %). "
        "This margin is a bound"
    )


def test_a_small_difference_and_few_clicks_tell_nothing():
    for content in (judged(0.51, 0.5, 64), judged(0.5, 0.8, 8)):
        assert ", no more than chance explains" in adapter_text("smollm2-lora", content)


def test_errors_click_by_click_decide_where_they_are_recorded():
    content = judged(0.5, 0.55, 64)
    content["held_out"]["error"] = {"loss": 0.3, "auc": 0.02}
    assert adapter_text("smollm2-lora", content).endswith(
        "The loss changed by -0.400, no more than chance explains (±0.588, 95 %). "
        "The AUC changed by +0.050, more than chance explains (±0.039, 95 %)."
    )


@pytest.mark.parametrize("clicks", [0, 1])
@pytest.mark.parametrize("error", [{}, {"error": None}, {"error": {"loss": 0.0, "auc": 0.0}}])
def test_of_a_single_click_nothing_is_claimed(clicks, error):
    """Whatever stands there for an error: none, null, or the zero of an earlier version."""
    content = judged(0.0, 1.0, clicks)
    content["held_out"] |= error
    text = adapter_text("smollm2-lora", content)
    assert text.endswith("So few say nothing of chance, and nothing is claimed.")
    assert "explains" not in text and "±" not in text


def test_an_earlier_version_judged_nothing(finished):
    assert adapter_text("smollm2-lora", {"steps": 40}) is None
    assert adapters_text(finished) == []


def test_each_adapter_of_the_grid_is_told_once(finished):
    cells = [
        replace(cell, adapter_cost=judged(0.5, 0.8, 100)) if cell.adapter else cell
        for cell in finished.cells
    ]
    adapters = {cell.adapter for cell in cells if cell.adapter}
    assert len(adapters_text(replace(finished, cells=cells))) == len(adapters) > 0
