"""What is said of an adapter's training, by hand."""

from dataclasses import replace
from math import sqrt

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
    assert text.startswith(
        "Training SmolLM2-LoRA took the loss on 100 clicks of the day held out from 1.600 to 1.200 "
        "and the AUC from 0.500 to 0.800: a difference of +0.300, more than chance explains"
    )
    bound = 1.96 * sqrt((0.5 * 0.5 + 0.8 * 0.2) / 100)
    assert f"±{bound:.3f}, a bound for unpaired clicks" in text


def test_a_small_difference_and_few_clicks_tell_nothing():
    for content in (judged(0.51, 0.5, 64), judged(0.5, 0.8, 8), judged(0.5, 0.5, 0)):
        assert "is not told from chance" in adapter_text("smollm2-lora", content)


def test_errors_click_by_click_decide_where_they_are_recorded():
    content = judged(0.5, 0.55, 64)
    content["held_out"]["error"] = {"loss": 0.3, "auc": 0.02}
    text = adapter_text("smollm2-lora", content)
    assert "-0.400 (95 % of chance lies within ±0.588: which is not told from chance)" in text
    assert "+0.050 (95 % of chance lies within ±0.039: more than chance explains)" in text
    assert "unpaired" not in text


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
