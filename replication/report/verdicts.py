"""The paper's claims: a table of verdicts, then the evidence of each."""

from collections.abc import Callable, Sequence
from typing import Any

from replication.paper.words import (
    data_of,
    told,
    with_sign,
    word_counts,
    word_of,
    would_decide,
)
from replication.report.independence import answers_text
from replication.report.names import encoder_name, tuning_name
from replication.report.study import COMPARED, Study
from replication.report.tables import Field, Number, Probability, Table
from replication.report.texts import listed, sentence

Record = dict[str, Any]
NAIVE = "naive interval"  # of the columns with what independent impressions would give


def claims_table(study: Study) -> Table:
    """A row per claim: what the paper says, what we found under each protocol, the verdicts."""
    return judged_table(study.claims["claims"], study.protocols, judged_on(study))


def judged_on(study: Study) -> str | None:
    """What to call the data where they are not the paper's; see `words.data_of`."""
    return data_of(study.claims.get("profile"), study.claims.get("evidence", True))


def judged_table(claims: Sequence[Record], protocols: Sequence[str], data: str | None) -> Table:
    """`claims_table` of claims as claims.json holds them, each judged under `protocols` on `data`,
    those of `words.data_of`."""
    header = ["id", "claim", "the paper"]
    names = ["ours", NAIVE, "verdict", *([data] if data else ())]
    for protocol in protocols:
        header += [f"{name}, {protocol}" for name in names]
    rows: list[list[Field]] = []
    for claim in claims:
        row: list[Field] = [claim["id"], claim["statement"], paper_of(claim)]
        for protocol in protocols:
            result = claim["verdicts"][protocol]
            word, aside = told(claim, result, data)
            row += [ours_of(claim, result), _naive(claim, result), with_sign(word)]
            row += [] if aside is None else [aside]
        rows.append(row)
    caption = "The claims of the paper and what became of them."
    return Table("claims", caption, COMPARED, header, rows, text_columns=len(header))


def verdict_counts(study: Study) -> list[str]:
    """A line per protocol, such as `Claims under clean: 7 agree, 1 differs`; on other data than the
    paper's, `11 not tested on MIND (demo: 7 undecided, 4 not tested)`."""
    data = judged_on(study)
    lines = []
    for protocol in study.protocols:
        given = [told(c, c["verdicts"][protocol], data) for c in study.claims["claims"]]
        counts = word_counts(word for word, _ in given)
        if data is not None and given:
            asides = (aside.partition(": ")[2] for _, aside in given if aside)
            counts = f"{len(given)} {given[0].word} ({data}: {word_counts(asides)})"
        lines.append(f"Claims under {protocol}: {counts}")
    return lines


def claims_text(study: Study) -> list[str]:
    """A section per claim: the source and its terms, then what was compared under each protocol."""
    parts: list[str] = []
    explained: dict[str, str] = {}
    data = judged_on(study)
    for claim in study.claims["claims"]:
        parts += [f"### {claim['id']}", _terms(claim, explained)]
        explained.setdefault(claim["tolerance_reason"], claim["id"])
        parts += [_judged(claim, protocol, data) for protocol in study.protocols]
        if table := parts_table(claim, study.protocols, data):
            parts.append(table.in_report(study.note))
    return parts


def parts_tables(study: Study) -> list[Table]:
    """What was compared one by one, a table for each claim that has parts."""
    data = judged_on(study)
    made = (parts_table(claim, study.protocols, data) for claim in study.claims["claims"])
    return [table for table in made if table]


def paper_of(claim: Record) -> str:
    """What the paper says, in a few words: its figure, or the direction."""
    value = claim["value"]
    text = {
        "gain": lambda: f"{value:+.2f} %",
        "depth": lambda: f"about {value} layers",
        "cold_gain": lambda: "shrinks from group 1 on" if value is None else f"up to {value:g} %",
        "not_monotone": lambda: "not monotone in size",
        "sign": lambda: f"difference {claim['sign']}",
        "cost": lambda: "grows with size",
    }[claim["kind"]]()
    return text if claim["source"] == "paper" else f"{text} ({claim['source']})"


