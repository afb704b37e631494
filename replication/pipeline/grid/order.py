"""Which of the stages that could run next does: the one that most is waiting for."""

from collections.abc import Mapping, Sequence

from replication.files.errors import StudyError
from replication.pipeline.grid.graph import Stage, closure
from replication.pipeline.plan.calibration import calibration
from replication.pipeline.plan.schedule import longest_chains
from replication.pipeline.plan.stages import planned, works
from replication.report.expected import default_machine
from replication.report.machines import load_machines, machine
from replication.study.params import Params

FIRST = "experiment"  # what was asked for by name: its figures are there within a minute


def in_order(
    stages: Mapping[str, Stage], chosen: Sequence[str], params: Params
) -> dict[str, tuple[str, ...]]:
    """`chosen`, the most urgent first, and what of them each waits for.

    The experiment at hand and what it needs come first, then the stage from which the longest chain
    leads to the end, by the plan's seconds: a long stage that begins last would end alone. A run
    also waits for the one that trains the start from which it begins, for it would hold a core
    while it waits. Where the plan does not know how much work there is, the order is DVC's.
    """
    own = {name: stages[name].upstream for name in stages}
    try:
        device = machine(default_machine(params))
        host, known = load_machines().host, calibration(params, device)
        found = planned(params, own, dict(works(params, device, host)), known, host)
    except StudyError:  # the size of the data is not known before they are prepared
        return {name: own[name] for name in chosen}
    needs = {stage.name: stage.needs for stage in found}
    left = longest_chains({stage.name: stage.seconds for stage in found}, needs)
    at_hand = {FIRST, *closure(needs, [FIRST])} if FIRST in stages else set()
    urgent = sorted(chosen, key=lambda name: (name not in at_hand, -left[name]))
    return {name: tuple(n for n in needs[name] if n in stages) for name in urgent}
