"""The profiles account for all of a step and of an evaluation, and name what bounds each phase."""

import profiles as where
import pytest
import torch
from phases import Counter, Phases
from profiles import BUILD, profiles


@pytest.mark.slow
def test_profiles_of_a_small_study(tmp_path, monkeypatch):
    monkeypatch.setattr(where, "WARM", 1)
    monkeypatch.setattr(where, "STEPS", 1)
    found = profiles(tmp_path, share=0.01)
    bounds = found["bounds"]
    assert all(rate > 0 for kind in bounds["multiply"].values() for rate in kind.values())
    assert len(found["profiles"]) == 3  # two depths, one evaluation
    for profile in found["profiles"]:
        phases = profile["phases"]
        assert sum(phase["share"] for phase in phases) == pytest.approx(1)
        assert [p["seconds"] for p in phases] == sorted(
            (p["seconds"] for p in phases), reverse=True
        )
        assert {p["phase"] for p in phases if p["bound"] is None} <= {BUILD}


def test_operations_are_counted_for_the_phase_they_run_in():
    phases = Phases()
    x, y = torch.randn(4, 8), torch.randn(8, 16)
    with Counter(phases):
        x @ y  # in no phase
        phases.enter("one")
        x @ y
        phases.enter("two")
        (x + x).view(8, 4)  # an addition moves three tensors, a view none
        phases.enter(None)
    assert phases.needs["one"].flops == {"fp32": 2 * 4 * 8 * 16}
    assert phases.needs["one"].moved == 4 * (4 * 8 + 8 * 16 + 4 * 16)
    assert phases.needs["two"].flops == {} and phases.needs["two"].moved == 3 * 4 * 32
    assert set(phases.seconds) == {"one", "two"}