def ours_of(claim: Record, result: Record) -> Field:
    """What was found: a figure with its interval, or what became of the parts."""
    if result["found"] is not None:
        return found_number(claim, result["found"], result["ci95"])
    parts = result["parts"]
    if len(parts) == 1 and parts[0].get("found") is not None:
        return found_number(claim, parts[0]["found"], parts[0]["ci95"])
    if parts:
        return f"parts: {word_counts(map(_of_part, parts))}"
    return "no figure"


def _of_part(part: Record) -> str:
    """What these runs say of it, other seeds left out."""
    return part.get("these_runs") or part["verdict"]


def _naive(claim: Record, result: Record) -> Field:
    """The interval with impressions taken as independent; or counts of parts."""
    naive, parts = result.get("naive"), result["parts"]
    if not naive:
        return ""
    if result["found"] is not None or len(parts) == 1:
        ends = naive["ci95"] if result["found"] is not None else parts[0].get("ci95_naive")
        middle = result["found"] if result["found"] is not None else parts[0].get("found")
        return str(found_number(claim, middle, ends)).partition(" ")[2] if ends else ""
    return f"parts: {word_counts(part.get('verdict_naive') or 'not testable' for part in parts)}"


def found_number(claim: Record, value: float | None, interval: Sequence[float] | None) -> Number:
    """What was found, in the unit of the claim's kind."""
    form, ends, unit = {
        "gain": ("+.2f", "+.2f", " %"),
        "depth": (".0f", ".0f", " layers"),
        "cold_gain": ("+.2f", "+.2f", " %"),
    }.get(claim["kind"], ("+.4f", "+.4f", ""))
    return Number(value, interval, form, ends, unit)


def _terms(claim: Record, explained: dict[str, str]) -> str:
    source = "the paper" if claim["source"] == "paper" else claim["source"]
    lines = [
        f"**{claim['statement']}** Source: {source}, confidence in the figure: "
        f"{claim['confidence']}."
    ]
    if claim["value"] is None:
        lines.append(claim["value_reason"])
    reason = claim["tolerance_reason"]
    reason = f"As for {explained[reason]}." if reason in explained else reason
    if claim.get("tolerance") is None:
        lines.append(reason)
    else:
        lines.append(f"Tolerance: {claim['tolerance']:g}. {reason}")
    if claim.get("reading"):
        lines.append(f"Our reading: {claim['reading']}")
    return " ".join(lines)


def _judged(claim: Record, protocol: str, data: str | None) -> str:
    """The verdict under one protocol, with the figures that belong to the claim as a whole."""
    result = claim["verdicts"][protocol]
    word, aside = told(claim, result, data)
    text = f"*{protocol}*: {with_sign(word)}{'; ' + aside if aside else ''}."
    if result["found"] is not None:
        text += f" Found: {found_number(claim, result['found'], result['ci95'])}."
    if result.get("finetuned") is not None:
        text += (
            f" Fine-tuned {result['finetuned']:.4f}, frozen {result['frozen']:.4f}; delta relative "
            f"improvement {100 * result['delta_relative_improvement']:+.2f} percentage points."
        )
    if shares := result.get("shares"):
        pairs = zip(result.get("depths") or claim["sweep"], shares, strict=True)
        chosen = ", ".join(f"{depth}: {100 * share:.0f} %" for depth, share in pairs)
        text += f" Share of replicates in which each depth is best: {chosen}."
    if result.get("mean_clicks") is not None:
        text += (
            f" Mean clicks per user of group 1: {result['mean_clicks']:.2f}; the paper's: "
            f"{claim['mean_clicks']:.2f}."
        )
    if answers := answers_text(result):
        text += f" {answers}"
    if result["reason"]:
        text += f" {sentence(result['reason'])}"
    if decides := would_decide(result):
        text += f" {decides}"
    if result["coverage"][1]:
        text += " Runs: {} of {}.".format(*result["coverage"])
    if result["missing"]:
        text += f" Run: {listed(result['missing'])}."
    return text


