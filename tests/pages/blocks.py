"""What pages repeat of the study, between `<!-- figures: NAME -->` and `<!-- end of figures -->`.

Run in the repository's root, it writes each such block anew from params.yaml, claims.yaml and
reports/. A block is a paragraph or a table; around it pages say what they like.
"""

import re
from collections.abc import Callable
from pathlib import Path

from replication.paper.cells import Cell, read_grid, read_sweep
from replication.paper.claims import load_claims
from replication.report.adapters import adapter_text
from replication.report.expected import duration
from replication.report.first_page import model_rows
from replication.report.names import encoder_name, encoder_sizes
from replication.report.origin import distinct
from replication.study.params import load_params

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n)(.*?)(<!-- end of figures -->)", re.DOTALL)


def claims() -> str:
    """The paper's claims in their words."""
    rows = [f"| {claim.id} | {claim.statement} |" for claim in load_claims()]
    return "\n".join(["| | claim |", "|---|---|", *rows])


def models() -> str:
    """What stands for the paper's models, with the parameters that runs counted."""
    params = load_params()
    cells = read_grid(params)
    encoders = dict.fromkeys(cell.encoder for cell in cells)
    rows = model_rows(encoders, encoder_sizes(cells), params.paper)
    told = [f"{encoder_name(str(ours))} for {theirs} ({size})" for ours, theirs, size in rows]
    return (
        "Stand-ins take the places of the paper's models, in order of their parameters: "
        f"{', '.join(told)}."
    )


def time() -> str:
    """What the committed runs took, and on what."""
    params = load_params()
    runs = {cell.name: cell for cell in (*read_grid(params), *read_sweep(params)) if cell.cost}
    if not runs:
        return "No run is there whose time could be told."
    seconds = [_cost(cell, "seconds") for cell in runs.values()]
    begun = sum(_cost(cell, "start_seconds") for cell in runs.values())  # most are a frozen run's
    memory = max(_cost(cell, "peak_memory_mib") for cell in runs.values()) / 1024
    processors = ", ".join(distinct(list(runs.values()), "hardware", "processor"))
    return (
        f"The {len(runs)} runs of the grid and the sweep that `reports/` holds (profile "
        f"`{params.profile}`) took {min(seconds):.0f} to {max(seconds):.0f} s each on "
        f"{processors}, {duration(sum(seconds) - begun)} of work in all but for the starts that "
        f"they share, and {memory:.1f} GiB of memory at most; to each the stage adds seconds for "
        "Python and imports."
    )


def _cost(cell: Cell, key: str) -> float:
    """Of a run that has one; zero where it is not recorded."""
    return float((cell.cost or {}).get(key) or 0)


def adapters() -> str:
    """What training the adapters did, as REPORT.md says it."""
    costs = {cell.adapter: cell.adapter_cost for cell in read_grid(load_params()) if cell.adapter}
    told = [adapter_text(name, cost) for name, cost in costs.items() if cost]
    return "\n\n".join(filter(None, told)) or "What LoRA did has not been measured yet."


BLOCKS: dict[str, Callable[[], str]] = {
    "claims": claims,
    "models": models,
    "time": time,
    "adapters": adapters,
}


def filled(text: str) -> str:
    """A page with its blocks as the study is now.

    Errors: `KeyError` naming a block that is not one of `BLOCKS`.
    """
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[4]}", text)


def main() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
