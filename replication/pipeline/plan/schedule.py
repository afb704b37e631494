"""List scheduling: whenever a device is free, it takes the stage that most is waiting for.

That is the stage from which the longest chain leads to the end. Upstream stages so come first, and
among stages that nothing waits for the longest one (LPT: Graham, 1969). No order that is always the
shortest can be found quickly; this one takes at most 2 - 1/devices times as long as the shortest.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Placed:
    """A stage on a device, counted from 0, and its seconds from the start of all."""

    name: str
    device: int
    start: float
    end: float


def schedule(
    seconds: Mapping[str, float], needs: Mapping[str, Collection[str]], devices: int
) -> list[Placed]:
    """Stages in the order of their start; equals in the order of `seconds`.

    seconds  of each stage
    needs    the stages that must have ended before one starts; none where it is not a key
    Errors: `graphlib.CycleError` where stages wait for each other.
    """
    remaining = longest_chains(seconds, needs)
    waiting = {name: set(needs.get(name, ())) for name in seconds}
    followers = _followers(needs)
    rank = {name: place for place, name in enumerate(seconds)}
    ready = [(-remaining[name], rank[name], name) for name in seconds if not waiting[name]]
    heapq.heapify(ready)
    free, placed = list(range(devices)), []
    running: list[tuple[float, int, str]] = []
    now = 0.0
    while ready or running:
        while ready and free:
            name, device = heapq.heappop(ready)[2], heapq.heappop(free)
            placed.append(Placed(name, device, now, now + seconds[name]))
            heapq.heappush(running, (now + seconds[name], device, name))
        now, device, ended = heapq.heappop(running)
        heapq.heappush(free, device)
        for name in followers[ended]:
            waiting[name].discard(ended)
            if not waiting[name]:
                heapq.heappush(ready, (-remaining[name], rank[name], name))
    return placed


def critical_path(seconds: Mapping[str, float], needs: Mapping[str, Collection[str]]) -> list[str]:
    """The chain of stages that takes longest: no number of devices makes all shorter than it."""
    remaining, followers = longest_chains(seconds, needs), _followers(needs)
    path, choice = [], [name for name in seconds if not needs.get(name)]
    while choice:
        path.append(max(choice, key=remaining.__getitem__))
        choice = followers[path[-1]]
    return path


def longest_chains(
    seconds: Mapping[str, float], needs: Mapping[str, Collection[str]]
) -> dict[str, float]:
    """Seconds of the longest chain from each stage on, itself included."""
    followers = _followers(needs)
    found: dict[str, float] = {}
    graph = {name: needs.get(name, ()) for name in seconds}
    for name in reversed(list(TopologicalSorter(graph).static_order())):
        found[name] = seconds[name] + max((found[f] for f in followers[name]), default=0.0)
    return found


def _followers(needs: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for name, before in needs.items():
        for one in before:
            found[one].append(name)
    return found
