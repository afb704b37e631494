"""The protocol audit: what each deviation of the released code does."""

from collections.abc import Mapping, Sequence
from typing import Any

from replication.paper.models import TUNINGS
from replication.paper.words import word_of
from replication.report.names import encoder_name, recommender_name, tuning_name
from replication.report.study import COMPARED, Study
from replication.report.tables import Field, Number, Probability, Table
from replication.report.verdicts import found_number
from replication.study.protocol import DEVIATIONS

# What the release does; `conf/protocol` holds both ways of each.
WHAT = {
    "D1": "selects on the test split",
    "D2": "keeps the oldest clicks of a history",
    "D3": "LSTUR's GRU reads the first slots, padding before clicks",
    "D4": "no attention mask over padding",
    "D5": "dropout in frozen layers, and in no layer until the first validation",
    "D6": "the embedding table trains with the top layers",
    "D7": "another head for fine-tuned than for frozen encoders",
    "D8": "truncation cuts the prompt off; short texts leave padding read",
    "D9": "user vectors cached by history, not by user",
    "D10": "cold-start groups over distinct histories",
    "D11": "no seed is set (here: another seed, so mere chance)",
    "D12": "two negatives, drawn once",
    "D13": "projections begin by xavier",
    "D14": "words without a vector: zeros, or a row each from N(0, 1)",
    "D15": "categories unseen in training are padding",
    "D16": "an epoch's last, smaller batch is dropped",
    "D17": "a fine-tuned PLM reads lower-case texts",
    "D18": "empty slots are an encoded article in training, zeros at test",
}

# The same in a few words, for an axis.
SHORT = {
    "D1": "chosen on the test split",
    "D2": "oldest clicks kept",
    "D3": "GRU reads padding first",
    "D4": "no attention mask",
    "D5": "dropout in frozen layers",
    "D6": "embeddings train too",
    "D7": "another head when tuned",
    "D8": "prompt cut off",
    "D9": "users cached by history",
    "D10": "groups of histories",
    "D11": "another seed",
    "D12": "two negatives, drawn once",
    "D13": "xavier start",
    "D14": "unknown words drawn",
    "D15": "unseen labels as padding",
    "D16": "last batch dropped",
    "D17": "lower-case texts",
    "D18": "empty slots as articles",
}


def audit_table(study: Study) -> Table:
    """Pair x deviation x tuning: the change of AUC from each base protocol."""
    audit = study.params.audit
    flips = {name: audit.flips(name) for name in audit.pairs}
    return effects_table(study.comparison["audit"], audit.bases, flips)


