"""The processor, as Linux describes it."""

from pathlib import Path


def cpuinfo(*keys: str) -> str | None:
    """Values of Linux's description of the first processor; None where one is not there."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    except OSError:
        return None
    found = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    return " ".join(found[key] for key in keys) if found.keys() >= set(keys) else None
