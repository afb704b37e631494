"""What each deviation of the released code does, as `compare` found it, beside mere chance."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from replication.browser.content.rerun import overrides_with
from replication.files.errors import StudyError
from replication.files.readable import File, tried
from replication.paper import verdict
from replication.paper.claims import load_claims
from replication.report.deviations import SHORT, WHAT, pair_name
from replication.report.study import COMPARED
from replication.report.tables import Table
from replication.study import paths
from replication.study.overrides import run_line
from replication.study.params import Params, as_mapping, load_protocol
from replication.study.protocol import DEVIATIONS, Protocol

CHANCE = "D11"  # another seed
PROTOCOLS = ("clean", "released")


@dataclass(frozen=True)
class Shift:
    """What one deviation does to the AUC of one pair and tuning.

    untouched   why it does not apply to these runs
    stands_out  whether it is larger than what another seed does, and significant; None: not known
    """

    pair: str
    deviation: str
    tuning: str
    difference: float | None
    ci95: tuple[float, float] | None
    p_holm: float | None
    untouched: str | None
    stands_out: bool | None

    @property
    def size(self) -> float:
        """How far it moves AUC, whichever way; 0 where that is not known."""
        return abs(self.difference or 0.0)


def bases_of(pairs: Sequence[dict[str, Any]]) -> list[str]:
    """The protocols that flips start from."""
    return list(dict.fromkeys(effect["base"] for pair in pairs for effect in pair["effects"]))


def chance(pair: dict[str, Any]) -> float | None:
    """The most that another seed changes an AUC of a pair, in 95 of 100 draws; None where it is not
    known."""
    return (pair.get("seeds") or {}).get("band")


def shifts(pair: dict[str, Any], base: str) -> list[Shift]:
    """All effects of a pair from one protocol."""
    most = chance(pair)
    return [
        Shift(
            pair["pair"],
            effect["deviation"],
            effect["tuning"],
            effect["difference"],
            effect["ci95"],
            effect["p_holm"],
            effect["untouched"],
            _stands_out(effect, most),
        )
        for effect in pair["effects"]
        if effect["base"] == base
    ]


def _stands_out(effect: dict[str, Any], most: float | None) -> bool | None:
    if most is None or effect["difference"] is None:
        return None
    return (
        effect["deviation"] != CHANCE
        and abs(effect["difference"]) > most
        and verdict.significant(effect["p_holm"])
    )


def answer(pairs: Sequence[dict[str, Any]], base: str) -> str:
    """What stands out of chance from one protocol, and which verdicts change."""
    found = [shift for pair in pairs for shift in shifts(pair, base)]
    known = [shift for shift in found if shift.stands_out is not None]
    if not known:
        return "What a deviation does cannot be told from what another seed does: neither is known."
    named = {pair["pair"]: pair_name(pair) for pair in pairs}
    largest: dict[str, Shift] = {}
    for shift in known:
        before = largest.get(shift.deviation)
        if shift.stands_out and (before is None or shift.size > before.size):
            largest[shift.deviation] = shift
    shown = "is shown to move" if len(largest) < 2 else "are shown to move"
    flipped = {shift.deviation for shift in found}
    text = (
        f"Of {len(flipped)} deviations, {len(largest) or 'none'} {shown} AUC, starting from {base}"
    )
    if largest:
        ranked = sorted(largest.items(), key=lambda item: -item[1].size)
        text += ": " + enumerated(
            [
                f"{name}, {SHORT[name]} ({shift.difference:+.3f} for {named[shift.pair]})"
                for name, shift in ranked
            ]
        )
    return f"{text}. {_untouched(found)}{_claims(pairs, base)}"


def enumerated(parts: Sequence[str]) -> str:
    """Such as `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _untouched(found: Sequence[Shift]) -> str:
    flipped = {shift.deviation for shift in found}
    touched = {shift.deviation for shift in found if not shift.untouched}
    names = [name for name in DEVIATIONS if name in flipped - touched]
    if not names:
        return ""
    return f"{enumerated(names)} {'does' if len(names) == 1 else 'do'} not apply to these runs. "


def _claims(pairs: Sequence[dict[str, Any]], base: str) -> str:
    rows = [
        (pair_name(pair), row) for pair in pairs for row in pair["claims"] if row["base"] == base
    ]
    if not rows:
        return "No claim is about these pairs."
    changed: dict[str, list[str]] = {}
    for pair, row in rows:
        if row["changes"]:
            changed.setdefault(f"{row['claim']} ({pair})", []).append(row["deviation"])
    if not changed:
        return "No flip changes the verdict on a claim."
    parts = [f"{enumerated(flips)} on {claim}" for claim, flips in changed.items()]
    text = f"Flips that change a verdict: {'; '.join(parts)}"
    if any(CHANCE in flips for flips in changed.values()):
        text += f"; {CHANCE} is another seed alone"
    return text + "."


def with_pairs(table: Table, pairs: Sequence[dict[str, Any]]) -> Table:
    """A table whose first column is a pair, with what each is: `LSTUR with static vectors`."""
    names = {pair["pair"]: pair_name(pair) for pair in pairs}
    return replace(table, rows=[[names[str(pair)], *rest] for pair, *rest in table.rows])


def claims_by_id(claims: File) -> Mapping[str, dict[str, Any]]:
    """As claims.json has them, otherwise as the code does."""
    found = claims.content["claims"] if claims.content else map(asdict, load_claims())
    return {claim["id"]: claim for claim in found}


# ------------------------------------------------------------------- one deviation


def keys_table(deviation: str, params: Params | None) -> Table:
    """What it is in conf/protocol; `unknown` where a file cannot be read."""
    protocols = [tried(lambda n=n: load_protocol(n), paths.PROTOCOLS).content for n in PROTOCOLS]
    protocols.append(params.protocol if params else None)
    rows = [
        [
            f"protocol.{key}",
            *("unknown" if p is None else _text(getattr(p, key)) for p in protocols),
        ]
        for key in DEVIATIONS[deviation]
    ]
    header = ["key", "clean", "released", "the experiment at hand"]
    caption = f"{deviation}, in the released code: {WHAT[deviation]}."
    return Table(f"deviation-{deviation}", caption, COMPARED, header, rows, text_columns=4)


def flip_command(deviation: str, params: Params) -> File[str]:
    """The line that runs the experiment at hand with one deviation flipped."""
    return tried(lambda: _flipped(deviation, params.protocol), paths.PROTOCOLS)


def _flipped(deviation: str, protocol: Protocol) -> str:
    """Errors: `StudyError` where conf/ cannot be read or cannot say it."""
    clean, released = (load_protocol(name) for name in PROTOCOLS)
    keys = DEVIATIONS[deviation]
    careful = all(getattr(protocol, key) == getattr(clean, key) for key in keys)
    other = released if careful else clean
    changed = replace(protocol, **{key: getattr(other, key) for key in keys})
    found = overrides_with(protocol=as_mapping(changed))
    if found is None:
        conf = paths.PROTOCOLS.parent
        raise StudyError(f"{conf}: is damaged, or cannot say what {paths.PARAMS} holds")
    return run_line(found)


def _text(value: Any) -> str:
    return json.dumps(value).strip('"')
