"""What has to run, and in which order, on graphs small enough to see."""

import pytest

from replication.files.errors import StudyError
from replication.pipeline.grid.graph import Stage, choose, needed_by, needing

# a -> b -> d, c -> d; b and d are pending
STAGES = {
    s.name: s
    for s in (
        Stage("a", None, (), False),
        Stage("b", "nrms-x-s1", ("a",), True),
        Stage("c", "nrms-y-s1", (), False),
        Stage("d", None, ("b", "c"), True),
    )
}


def test_both_ways_through_the_graph():
    assert needed_by(STAGES, ["d"]) == {"a", "b", "c"} and needed_by(STAGES, ["a"]) == set()
    assert needing(STAGES, ["a"]) == {"b", "d"} and needing(STAGES, ["d"]) == set()


def test_only_what_is_pending_is_chosen():
    assert choose(STAGES, None) == ["b", "d"]
    assert choose(STAGES, "nrms-*") == ["b"] and choose(STAGES, "nrms-y-*") == []


def test_a_pattern_that_matches_no_run_is_an_error():
    with pytest.raises(StudyError, match="nrms-x-s1"):
        choose(STAGES, "d")
