"""What readers meet: one table of words, and how the judges' answers become one of them.

`verdict.py` answers two questions, whether a claim is so and whether its figure is ours. A reader
gets one word for both, with what belongs to it in brackets: `differs (weaker)`. Report, command
line, claims.json and browser take their words and signs from here; docs/claims.md lists them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from replication.paper import verdict
from replication.study.settings import ON_THE_DEMO_S_CORPUS

Record = Mapping[str, Any]


class Word(NamedTuple):
    """A sign, so that colour is never needed, and what the word means."""

    sign: str
    meaning: str


WORDS = {
    "agrees": Word(
        "✓",
        "our runs show what the claim says, and do not show that its figure is another one; a "
        "figure of the tables lies within its tolerance",
    ),
    "undecided": Word(
        "?",
        "our runs do not settle it; what would stands with it. A figure of the tables is `near`: "
        "up to 1.5 times the tolerance from the paper's",
    ),
    "differs": Word(
        "≠",
        "our runs show that it is `stronger` or `weaker` than the paper says, or of `opposite "
        "sign`; a figure of the tables is `higher` or `lower` than the paper's",
    ),
    "not tested": Word("∅", "it has not been put to the test; the reason stands with it"),
    "not run": Word("○", "none of the runs that it needs is there"),
    "running": Word(
        "▶", "its stage is being run at this moment; the page shows its result when reloaded"
    ),
    "partial": Word("◐", "`partial k/n`: k of the n runs that it needs are there"),
    "stale": Word("↺", "the runs were made by other code or parameters than the present ones"),
    "unreadable": Word("!", "a file of its runs is damaged"),
    "no paper value": Word("–", "the paper's figure is not known here"),
    "yes": Word(
        "●",
        "of a question beyond the paper: our runs show it; `small` where they show as well that it "
        "is less than counts as an effect",
    ),
    "no": Word(
        "◌", "of a question beyond the paper: our runs show that any effect is less than counts"
    ),
}

OPPOSITE = "differs (opposite sign)"
_READ = {
    "confirmed": "agrees",
    "contradicted": "differs",
    "equivalent": "agrees",
    "different": "differs",
    "within": "agrees",
    "near": "undecided (near)",
    "better": "differs (higher)",
    "worse": "differs (lower)",
    "not testable": "not tested",
    verdict.ONE_SEED: "undecided (one seed)",
}
_ANSWERS = {"confirmed": "yes", "contradicted": "no"}  # to a question, of which nothing is claimed


def word_of(answer: str) -> str:
    """A judge's answer, or a state, in a reader's words; those stay as they are."""
    return _READ.get(answer, answer)


def kind_of(answer: str) -> str:
    """The entry of `WORDS`: `differs` of `differs (weaker)`, `partial` of `partial 1/3`."""
    word = word_of(answer)
    found = (kind for kind in WORDS if word == kind or word.startswith((f"{kind} ", f"{kind}:")))
    return next(found, word)


def with_sign(answer: str) -> str:
    """Sign and word, such as `✓ agrees` or `◐ partial 1/3`."""
    return f"{WORDS[kind_of(answer)].sign} {word_of(answer)}"


def word_counts(words: Iterable[str]) -> str:
    """How many there are of each, such as `2 agree, 1 partial`, in the order of `WORDS`."""
    found = Counter(map(kind_of, words))
    return ", ".join(f"{n} {_verb(word, n)}" for word in WORDS if (n := found[word]))


def _verb(word: str, number: int) -> str:
    return word.removesuffix("s") if number > 1 and word in ("agrees", "differs") else word


def of_claim(claim: Record, result: Record) -> str:
    """One word for the answers to a claim: `agrees`, `undecided`, `differs` and so on."""
    given = result["verdict"]
    size = result.get("size")
    if given == "not run":
        return "not tested (not run)"
    if given == "contradicted" and result.get("sign") == "contradicted":
        return OPPOSITE
    if given in ("confirmed", "contradicted") and size == "different":
        return f"differs ({_side(claim, result)})"
    if given == "confirmed" and size == "undecided":
        return "agrees (size undecided)"
    return word_of(given)


def _side(claim: Record, result: Record) -> str:
    """Which way our figure lies from the paper's, in the direction that the claim gives it."""
    value, found = claim["value"], result["found"]
    return "stronger" if (found - value) * value > 0 else "weaker"


class Told(NamedTuple):
    """What a reader is told of a claim.

    word     an entry of `WORDS`, with what belongs to it
    aside    what other data than the paper's showed, such as `demo: agrees`; None where they are
             the paper's
    """

    word: str
    aside: str | None


def told(claim: Record, result: Record, data: str | None) -> Told:
    """`data`: those of `data_of`. Other data than the paper's test no claim, nor do other models
    in the place of the paper's."""
    word = of_claim(claim, result)
    if data is None and (stand_ins := result.get("stand_ins")):
        pairs = ", ".join(f"{ours} stands for {theirs}" for theirs, ours in stand_ins.items())
        return Told(f"not tested ({pairs})", f"other models: {word}")
    if data is None:
        return Told(word, None)
    return Told(f"not tested on {'MIND' if data == 'demo' else 'MIND-small'}", f"{data}: {word}")


def of_question(result: Record) -> str:
    """One word for the answer to a question, or to a part of one: `yes`, `undecided`, `no`, ..."""
    given = result["verdict"]
    word = _ANSWERS.get(given) or word_of(given)
    return f"{word} (small)" if word == "yes" and result.get("small") else word


def told_answer(result: Record, demo: bool) -> Told:
    """What a reader is told of a question. Invented clicks answer none; any others do, for those
    that they are."""
    word = of_question(result)
    unanswered = kind_of(word) in ("not run", "partial", "not tested", "stale", "unreadable")
    if not demo or unanswered:
        return Told(word, None)
    return Told("not tested on real clicks", f"demo: {word}")


def data_of(profile: str | None, evidence: bool) -> str | None:
    """None where claims are judged on the paper's data; otherwise what to call the others."""
    if evidence:
        return None
    return "demo" if profile in ON_THE_DEMO_S_CORPUS else "other data"


def would_decide(result: Record) -> str | None:
    """What would decide a claim that is undecided, as a sentence; None where it is not."""
    if kind_of(result["verdict"]) != "undecided" or result.get("power_reason"):
        return None  # why it cannot be told stands beside it
    power = result.get("power") or {}
    ways = []
    if power.get("seeds"):
        ways.append(f"{power['seeds']} seeds on these impressions")
    if power.get("impressions"):
        users = f" ({power['users']:,} users)" if power.get("users") else ""
        least = (result.get("seeds") or {}).get("least")
        seeds = f" with {max(2, least)} seeds" if least else ""
        ways.append(f"{power['impressions']:,} impressions{users}{seeds}")
    if not ways:
        return "It would take more seeds and impressions to decide it."
    return f"It would be decided in 8 of 10 studies by {', or by '.join(ways)}."
