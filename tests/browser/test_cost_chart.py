"""The chart of quality over cost: its marks, and where labels find room."""

import math

from replication.browser.charts.pareto import HEIGHT, LINE, NARROW, SHIFT, Mark, labelled, pareto
from replication.report.figures.theme import LIGHT


def test_labels_stay_inside_and_apart():
    marks = [
        Mark("nrms", name, "frozen", cost, quality, None, "", "", True, "ready")
        for name, cost, quality in (
            ("a-long-name", 1.0, 0.5), ("another-name", 1.1, 0.501), ("third", 9.0, 0.6),
        )
    ]  # fmt: skip
    found = labelled(marks, (-0.1, 2.3), (0.45, 0.65))
    assert found[0][0].encoder == "third"
    boxes = []
    for mark, spot in found:
        at = NARROW * (math.log(mark.cost) + 0.1) / 2.4
        width = 6.2 * len(mark.encoder)
        start = at - SHIFT - width if spot.align == "right" else at + SHIFT
        boxes.append((start, start + width, HEIGHT * (mark.quality - 0.45) / 0.2 - spot.down))
    assert all(start >= 0 and end <= NARROW for start, end, _ in boxes)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[1] <= b[0] or b[1] <= a[0] or abs(a[2] - b[2]) >= LINE


def test_a_label_names_an_encoder_once_and_covers_no_mark():
    marks = [
        Mark("naml", name, tuning, cost, 0.5, None, "", "", True, "ready")
        for name, tuning, cost in (
            ("first", "frozen", 2.0), ("first", "finetuned", 2.2), ("second", "frozen", 2.4),
        )
    ]  # fmt: skip
    found = labelled(marks, (-0.1, 2.3), (0.45, 0.65), marks)
    assert sorted(mark.encoder for mark, _ in found) == ["first", "second"]
    places = [NARROW * (math.log(mark.cost) + 0.1) / 2.4 for mark in marks]
    for mark, spot in found:
        own = NARROW * (math.log(mark.cost) + 0.1) / 2.4
        width = 6.2 * len(mark.encoder)
        start = own - SHIFT - width if spot.align == "right" else own + SHIFT
        for at in places:
            assert not start < at < start + width


def test_the_chart_holds_every_mark():
    mark = Mark("nrms", "e", "frozen", 3.0, 0.5, (0.4, 0.6), "", "P", True, "ready")
    chart = pareto([mark], {"": [mark]}, "parameters", "AUC", ["naml", "nrms"], LIGHT).to_dict()
    rows = [row for data in chart["datasets"].values() for row in data]
    assert {(row["cost"], row["quality"], row["low"]) for row in rows} == {(3.0, 0.5, 0.4)}
