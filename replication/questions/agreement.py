"""Q4, other data: has each claim of the paper that the study beside decides the same verdict here?

Verdicts are given anew from the runs of both, by the rules of `paper.judges`.
"""

from typing import Any

from replication.paper import verdict
from replication.paper.claims import load_claims
from replication.paper.judges import decide
from replication.paper.questions import Question
from replication.paper.results import Result, not_testable, result
from replication.paper.words import word_of
from replication.questions.asked import Asked

DECIDED = ("confirmed", "contradicted")


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """A part for each claim; those that the study beside does not decide are told."""
    beside = asked.beside
    parts = [
        _part(
            f"{claim.id} here and in the study beside, {beside.params.profile}",
            decide(claim, asked.evidence, protocol)["verdict"],
            decide(claim, beside.evidence, protocol)["verdict"],
        )
        for claim in load_claims()
    ]
    words = [part["verdict"] for part in parts if part["verdict"] != "not testable"]
    if not words:
        raise not_testable(f"the study beside, {beside.params.profile}, decides no claim")
    turned = sum(word == "contradicted" for word in words)
    alike = sum(word == "confirmed" for word in words)
    reason = (
        f"claims that the study beside decides: {len(words)}; with the same verdict here: {alike}; "
        f"with the opposite one: {turned}; with none: {len(words) - alike - turned}"
    )
    return result(
        verdict.of_all(words),
        reason,
        power_reason=reason,
        parts=parts,
        places=asked.places(protocol),
    )


def _part(what: str, here: str, there: str) -> Result:
    part: dict[str, Any] = dict.fromkeys(("found", "ci95", "p", "p_holm", "effect"))
    if there not in DECIDED:
        word = "not testable"
    elif here in DECIDED:
        word = "confirmed" if here == there else "contradicted"
    else:
        word = "undecided"
    told = f"here {word_of(here)}, beside {word_of(there)}"
    return part | {
        "what": what, "unit": "verdict", "small": False, "verdict": word, "reason": told,
    }  # fmt: skip
