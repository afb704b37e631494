"""Page 9: the state of every stage and file, and what the numbers were made of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from replication.browser.content.provenance import contents, differences, provenance_table
from replication.browser.controls import command, scroll_table, show_rows, show_table
from replication.browser.pickers import pick
from replication.browser.reading.runs import UNASKED
from replication.browser.reading.study import Study
from replication.browser.words import SIGNS, counted, plain
from replication.browser.workspace.digests import folders_above
from replication.browser.workspace.pipeline import read_pipeline
from replication.browser.workspace.recorded import LOCK, MEND_LOCK
from replication.browser.workspace.stages import CURRENT, NOT_RUN, RUNNING, STALE, Stage
from replication.files.errors import StudyError
from replication.report.origin import articles_text, splits_table
from replication.report.tables import Table

PURPOSE = "Where does every number come from, and is anything missing, outdated or damaged?"
ORDER = (RUNNING, STALE, NOT_RUN, CURRENT)
MEND = "dvc repro"
STATE_SIGNS = SIGNS | {CURRENT: SIGNS["agrees"]}
WAITS = "waits for others that are not up to date"


def show(study: Study) -> None:
    stages = study.stages.stages
    st.markdown(f"{summary(stages)} {plain(damage_text(study))}")
    if any(stage.state != CURRENT for stage in stages):
        command(MEND)
    if (damaged := damaged_table(study)).rows:
        st.subheader("Files that cannot be read", anchor=False)
        show_rows(damaged)
    if (causes := causes_table(stages)).rows:
        st.subheader("Why stages are not up to date", anchor=False)
        show_rows(causes)
    _stages(study)
    _provenance(study)
    if (unasked := unasked_table(study)).rows:
        st.subheader("Runs that nothing asks for", anchor=False)
        st.markdown("They count nowhere. Ask for them in `params.yaml`, or delete their folders.")
        show_rows(unasked)
    _data(study)


# ---------------------------------------------------------------- stages


def summary(stages: Sequence[Stage]) -> str:
    """Such as `Of 52 stages, 3 are stale and 49 up to date.`; Markdown."""
    if not stages:
        return "No stage is known here."
    number = Counter(stage.state for stage in stages)
    of = counted(len(stages), "stage")
    if number[CURRENT] == len(stages):
        return f"All {of} are up to date."
    if number[NOT_RUN] == len(stages):
        return f"None of the {of} has been run; `{MEND}` runs them all."
    parts = [f"{number[s]} {'is' if number[s] == 1 else 'are'} {s}" for s in ORDER[:3] if number[s]]
    parts.append(f"{number[CURRENT]} up to date")
    text = f"Of {of}, {', '.join(parts[:-1])} and {parts[-1]}."
    for process in dict.fromkeys(stage.reason for stage in stages if stage.state == RUNNING):
        text += f" Running: {plain(process or '')}."
    return text


def damage_text(study: Study) -> str:
    count = len(study.problems)
    return f"{counted(count, 'file')} cannot be read." if count else "No file is damaged."


def stages_table(stages: Sequence[Stage]) -> Table:
    """Every stage, those that are not current first."""
    rows = [
        [f"{STATE_SIGNS[stage.state]} {stage.state}", stage.name, stage.reason or "", stage.command]
        for state in ORDER
        for stage in stages
        if stage.state == state
    ]
    header = ["state", "stage", "why", "command"]
    return Table("stages", "The state of every stage.", "dvc status", header, rows, 4)


def causes_table(stages: Sequence[Stage]) -> Table:
    """What keeps stages from being current: a row per cause, those that others wait for first."""
    found: dict[tuple[str, str], list[Stage]] = {}
    for state in ORDER[:3]:
        for stage in stages:
            if stage.state == state:
                reason = stage.reason or ""
                waits = reason.startswith("waits for ")
                found.setdefault((state, WAITS if waits else reason), []).append(stage)
    rows = [
        [f"{STATE_SIGNS[state]} {state}", reason, _few(of), _mend(of)]
        for (state, reason), of in sorted(found.items(), key=lambda item: item[0][1] == WAITS)
    ]
    header = ["state", "why", "stages", "command"]
    return Table("causes", "What keeps stages from being up to date.", MEND, header, rows, 4)


def _few(stages: Sequence[Stage]) -> str:
    more = f" and {len(stages) - 2} more" if len(stages) > 2 else ""
    return ", ".join(stage.name for stage in stages[:2]) + more


def _mend(stages: Sequence[Stage]) -> str:
    if stages[0].state == RUNNING:
        return "wait"
    return stages[0].command if len(stages) == 1 else MEND


def _stages(study: Study) -> None:
    stages = study.stages.stages
    there = {stage.state for stage in stages}
    states = [state for state in ORDER if state in there]
    well = states == [CURRENT] and "state" not in st.query_params
    with st.expander("Every stage, and the command that runs it", expanded=not well):
        chosen = pick("State", ["any", *states], "state", "any", width=320)
        shown = [stage for stage in stages if chosen in ("any", stage.state)]
        st.caption(f"{len(shown)} of {counted(len(stages), 'stage')}")
        table = stages_table(shown)
        # The command holds the stage's name, which stands last.
        rows = [[state, command, why, name] for state, name, why, command in table.rows]
        header = ["state", "command", "why", "stage"]
        scroll_table(study, replace(table, header=header, rows=rows))


# ---------------------------------------------------------------- files


def damaged_table(study: Study) -> Table:
    """Every file that cannot be read, with what makes it anew."""
    try:
        makers = {out: stage.name for stage in read_pipeline() for out in stage.outs}
    except StudyError:  # told among the files
        makers = {}
    rows = []
    for problem in study.problems:
        file, _, reason = problem.partition(": ")
        paths = (file, *folders_above(file))  # a run's output is the folder of its files
        maker = next((makers[path] for path in paths if path in makers), "")
        stage = study.stage(maker)
        locked = file.partition(",")[0] == str(LOCK)  # a line may stand behind its name
        rows.append(
            [f"{SIGNS['unreadable']} {file}", reason, MEND_LOCK if locked else _remedy(stage)]
        )
    caption = "Files that cannot be read."
    return Table("damaged", caption, MEND, ["file", "reason", "what mends it"], rows, 3)


def _remedy(stage: Stage | None) -> str:
    if stage is None:
        return "edit it, or restore it from git"
    if stage.state == CURRENT:  # DVC takes the file as it is for the result
        return stage.command.replace(MEND, f"{MEND} --force --single-item", 1)
    return stage.command


def unasked_table(study: Study) -> Table:
    rows = [
        [run.name, str(run.cell.folder), run.cell.recommender, run.cell.encoder, run.cell.tuning]
        for run in study.runs
        if run.stale == UNASKED
    ]
    header = ["run", "folder", "recommender", "encoder", "tuning"]
    return Table("unasked", "Runs that params.yaml does not ask for.", "dvc repro", header, rows, 5)


# ---------------------------------------------------------------- provenance


def _provenance(study: Study) -> None:
    table = provenance_table(study)
    st.subheader("Where the numbers come from", anchor=False)
    st.markdown(plain(agreement(table, len(contents(study)))))
    topics = list(dict.fromkeys(str(row[0]) for row in table.rows))
    chosen = pick("About", ["everything", *topics], "about", "everything", width=320)
    rows = [row for row in table.rows if chosen in ("everything", row[0])]
    st.caption(f"{len(rows)} of {counted(len(table.rows), 'fact')}")
    widths = {"about": 75, "what": 165, "runs": 130}
    # What is long stands last.
    last = [[about, what, runs, value] for about, what, value, runs in rows]
    scroll_table(study, replace(table, header=[*widths, "value"], rows=last), widths=widths)


def agreement(table: Table, runs: int) -> str:
    """Whether all runs were made of the same."""
    if not runs:
        return "No run tells yet what it was made of."
    if found := differences(table):
        more = f" and {len(found) - 4} more" if len(found) > 4 else ""
        return f"The {counted(runs, 'run')} differ in {', '.join(found[:4])}{more}."
    same = "the same data, checkpoints, libraries, hardware and code"
    return f"All {counted(runs, 'run')} name {same}." if runs > 1 else "One run names what it used."


def _data(study: Study) -> None:
    st.subheader("The data", anchor=False)
    if card := study.data.content:
        st.markdown(plain(articles_text(card)))
        show_table(study, splits_table(card))
    elif not study.data.problem:
        st.markdown("Not read yet: this makes it ready and counts it.")
        command("dvc repro prepare")
    else:
        st.markdown(plain(f"Unreadable: {study.data.problem}"))