def effects_table(
    pairs: Sequence[dict[str, Any]],
    bases: Sequence[str],
    flips: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """`audit_table` of some pairs and base protocols; what they have no run of is `not run`.

    flips  by pair, those that its study flips: others are left out; None: all are told
    """
    rows: list[list[Field]] = []
    for pair in pairs:
        effects = {(e["deviation"], e["tuning"], e["base"]): e for e in pair["effects"]}
        told = DEVIATIONS if flips is None else flips[pair["pair"]]
        for deviation in (d for d in DEVIATIONS if effects and d in told):
            what = [pair["pair"], deviation, WHAT[deviation]]
            of_each = {
                tuning: [effects.get((deviation, tuning, base), _NO_RUN) for base in bases]
                for tuning in TUNINGS
            }
            reasons = {tuning: _reason(found) for tuning, found in of_each.items()}
            if reasons["frozen"] and reasons["frozen"] == reasons["finetuned"]:
                of_each = {"both": of_each["frozen"]}
            rows += [[*what, tuning, *_fields(found)] for tuning, found in of_each.items()]
    header = ["pair", "deviation", "what the release does", "tuning"]
    for base in bases:
        header += [f"from {base}", f"p (Holm), {base}"]
    caption = (
        "AUC with one deviation flipped minus AUC of the protocol as it is, with its paired "
        "interval and test."
    )
    header.append("does not apply, for")
    return Table("audit", caption, COMPARED, header, rows, text_columns=4)


_NO_RUN = {"untouched": None, "difference": None, "ci95": None, "p_holm": None}


def _reason(found: list[dict[str, Any]]) -> str:
    """Why a deviation does not apply to these runs; nothing where it does."""
    return "; ".join(dict.fromkeys(e["untouched"] for e in found if e["untouched"]))


def _fields(found: list[dict[str, Any]]) -> list[Field]:
    """Difference and p from each base, then the reason where there is neither."""
    fields: list[Field] = []
    for effect in found:
        absent = "does not apply" if effect["untouched"] else "undefined"
        absent = "not run" if effect is _NO_RUN else absent
        fields.append(Number(effect["difference"], effect["ci95"], "+.4f", "+.4f", absent=absent))
        fields.append(Probability(effect["p_holm"], absent=absent))
    return [*fields, _reason(found)]


def audit_text(study: Study) -> str:
    return (
        "From `clean` a flip takes the released code's way, from `released` it takes the "
        "careful one. Flips share one seed, and are compared with the base of that seed. The "
        "spread between the seeds of a base, pooled over a pair, is in every interval and p, as "
        "are users and clicked articles; D11 is one of these seeds, and shows what mere chance "
        "does. The p values are Holm-corrected over the tests of a pair. A flip changes a "
        "verdict only where each base was run with three seeds or more, and where what the "
        "claim looks at leaves the band in which 95 of 100 more runs of the base would lie. The "
        "audit has its own length of training: its AUC are not those of the grid."
    )


def pair_title(pair: dict[str, Any]) -> str:
    return f"{pair['pair']}: {pair_name(pair)}"


def pair_name(pair: dict[str, Any]) -> str:
    """What a pair is: `LSTUR with static vectors`."""
    encoders = list(dict.fromkeys((pair["frozen"], pair["finetuned"])))
    names = " and ".join(map(encoder_name, encoders))
    return f"{recommender_name(pair['recommender'])} with {names}"


def pair_text(study: Study, pair: dict[str, Any]) -> list[str]:
    """The AUC that the flips start from, and what they do to the claims about the pair."""
    if pair["missing"]:
        return [f"Not run. Run `{pair['missing']}`."]
    text = f"{bases_text(pair)} Made again by `dvc repro audit@{pair['pair']}`."
    if not pair["claims"]:
        return [f"{text} No claim compares the two tunings of this pair."]
    table = flips_table(pair, {claim["id"]: claim for claim in study.claims["claims"]})
    if not table.rows:
        ids = ", ".join(dict.fromkeys(row["claim"] for row in pair["claims"]))
        return [f"{text} No flip would change what these runs say of {ids}."]
    return [text, table.markdown(study.note)]


def bases_text(pair: dict[str, Any]) -> str:
    bases = "; ".join(
        f"{_base(name)} {'undefined' if auc is None else f'{auc:.4f}'}"
        for name, auc in pair["bases"].items()
    )
    seeds = (pair.get("seeds") or {}).get("runs_of_a_base", 1)
    means = f", means of {seeds} seeds" if seeds > 1 else ""
    return f"AUC before any flip{means}: {bases}."


def _base(name: str) -> str:
    """`clean/finetuned` as people write it."""
    protocol, _, tuning = name.partition("/")
    return f"{protocol}, {tuning_name(tuning)}:"


def flips_table(pair: dict[str, Any], claims: Mapping[str, dict[str, Any]]) -> Table:
    """The flips after which these runs say something else of a claim, called a change or not;
    claims: by ID, of which the kind is read."""
    unflipped = {(r["claim"], r["base"]): r for r in pair["claims"] if r["deviation"] == "none"}
    rows = []
    for row in pair["claims"]:
        if row.get("would_change", row["changes"]):
            what = [row["claim"], row["base"], row["deviation"]]
            before = unflipped.get((row["claim"], row["base"]))
            claim = claims.get(row["claim"], {"kind": None})
            rows.append([*what, _judged(claim, before), _judged(claim, row)])
            rows[-1].append("yes" if row["changes"] else "no")
    header = ["claim", "protocol", "flip", "before", "after", "changes the verdict"]
    caption = (
        "Flips after which these runs say something else of a claim. That is a change of the "
        "verdict only with three seeds a base, and beyond what another seed does."
    )
    return Table("flips", caption, COMPARED, header, rows, text_columns=len(header))


def _judged(claim: dict[str, Any], row: dict[str, Any] | None) -> str:
    if row is None:
        return "unknown"
    word = row.get("these_runs", row["verdict"])
    return f"{word_of(word)}, {found_number(claim, row['found'], row['ci95'])}"
