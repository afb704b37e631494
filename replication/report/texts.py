"""Words that several parts of the report use."""

from collections.abc import Sequence

# A sign beside each word of `replication.paper.verdict`, so that colour is never needed.
VERDICTS = {
    "confirmed": ("●", "a claim that our runs show to hold"),
    "undecided": (
        "?",
        "our runs do not settle it; `one seed`: what another would change is unknown",
    ),
    "contradicted": ("✗", "a claim that our runs show not to hold"),
    "equivalent": ("=", "the whole interval of our figure lies within the tolerance"),
    "different": ("≠", "none of it does"),
    "within": ("✓", "a figure of the tables within the tolerance of the paper's"),
    "near": ("≈", "up to 1.5 times the tolerance from it"),
    "better": ("↑", "above it by more than that"),
    "worse": ("↓", "below it by more than that"),
    "not run": ("○", "none of the runs that it needs is there"),
    "partial": ("◐", "`partial k/n`: k of the n runs that it needs are there"),
    "no paper value": ("–", "the paper's figure is not known here"),
    "not testable": ("∅", "it cannot be judged in this study; the reason stands with it"),
    "stale": ("↺", "the runs were made by other code or parameters than the present ones"),
    "unreadable": ("!", "a file of its runs is damaged"),
}


def verdict_text(word: str) -> str:
    """Sign and word, such as `✓ within` or `◐ partial 1/3`."""
    return f"{VERDICTS[kind_of(word)][0]} {word}"


def kind_of(word: str) -> str:
    """The verdict without its numbers."""
    return next((kind for kind in ("partial", "undecided") if word.startswith(kind)), word)


def listed(commands: Sequence[str], most: int = 3) -> str:
    """The first few commands, and how many more there are."""
    text = ", ".join(f"`{command}`" for command in commands[:most])
    return f"{text} and {len(commands) - most} more" if len(commands) > most else text


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
