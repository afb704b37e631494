"""What the first page tells: the answer by state, four facts, the claims by question, stand-ins."""

from collections.abc import Iterator, Sequence
from typing import Any

from replication.browser.content.provenance import contents
from replication.browser.reading.runs import READY
from replication.browser.reading.study import Study
from replication.browser.words import counted
from replication.paper.models import MODELS
from replication.paper.words import kind_of, told, word_counts
from replication.report.names import commit_name, encoder_name, encoder_sizes, short_count
from replication.report.study import COMPARED
from replication.report.tables import Field, Table

Record = dict[str, Any]
TESTED = ("agrees", "undecided", "differs")  # the words of a claim that has been put to the test
QUESTIONS = {
    "fine-tuning": "Does fine-tuning help?",
    "depth": "How many layers should be fine-tuned?",
    "size": "Are larger language models better?",
    "cold start": "Who gains from a large one?",
    "cost": "What does a larger one cost?",
}


def question_of(claim: Record) -> str:
    """Which of `QUESTIONS` a claim is about, by its kind."""
    if claim["kind"] == "sign":  # of one model's two tunings, or of two models
        return "size" if claim["minus"].get("model") else "fine-tuning"
    kinds = {"gain": "fine-tuning", "depth": "depth", "cold_gain": "cold start", "cost": "cost"}
    return kinds.get(claim["kind"], "size")


def by_question(claims: Sequence[Record]) -> dict[str, list[Record]]:
    """The claims under their questions, in the order of `QUESTIONS`."""
    found: dict[str, list[Record]] = {name: [] for name in QUESTIONS}
    for claim in claims:
        found[question_of(claim)].append(claim)
    return {name: of for name, of in found.items() if of}


def words_of(claims: Sequence[Record], protocol: str, data: str | None) -> list[str]:
    """What a reader is told of each claim under a protocol."""
    return [told(claim, claim["verdicts"][protocol], data).word for claim in claims]


def answer(claims: Sequence[Record], protocols: Sequence[str], data: str | None) -> str:
    """One sentence by state, such as `7 of 11 claims agree, 1 differs, 3 undecided.`"""
    number = counted(len(claims), "claim")
    if data is not None:
        where = "synthetic data" if data == "demo" else "other data than the paper's"
        release = "MIND" if data == "demo" else "MIND-small, the paper's release"
        return f"None of the {number} has been tested on {release}; below, the pipeline on {where}."
    lines = []
    for protocol in protocols:
        words = words_of(claims, protocol, data)
        first, *others = word_counts(words).split(", ")
        count, _, word = first.partition(" ")
        under = f" under {protocol}" if len(protocols) > 1 else ""
        lines.append(", ".join([f"{count} of {number}{under} {word}", *others]) + ".")
    return " ".join(lines)


def tiles(study: Study, claims: Sequence[Record], protocols: Sequence[str]) -> list[list[str]]:
    """Four facts: title, what stands in large, what stands under it."""
    grid = study.grid
    done = sum(experiment.complete for experiment in grid)
    words = words_of(claims, protocols[0], study.judged_on) if protocols else []
    tested = sum(kind_of(word) in TESTED for word in words)
    return [
        ["Data", *_data(study)],
        ["Experiments done", f"{done} of {len(grid)}", _undone(study)],
        ["Claims tested", f"{tested} of {len(claims)}", f"on {_release(study)}"],
        ["Made on", *_made(study)],
    ]


def _undone(study: Study) -> str:
    """What keeps the others from being done, such as `1 running, 3 stale`."""
    states = [experiment.state().word for experiment in study.grid]
    counts = word_counts(word for word in states if word != READY)
    return counts or "every seed there and up to date"


def _release(study: Study) -> str:
    return "MIND" if study.judged_on == "demo" else "MIND-small"


def _data(study: Study) -> tuple[str, str]:
    card = study.data.content
    name = (
        "synthetic" if study.demo else f"MIND-{card['release']}" if card and card["release"] else ""
    )
    if card is None:
        return name or "none yet", "not prepared yet"
    sizes = [card["splits"][split]["impressions"] for split in ("train", "test")]
    return name or "own", "{:,} impressions to train on, {:,} to test".format(*sizes)


def _made(study: Study) -> tuple[str, str]:
    """The machine that the runs name, by its processor or accelerator, and their commit."""
    runs = contents(study)
    if not runs:
        return "nothing yet", ""
    machines = [run["hardware"] for run in runs]
    names = {m["gpu"] or f"{m['processor']}, {m['cores']} cores" for m in machines}
    commits = {commit_name(run.get("git")) for run in runs}
    return (
        names.pop() if len(names) == 1 else f"{len(names)} kinds of machine",
        f"commit {commits.pop()}" if len(commits) == 1 else f"{len(commits)} commits",
    )


def stand_ins(study: Study) -> Table | None:
    """The paper's language models and what stands for them here, with their parameters; None where
    none is another one's stand-in."""
    params = study.params.content
    models = params.paper if params else {}
    if all(theirs == ours for theirs, ours in models.items()):
        return None
    sizes = encoder_sizes(run.cell for experiment in study.grid for run in experiment.runs)
    rows: list[list[Field]] = []
    for theirs, ours in models.items():
        count = MODELS[theirs].parameters
        rows.append(
            [
                encoder_name(theirs),
                "a table of vectors" if count is None else short_count(count),
                encoder_name(ours),
                short_count(sizes[ours]) if ours in sizes else "not run",
            ]
        )
    header = ["the paper's", "parameters", "stand-in", "its parameters"]
    caption = "What stands for the paper's language models here, with the parameters of each."
    return Table("stand-ins", caption, COMPARED, header, rows, text_columns=4)


def claim_terms(claim: Record) -> Iterator[tuple[str, str]]:
    """Where a claim is from and what counts as agreement: a name and a text each."""
    source = "the paper" if claim["source"] == "paper" else claim["source"]
    yield "Source", f"{source}; confidence in the figure: {claim['confidence']}"
    if claim["value"] is None and claim.get("value_reason"):
        yield "Figure", claim["value_reason"]
    tolerance = claim.get("tolerance")
    limit = "" if tolerance is None else f"{tolerance:g}. "
    yield "Tolerance", f"{limit}{claim['tolerance_reason']}"
    if claim.get("reading"):
        yield "Our reading", claim["reading"]
