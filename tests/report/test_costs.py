"""Costs are means over seeds; what is not known of every seed is unknown."""

from dataclasses import replace

import pytest

from replication.report.costs import cost_table, mean, quality_points


@pytest.mark.parametrize(("values", "expected"), [([1, 2], 1.5), ([1, None], None), ([], None)])
def test_a_mean_needs_every_value(values, expected):
    assert mean(values) == expected


def test_seeds_are_averaged(finished):
    cell = finished.cells[0]
    other = replace(cell, seed=2, cost=cell.cost | {"seconds": 20.0, "search_seconds": None})
    [row] = cost_table(replace(finished, cells=[cell, other])).rows
    named = dict(zip(cost_table(finished).header, row, strict=True))
    assert named["seconds"].value == pytest.approx((9.87 + 20) / 2)
    assert str(named["of search"]) == "unknown"
    assert str(named["batches"]) == "7"
    assert "GPU MiB" not in named


def test_memory_of_a_gpu_is_shown_where_there_is_one(finished):
    cell = finished.cells[0]
    on_gpu = replace(cell, cost=cell.cost | {"peak_gpu_memory_mib": 4000.0})
    assert "GPU MiB" in cost_table(replace(finished, cells=[on_gpu])).header


def test_the_figure_has_a_point_per_place(finished):
    points = quality_points(finished)
    assert len(points) == len(finished.experiments)
    cell = finished.comparison["cells"][0]["metrics"]["auc"]
    assert (points[0]["auc"], points[0]["low"]) == (cell["ours"], cell["ci95"][0])
    assert points[0]["parameters"] == finished.cells[0].cost["parameters"]
