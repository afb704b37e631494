"""The claims as a page may tell them."""

from dataclasses import asdict
from typing import Any

from replication.browser.reading.study import Study
from replication.paper.claims import load_claims
from replication.report.study import COMPARED


def judged_claims(study: Study) -> list[dict[str, Any]]:
    """The claims as claims.json judges them; where it cannot be relied on, `stale`, `unreadable`
    or `not run` stands in place of the verdict, with the reason."""
    found = study.claims.content
    if found is None:
        word = "unreadable" if study.claims.problem else "not run"
        reason = study.claims.problem or f"run `{COMPARED}`"
        return [_unjudged(claim, study, word, reason) for claim in load_claims()]
    stale = study.stale("compare")
    if not stale:
        return found["claims"]
    return [
        claim
        | {
            "verdicts": {
                protocol: result
                | dict.fromkeys(("sign", "size", "these_runs", "naive", "power", "power_reason"))
                | {
                    "verdict": "stale",
                    "reason": f"{stale}; it was {result['verdict']}. Run `{COMPARED}`",
                }
                for protocol, result in claim["verdicts"].items()
            }
        }
        for claim in found["claims"]
    ]


def _unjudged(claim: Any, study: Study, word: str, reason: str) -> dict[str, Any]:
    given = {k: v for k, v in asdict(claim).items() if v is not None or k == "value"}
    params = study.params.content
    nothing = {
        "verdict": word, "reason": reason, "found": None, "ci95": None, "parts": [],
        "coverage": [0, 0], "missing": [],
    }  # fmt: skip
    protocols = params.grid.every_protocol if params else ("clean",)
    return given | {"verdicts": dict.fromkeys(protocols, nothing)}
