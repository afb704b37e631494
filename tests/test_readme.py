"""README.md and docs/: their length, their links, and what they repeat from other files."""

import re
from pathlib import Path

import pytest

from replication.paper.claims import load_claims

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT.glob("reports/benchmarks/**/*.md")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *BENCHMARKS])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_is_read_in_one_sitting():
    assert len(README.splitlines()) <= 120
    for page in (ROOT / "docs").glob("*.md"):
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 200, page.name


def test_the_claims_are_those_that_are_judged():
    rows = re.findall(r"^\| (C\d\S*) \| (.*?) \|", README, flags=re.MULTILINE)
    assert rows == [(claim.id, claim.statement) for claim in load_claims()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_every_page_of_docs_is_reached_from_readme():
    named = set(re.findall(r"\(docs/([^)#]+)\)", README))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= named
