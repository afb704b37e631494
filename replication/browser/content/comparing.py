"""What the impressions of two runs say of their difference, and how either run is made anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path

from replication.browser.content.candidates import MAKER, Candidate
from replication.browser.content.rerun import Choice, command
from replication.browser.content.scores import Gap, compare_scores, find_scores
from replication.browser.reading.runs import READY, Run
from replication.browser.reading.study import Study
from replication.browser.words import counted, signed
from replication.browser.workspace.dvc_experiments import SCORES
from replication.browser.workspace.recorded import read_entries
from replication.study import paths

LEVEL = 0.05  # of the tests
SAMPLES = 1000  # of the bootstrap, where params.yaml cannot be read


@dataclass(frozen=True)
class Test:
    """Gaps B - A by metric; or, without any, why there is no test and what command mends it."""

    __test__ = False  # no test of this package

    gaps: Mapping[str, Gap]
    reason: str | None = None
    command: str | None = None
    naive: str | None = None  # why impressions are taken as independent, where they are


def paired_test(a: Candidate, b: Candidate, study: Study) -> Test:
    """The test of B against A over the impressions that both scored."""
    named = {"A": a, "B": b}
    if not _both_have(a, b):
        return Test({}, "no paired test without the metrics of both")
    first, second = _scores(a), _scores(b)
    if first is None or second is None:
        missing = [letter for letter, path in (("A", first), ("B", second)) if path is None]
        return Test(
            {},
            f"no paired test: the per-impression scores of {' and '.join(missing)} are not on this "
            "machine (they are too large for git)",
            _joined([_remake(named[letter], study) for letter in missing]),
        )
    params = study.params.content
    samples = params.evaluation.bootstrap_samples if params else SAMPLES
    compared = compare_scores(first, second, samples)
    if compared.problem:
        return Test({}, _untested(compared.problem))
    gaps = {gap.metric: gap for gap in compared.gaps}
    for letter, candidate in named.items():
        if _strange(candidate.run, gaps, letter.lower()):
            return Test(
                {},
                f"no paired test: the per-impression scores of {letter} are not those that its "
                "metrics.json was made of",
                _remake(candidate, study),
            )
    return Test(gaps, naive=compared.naive)


def _scores(candidate: Candidate) -> Path | None:
    if candidate.dvc_experiment:
        return find_scores(None, candidate.dvc_experiment.scores_md5)
    cell = candidate.run.cell
    path = Path(SCORES) if cell.folder == paths.EXPERIMENT else cell.per_impression
    entries, _ = read_entries()  # None: nothing is recorded, so the file counts as it is
    outs = [entry.outs for entry in (entries or {}).values()]
    digest = next((out[path.as_posix()] for out in outs if path.as_posix() in out), None)
    return find_scores(path, digest.md5 if digest else None)


def _strange(run: Run, gaps: Mapping[str, Gap], side: str) -> bool:
    """Whether scores differ from metrics.json; only metrics that all impressions define tell."""
    metrics = run.cell.metrics
    return metrics is not None and any(
        gap.impressions == metrics["impressions"]
        and metrics[name] is not None
        and not isclose(getattr(gap, side), metrics[name], abs_tol=1e-6)
        for name, gap in gaps.items()
    )


def _untested(problem: str) -> str:
    return problem if "no paired test" in problem else f"no paired test: {problem}"


# ---------------------------------------------------------------- commands


def commands(candidate: Candidate, study: Study) -> str | None:
    """The command that makes the run anew; None where none is known.

    A run that is no stage of dvc.yaml, such as one that params.yaml no longer asks for, is run as
    an experiment. That of a DVC experiment is `experiments.rerun`'s.
    """
    cell, params = candidate.run.cell, study.params.content
    if study.stage(cell.command.removeprefix("dvc repro ")):
        return cell.command
    if params is None or cell.run is None:
        return None
    found = (cell.recommender, cell.encoder, cell.tuning, cell.protocol)
    return command(params, Choice(*found, cell.seed, cell.layers))


def _remake(candidate: Candidate, study: Study) -> str | None:
    if candidate.dvc_experiment:
        return f"{candidate.dvc_experiment.restore} && {MAKER}"
    return commands(candidate, study)


def _joined(found: Sequence[str | None]) -> str | None:
    """One line of several commands; stages are made by one call."""
    known = list(dict.fromkeys(text for text in found if text))
    repro = "dvc repro "
    if known and all(text.startswith(repro) for text in known):
        return repro + " ".join(text.removeprefix(repro) for text in known)
    return "\n".join(known) or None


# ---------------------------------------------------------------- the answer


def answer(a: Candidate, b: Candidate, test: Test) -> str:
    """The page's question answered in a sentence or two, as plain text."""
    if a.key == b.key:
        return "The same run is chosen twice: there is nothing to compare. Choose another."
    if matter := matters(a, b):
        return f"{'No judgement' if _both_have(a, b) else 'Nothing to compare yet'}: {matter}"
    gap = test.gaps.get("auc")
    first, second = _auc(a), _auc(b)
    difference = second - first if first is not None and second is not None else None
    if gap is not None:
        difference = gap.difference
    if difference is None:
        return f"AUC is not defined for both runs; {test.reason or 'the table has the rest'}."
    way = "higher than" if difference > 0 else "lower than"
    text = f"B's AUC is {abs(difference):.4f} {way} A's" if difference else "B's AUC equals A's"
    if gap is None:
        return f"{text}; {test.reason}."
    if gap.ci95:
        text += " [{:+.4f}, {:+.4f}]".format(*gap.ci95)
    tests = sum(each.p is not None for each in test.gaps.values())
    if gap.p_holm is not None:
        p = "< 0.001" if gap.p_holm < 0.001 else f"= {gap.p_holm:.3f}"
        text += f", p {p} (Holm, over {counted(tests, 'metric')})"
    taken = f" (taken as independent: {test.naive})" if test.naive else ""
    return f"{text}, on {gap.impressions:,} shared impressions{taken}: {READINGS[reading(gap)]}."


def _auc(candidate: Candidate) -> float | None:
    metrics = candidate.run.cell.metrics
    return metrics["auc"] if metrics else None


READINGS = {
    "B better": "more than chance for these two runs",
    "A better": "more than chance for these two runs",
    "not resolved": "no more than chance can explain",
    "no test": "too few impressions, or no variance, for a test",
}


def reading(gap: Gap | None) -> str:
    """Which run is better by the paired test after Holm's correction: a key of `READINGS`."""
    if gap is None or gap.p_holm is None:
        return "no test"
    if gap.p_holm >= LEVEL:
        return "not resolved"
    return "B better" if (gap.difference or 0.0) > 0 else "A better"


def matters(a: Candidate, b: Candidate) -> str:
    """What keeps the runs from being compared; empty where both are ready."""
    texts = []
    for letter, candidate in (("A", a), ("B", b)):
        word, reason = candidate.state
        if word != READY:
            texts.append(f"{letter} is {signed(word)} ({reason}).")
    return " ".join(texts)


def _both_have(a: Candidate, b: Candidate) -> bool:
    return None not in (a.run.cell.metrics, b.run.cell.metrics)
