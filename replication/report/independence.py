"""S1: which verdicts hang on taking impressions as independent, and what else they rest on."""

from collections.abc import Sequence
from typing import Any

from replication.paper.words import word_of
from replication.report.study import COMPARED, Study
from replication.report.tables import Field, Number, Table

Record = dict[str, Any]
S1_TEXT = (
    "S1 is no deviation of the released code: it is what the field's usual paired tests assume, "
    "that impressions are independent of each other. Those in which one article is clicked are "
    "not. The design effect says how much: the variance of a mean of AUC differences, by user or "
    "by clicked article, over that of independent impressions. A standard error that ignores it is "
    "too small by its square root. The row says whether the verdict on these very runs, or its "
    "answer to sign or size, would be another one."
)


def independence_table(study: Study) -> Table:
    """A row per claim that was judged: with and without the assumption."""
    return s1_table(study.claims["claims"], study.protocols)


def s1_table(claims: Sequence[Record], protocols: Sequence[str]) -> Table:
    """`independence_table` of claims as claims.json holds them."""
    rows: list[list[Field]] = []
    for protocol in protocols:
        for claim in claims:
            result = claim["verdicts"].get(protocol) or {}
            naive, effect = result.get("naive"), result.get("design_effect") or {}
            if not naive:
                continue
            hangs = "yes" if result["hangs_on_independence"] else "no"
            row: list[Field] = [protocol, claim["id"], word_of(of_these_runs(result))]
            row += [word_of(naive["verdict"]), hangs]
            row += [Number(effect.get(by), form=".1f", absent="unknown") for by in _BY]
            rows.append(row)
    header = ["protocol", "claim", "verdict of these runs", "were impressions independent",
              "S1: hangs on it", *(f"design effect, {by}" for by in _BY)]  # fmt: skip
    caption = "Verdicts with and without the assumption that impressions are independent."
    return Table("independence", caption, COMPARED, header, rows, text_columns=5)


_BY = ("user", "article")


def of_these_runs(result: Record) -> str:
    """The verdict on the runs at hand, other seeds left out."""
    return result.get("these_runs") or result["verdict"]


def answers_text(result: Record) -> str:
    """The answers to sign and size, and what they rest on, as sentences; nothing where there are
    none."""
    parts = [
        f"{name.capitalize()}: {word_of(result[name])}."
        for name in ("sign", "size")
        if result.get(name) is not None and result.get("size") is not None
    ]
    if result.get("these_runs"):
        parts.append(f"These runs by themselves: {word_of(result['these_runs'])}.")
    naive = result.get("naive")
    if naive:
        hangs = "hangs" if result["hangs_on_independence"] else "does not hang"
        parts.append(
            f"Were impressions independent: {word_of(naive['verdict'])}"
            + (f", interval {_ends(naive['ci95'])}" if naive.get("ci95") else "")
            + f"; the verdict {hangs} on that (S1)."
        )
    spread = (result.get("seeds") or {}).get("spread")
    if spread:
        parts.append(
            f"Where a place has one run, other seeds count with a standard deviation of "
            f"{spread['sd']:.4f}, measured on {spread['runs']} runs of {spread['places']} places."
        )
    if power := result.get("power"):
        parts.append(_power(power, max(2, result["seeds"]["least"])))
    if reason := result.get("power_reason"):
        parts.append(f"How many seeds or impressions would decide cannot be told: {reason}.")
    return " ".join(parts)


def _ends(ends: Sequence[float]) -> str:
    return "[{:+.2f}, {:+.2f}]".format(*ends)


def _power(power: Record, seeds_at_hand: int) -> str:
    source = "measured here" if power["measured"] else "as NewsReX reports it"
    seeds, more, now = power["seeds"], power["impressions"], power["now"]
    ways = [f"{seeds} seeds on these impressions"] if seeds else []
    ways += [f"{more:,} impressions with {seeds_at_hand} seeds"] if more else []
    takes = (
        f"is found in 8 of 10 studies by {' or by '.join(ways)}" if ways else
        "takes more seeds and more impressions to be found in 8 of 10 studies"
    )  # fmt: skip
    text = (
        f"An effect of {power['effect']:.4f} (spread of seeds {power['seed_sd']:.4f}, {source}) "
        f"{takes}"
    )
    return f"{text}; with the runs at hand in {100 * now:.0f} %." if now is not None else f"{text}."
