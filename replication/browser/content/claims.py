"""The claims as a page may tell them, and the sentences that sum them up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from replication.browser.reading.experiments import Experiment
from replication.browser.reading.study import Study
from replication.browser.words import SIGNS, counted, tally
from replication.paper.claims import load_claims
from replication.report.study import COMPARED
from replication.report.texts import kind_of


def summary(experiments: Sequence[Experiment]) -> str:
    """Such as `31 of 48 experiments within tolerance; 2 worse; 15 not run.`"""
    if not experiments:
        return "No experiment of the grid is known."
    figures = [experiment.figure("auc") for experiment in experiments]
    words = Counter(kind_of(figure.verdict) for figure in figures)
    parts = [f"{words[word]} {word}" for word in SIGNS if words[word] and word != "within"]
    if any(figure.paper is not None for figure in figures):
        of = f"{words['within']} of {counted(len(experiments), 'experiment')}"
        first = f"AUC: {of} within tolerance of the paper's"
    else:
        done = sum(experiment.complete for experiment in experiments)
        of = counted(len(experiments), "experiment")
        first = f"{done} of {of} run; the paper's AUC is known for none"
        parts = [part for part in parts if not part.endswith(("not run", "no paper value"))]
    return "; ".join([first, *parts]) + "."


def claims_summary(claims: Sequence[dict[str, Any]]) -> str:
    """Such as `Claims under clean: 2 within, 3 near.`"""
    lines = []
    for protocol in claims[0]["verdicts"] if claims else ():
        counts = tally(claim["verdicts"][protocol]["verdict"] for claim in claims)
        lines.append(f"{counted(len(claims), 'claim')} under {protocol}: {counts}.")
    return " ".join(lines)


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
                | dict.fromkeys(("sign", "size", "these_runs", "naive", "power"))
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
