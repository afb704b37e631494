"""Intervals as `compare` found them, read by themselves."""

import json
from pathlib import Path


def compared(folder: Path, metric: str) -> dict[str, tuple[float, float]]:
    """The intervals that `compare` found, by run; it looks at depths of the sweep by AUC alone."""
    comparison = json.loads((folder / "reports/comparison.json").read_text())
    found = {}
    for cell in comparison["cells"]:
        for command in cell["commands"]:
            found[command.partition("@")[2]] = cell["metrics"][metric]["ci95"]
    for curve in comparison["sweep"] if metric == "auc" else ():
        for point in curve["curve"]:
            name = (
                f"{curve['recommender']}-{curve['encoder']}-finetuned-k{point['layers']}-clean-s1"
            )
            found[name] = point["ci95"]
    return found
