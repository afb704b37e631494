"""The layer sweep: best depths, gaps, and when the paper's depth may stand beside ours."""

from dataclasses import replace

from replication.report.depths import depths_table, papers_depth, sweep_table, sweep_text

SWEEP = [0, 2, 4, 6, 8, 10, 12]
CLAIM = {"kind": "depth", "recommender": "naml", "model": "bert-base", "sweep": SWEEP, "value": 10}


def point(layers: int, ours: float | None = 0.6) -> dict:
    ran = ours is not None
    return {
        "layers": layers, "runs": [int(ran), 1], "ours": ours, "paper": None, "verdict": "not run",
        "ci95": [ours - 0.01, ours + 0.01] if ran else None,
    }  # fmt: skip


def curve(points: list[dict], model: str | None = "bert-base", best: dict | None = None) -> dict:
    return {
        "recommender": "naml", "encoder": "mine", "model": model, "protocol": "clean",
        "curve": points, "best": best,
    }  # fmt: skip


def of(finished, *curves):
    return replace(finished, comparison={"sweep": curves}, claims={"claims": [CLAIM]})


def test_the_paper_s_depth_belongs_to_its_own_model_and_depths(finished):
    whole, shallow = [point(n) for n in SWEEP], [point(n) for n in (0, 2, 3)]
    study = of(finished)
    assert papers_depth(study, curve(whole)) == 10
    assert papers_depth(study, curve(whole, model="bert-small")) is None
    assert papers_depth(study, curve(whole, model=None)) is None
    assert papers_depth(study, curve(shallow)) is None
    assert papers_depth(study, curve(whole) | {"recommender": "nrms"}) is None


def test_the_best_depth_has_its_interval_and_share(finished):
    best = {"found": 6, "ci95": [4, 8], "shares": [0, 0, 0.2, 0.7, 0.1, 0, 0]}
    study = of(finished, curve([point(n) for n in SWEEP], best=best))
    [row] = depths_table(study).rows
    assert [str(field) for field in row[3:]] == ["6 [4, 8]", "70 %", "about 10"]
    assert [str(row[4]) for row in sweep_table(study).rows[2:4]] == ["20 %", "70 %"]
    assert "is marked" in sweep_text(study)


def test_a_missing_depth_is_told_and_leaves_no_best(finished):
    study = of(finished, curve([point(0), point(2, None), point(3)], model="bert-small"))
    [row] = depths_table(study).rows
    assert [str(field) for field in row[3:]] == ["not run", "not run", "another model"]
    rows = sweep_table(study).rows
    shown = [str(row[3]) for row in rows]
    assert shown == ["0.6000 [0.590, 0.610]", "not run", "0.6000 [0.590, 0.610]"]
    assert {str(row[4]) for row in rows} == {"unknown"}
    assert "are not marked" in sweep_text(study)
