"""The layer sweep: AUC by the number of fine-tuned layers, and the best one."""

from collections.abc import Sequence
from typing import Any

from replication.paper.words import with_sign
from replication.report.study import COMPARED, Study
from replication.report.tables import Field, Number, Table


def papers_depth(study: Study, curve: dict[str, Any]) -> int | None:
    """The paper's best depth; None where the model or the depths are not those it speaks of."""
    claim = claim_about(study.claims["claims"], curve)
    return None if claim is None else claim["value"]


def claim_about(claims: Sequence[dict[str, Any]], curve: dict[str, Any]) -> dict[str, Any] | None:
    """The claim on the best depth of this recommender, model and these depths."""
    wanted = curve["recommender"], curve["model"], [point["layers"] for point in curve["curve"]]
    for claim in claims:
        if claim["kind"] == "depth":
            about = claim["recommender"], claim["model"], list(claim["sweep"])
            if about == wanted:
                return claim
    return None


def depths_table(study: Study) -> Table:
    """A row per recommender: its best depth, how sure that is, and the paper's."""
    rows: list[list[Field]] = []
    for curve in study.comparison["sweep"]:
        best, paper = curve["best"], papers_depth(study, curve)
        row: list[Field] = [curve[key] for key in ("recommender", "encoder", "protocol")]
        if best:
            row.append(Number(best["found"], best["ci95"], ".0f", ".0f"))
            row.append(_share(_shares(curve)[best["found"]]))
        else:
            row += ["not run"] * 2
        row.append("another model" if paper is None else f"about {paper}")
        rows.append(row)
    header = ["recommender", "encoder", "protocol", "best depth", "share", "the paper"]
    caption = (
        "Best number of fine-tuned layers, the least and most that may be the best (the true one "
        "is among these in 95 % of studies, what other seeds would change left out where there is "
        "one), and the share of replicates in which it is best."
    )
    return Table("depths", caption, COMPARED, header, rows, text_columns=3)


def sweep_table(study: Study) -> Table:
    """A row per depth of the curves, beside the paper's value where it has been imported."""
    curves = study.comparison["sweep"]
    known = any(p["paper"] is not None for curve in curves for p in curve["curve"])
    rows: list[list[Field]] = []
    for curve in curves:
        shares = _shares(curve)
        for point in curve["curve"]:
            ran, of = point["runs"]
            absent = "undefined" if ran else "not run"
            row: list[Field] = [curve["recommender"], str(point["layers"]), f"{ran}/{of}"]
            row.append(Number(point["ours"], point["ci95"], absent=absent))
            row.append(_share(shares.get(point["layers"])))
            if known:
                row.append(Number(point["paper"], absent="no paper value"))
                row.append(with_sign(point["verdict"]))
            rows.append(row)
    header = ["recommender", "layers", "runs", "AUC", "best in"]
    header += ["AUC, paper", "verdict"] if known else []
    caption = "AUC by the number of fine-tuned layers, and the share of replicates it is best in."
    return Table("sweep", caption, COMPARED, header, rows, text_columns=3)


def _shares(curve: dict[str, Any]) -> dict[int, float]:
    """Depth -> share of replicates in which it is best; empty where depths are missing."""
    if not curve["best"]:
        return {}
    depths = [point["layers"] for point in curve["curve"]]
    return dict(zip(depths, curve["best"]["shares"], strict=True))


def _share(share: float | None) -> Number:
    percent = None if share is None else 100 * share
    return Number(percent, form=".0f", unit=" %", absent="unknown")


def sweep_text(study: Study) -> str:
    curves = study.comparison["sweep"]
    text = (
        "Each depth is a run with that many of the top layers trained and the others frozen; a "
        "depth that has not been run is a gap in the curve. The best depth is told only where "
        "every depth has been run with every seed. "
    )
    if any(papers_depth(study, curve) is not None for curve in curves):
        return text + "The paper's best depth is marked; it says *about*."
    return text + (
        "The paper's best depths (claims C3a to C3c) are of another model than the one swept here, "
        "and are not marked."
    )
