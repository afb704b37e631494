"""How long the results browser takes with 270 runs: the first page in a new window, whose
cache is empty, and each change of page.

`python -m pytest tests/benchmarks/bench_browser.py`
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from measuring import met

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))

from many_runs import many_runs
from playwright.sync_api import Browser, Page
from served import CHROMIUM, chromium, served, settle

from replication.browser.views import VIEWS
from replication.browser.views.overview import TITLE

RUNS = 270

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("many")
    assert many_runs(folder) == RUNS
    with served(folder) as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def test_first_paint(benchmark, browser, address):
    """From asking for the page until its heading stands there."""

    def visit(page: Page) -> None:
        page.goto(address)
        page.wait_for_function(
            "title => [...document.querySelectorAll('h1, h2')].some(h => h.textContent === title)",
            arg=TITLE,
        )

    _visit(benchmark, browser, visit)
    _told(benchmark, "first paint, a new window", "2 s", 2)


def test_first_page(benchmark, browser, address):
    """From asking for the page until all of it is there, its charts drawn."""

    def visit(page: Page) -> None:
        page.goto(address)
        settle(page)

    _visit(benchmark, browser, visit)
    _told(benchmark, "first page, a new window, all charts drawn", "reported")


@pytest.mark.parametrize("view", VIEWS[1:], ids=lambda view: view.name)
def test_page_change(benchmark, browser, address, view):
    """From the click on its name until all of it is there, its charts drawn."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    settle(page)

    def back() -> None:
        _go(page, VIEWS[0].title, TITLE)

    benchmark.pedantic(lambda: _go(page, view.title), setup=back, rounds=10, warmup_rounds=1)
    page.context.close()
    _told(benchmark, f"change to page {view.title}, all charts drawn", "0.5 s", 0.5)


def _visit(benchmark: Any, browser: Browser, visit: Callable[[Page], None]) -> None:
    """Time `visit` in new windows; the server has read every file before."""
    pages = []

    def window() -> tuple[tuple, dict]:
        while pages:
            pages.pop().context.close()
        pages.append(browser.new_context().new_page())
        return (pages[0],), {}

    visit(*window()[0])
    benchmark.pedantic(visit, setup=window, rounds=10)
    pages[0].context.close()


def _told(benchmark: Any, work: str, goal: str, seconds: float | None = None) -> None:
    """What the row of the report says of it."""
    if benchmark.stats is None:  # --benchmark-disable: nothing was timed
        return
    median = benchmark.stats.stats.median
    goals = []
    if seconds is not None:
        reached = met("seconds", seconds, median)
        goals = [{"of": "seconds", "goal": seconds, "value": median, "met": reached}]
    benchmark.extra_info.update(
        work=f"browser: {work}", size=f"{RUNS} runs", goal=goal, goals=goals
    )


def _go(page: Page, title: str, heading: str | None = None) -> None:
    """heading: None: the title, as on all pages but the first"""
    # The first page has links of its own to some.
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
    settle(page, heading or title)