def _gain_fields(claim: Record, part: Record) -> dict[str, Field]:
    fields: dict[str, Field] = {"recommender": part["recommender"], "tuning": part["tuning"]}
    found = found_number(claim, part["found"], part["ci95"])
    if not claim.get("trend"):
        return fields | {"largest gain in group 1": found}
    for group in part["groups"]:
        gain = found_number(claim, group["found"], group["ci95"])
        fields[f"gain, group {group['group']}"] = gain
    largest = part["largest_in_group"]
    return fields | {
        "p (Holm), group 1": Probability(part["p_group_1_holm"]),
        "slope": found,
        "p (Holm), slope": Probability(part["p_holm"]),
        "largest in": "undefined" if largest is None else f"group {largest}",
    }


def _order_fields(claim: Record, part: Record) -> dict[str, Field]:
    return {
        "recommender": part["recommender"],
        "tuning": part["tuning"],
        "best to worst": " > ".join(map(encoder_name, part.get("order", ()))) or "undefined",
        "Kendall's tau": Number(part.get("found"), part.get("ci95"), "+.2f", "+.2f"),
        "inversions": str(part.get("inversions", "undefined")),
        "resolved": str(part.get("resolved_inversions", "undefined")),
    }


def _sign_fields(claim: Record, part: Record) -> dict[str, Field]:
    return {
        "recommender": part["recommender"],
        "difference": f"{_side(part['a'])} - {_side(part['b'])}",
        "AUC": found_number(claim, part["found"], part["ci95"]),
        "p (Holm)": Probability(part["p_holm"]),
    }


def _side(name: str) -> str:
    """`minilm frozen` as people write it."""
    encoder, _, tuning = name.partition(" ")
    return f"{encoder_name(encoder)} {tuning_name(tuning)}".rstrip()


def _cost_fields(claim: Record, part: Record) -> dict[str, Field]:
    values = part["values"].items()
    return {
        "recommender": part["recommender"],
        "measure": part["measure"].replace("_", " "),
        "by size": ", ".join(f"{encoder_name(model)} {_amount(value)}" for model, value in values),
        "Kendall's tau": Number(part["found"], form="+.2f"),
    }


def _amount(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


_FIELDS: dict[str, Callable[[Record, Record], dict[str, Field]]] = {
    "cold_gain": _gain_fields,
    "not_monotone": _order_fields,
    "sign": _sign_fields,
    "cost": _cost_fields,
}


def parts_table(claim: Record, protocols: Sequence[str], data: str | None) -> Table | None:
    """What was compared, one by one; None for a claim that is one comparison. On other `data` than
    the paper's no part has a sign."""
    last = data or "verdict"
    said = word_of if data else with_sign
    rows: list[dict[str, Field]] = []
    for protocol in protocols:
        for part in claim["verdicts"][protocol]["parts"]:
            fields = _FIELDS[claim["kind"]](claim, part)
            verdict = said(part["verdict"])
            if part.get("these_runs"):
                verdict += f"; these runs: {word_of(part['these_runs'])}"
            if part.get("ci95_naive") and part.get("found") is not None:
                fields["naive"] = found_number(claim, part["found"], part["ci95_naive"])
                fields["if independent"] = word_of(part["verdict_naive"])
            if part.get("reason"):
                verdict += f": {part['reason']}"
            rows.append({"protocol": protocol, **fields, last: verdict})
    if not rows:
        return None
    names = dict.fromkeys(name for row in rows for name in row if name != last)
    header = [name for name in (*names, last) if name != "protocol" or len(protocols) > 1]
    shown = [[row.get(name, "") for name in header] for row in rows]
    caption = f"What was compared for {claim['id']}."
    return Table(
        f"claims-{claim['id']}", caption, COMPARED, header, shown, text_columns=len(header)
    )
