"""The questions beyond the paper in the report: each answer with its figures, and none made up."""

from replication.report.beyond import UNANSWERED, beyond_tables, beyond_text, parts_table

NOTE = "Demo data: not evidence about the paper."


def part(**changes):
    return {
        "what": "AUC over time", "unit": "AUC a day", "found": -0.031, "ci95": [-0.05, -0.012],
        "p": 0.01, "p_holm": 0.03, "effect": 0.004, "small": False, "verdict": "confirmed",
        "reason": None,
    } | changes  # fmt: skip


def answer(**changes):
    return {
        "verdict": "confirmed", "word": "yes", "aside": None, "reason": None, "parts": [part()],
        "curves": [], "coverage": [6, 6], "missing": [], "power": None, "would_decide": None,
    } | changes  # fmt: skip


def question(name="Q2", **changes):
    return {
        "id": name, "title": "Drift", "question": "Does it?", "source": "open in the paper",
        "yes": "It does.", "no": "It does not.", "needs": "Runs.", "effect": 0.01,
        "effect_reason": "So much.", "command": "dvc repro",
        "answers": {"clean": answer(**changes)},
    }  # fmt: skip


def test_an_answer_stands_with_what_it_rests_on():
    text = "\n".join(beyond_text([question()], ""))
    assert "*Needs*: Runs. *Run*: `dvc repro`." in text
    assert "### Q2 Drift" in text and "*clean*: ● yes. Runs: 6 of 6." in text
    assert "-0.0310 [-0.0500, -0.0120]" in text and "0.030" in text and "● yes" in text


def test_on_the_demo_no_part_has_a_sign_of_its_own():
    found = question(word="not tested on real clicks", aside="demo: yes")
    text = "\n".join(beyond_text([found], NOTE))
    assert "∅ not tested on real clicks (demo: yes)" in text and "● yes" not in text
    assert NOTE in text


def test_what_is_undecided_says_what_would_decide_it():
    power = {"effect": 0.004, "unit": "AUC a day", "impressions": 9000, "users": 3000}
    found = question(
        verdict="undecided", word="undecided", power=power,
        would_decide="It would be decided by 9,000 impressions (3,000 users).",
    )  # fmt: skip
    text = "\n".join(beyond_text([found], ""))
    assert "9,000 impressions (3,000 users). Looked for: 0.004 AUC a day." in text


def test_what_is_not_run_has_its_reason_and_its_command_and_no_table():
    found = question(
        verdict="not run", word="not run", parts=[], coverage=[0, 6], reason="6 runs are missing",
        missing=["dvc repro grid@a"],
    )  # fmt: skip
    text = "\n".join(beyond_text([found], ""))
    assert "○ not run. 6 runs are missing. Runs: 0 of 6. Run: `dvc repro grid@a`." in text
    assert parts_table(found, "clean") is None
    assert [table.name for table in beyond_tables([found])] == ["questions"]


def test_a_part_that_cannot_be_tested_has_no_figure():
    gone = part(
        found=None, ci95=None, p=None, p_holm=None, effect=None, verdict="not testable",
        reason="the test split holds one day",
    )  # fmt: skip
    [_, table] = beyond_tables([question(parts=[part(), gone])])
    last = list(map(str, table.rows[-1]))
    assert last[1] == "none" and last[-1] == "∅ not tested: the test split holds one day"


def test_before_the_stage_has_run_the_report_says_so():
    assert beyond_text([], NOTE) == [UNANSWERED] and beyond_tables([]) == []
