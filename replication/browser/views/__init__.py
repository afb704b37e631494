"""The pages, in the order of the navigation."""

from collections.abc import Callable
from dataclasses import dataclass

from replication.browser.reading.study import Study
from replication.browser.views import (
    audit,
    beyond,
    cold_start,
    compare,
    cost,
    health,
    layers,
    overview,
    results,
)


@dataclass(frozen=True)
class View:
    """A page: `name` is its address, `purpose` what it answers."""

    name: str
    title: str
    icon: str
    purpose: str
    show: Callable[[Study], None]


VIEWS = (
    View("overview", "Overview", "home", overview.PURPOSE, overview.show),
    View("results", "Results", "table_rows", results.PURPOSE, results.show),
    View("compare", "Compare", "compare_arrows", compare.PURPOSE, compare.show),
    View("layers", "Layer sweep", "layers", layers.PURPOSE, layers.show),
    View("cold-start", "Cold start", "ac_unit", cold_start.PURPOSE, cold_start.show),
    View("cost", "Cost and quality", "speed", cost.PURPOSE, cost.show),
    View("audit", "Protocol audit", "rule", audit.PURPOSE, audit.show),
    View("beyond", "Beyond the paper", "travel_explore", beyond.PURPOSE, beyond.show),
    View("health", "Provenance and health", "health_and_safety", health.PURPOSE, health.show),
)
