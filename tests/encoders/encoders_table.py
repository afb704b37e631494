"""The table of docs/encoders.md, made from the accepted architectures."""

from replication.encoders.architectures import ARCHITECTURES, Architecture


def table() -> str:
    """Markdown, one row for each accepted `model_type`."""
    rows = [
        "| `model_type` | who has it | `family` | layers | attention | to know |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, found in ARCHITECTURES.items():
        cells = f"`{kind}`", found.title, found.family, f"`{found.layers}`", found.attention
        rows.append(f"| {' | '.join(cells)} | {_to_know(found)} |")
    return "\n".join(rows)


def _to_know(found: Architecture) -> str:
    known = []
    if found.after_padding:
        known.append("n positions read n - 2 tokens")
    if found.shared:
        known.append("layers share their weights")
    if found.norm and found.family == "transformer":
        known.append("a norm behind the last layer")
    if found.window:
        known.append(f"local attention in {found.window} layers, if config.json says so")
    return "; ".join(known)
