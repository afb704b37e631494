"""How long the results browser takes with two hundred runs: the first page of a new window, and
each change of page.

`python -m pytest tests/benchmarks/bench_browser.py`
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))

from many_runs import many_runs
from playwright.sync_api import Browser, Page
from served import CHROMIUM, SETTLED, chromium, served, settle

from replication.browser.views import VIEWS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("many")
    assert many_runs(folder) >= 200
    with served(folder) as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def test_first_paint(benchmark, browser, address):
    """From asking for the page until all of it is there, its charts drawn."""

    def window() -> tuple[tuple, dict]:
        return (browser.new_context().new_page(),), {}

    def visit(page: Page) -> None:
        page.goto(address)
        settle(page)

    visit(*window()[0])  # the server's first page reads every file for the first time
    benchmark.pedantic(visit, setup=window, rounds=10)


@pytest.mark.parametrize("view", VIEWS[1:], ids=lambda view: view.name)
def test_page_change(benchmark, browser, address, view):
    """From the click on its name until all of it is there, its charts drawn."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    settle(page)

    def back() -> None:
        _go(page, VIEWS[0].title)

    benchmark.pedantic(lambda: _go(page, view.title), setup=back, rounds=10, warmup_rounds=1)
    page.context.close()


def _go(page: Page, title: str) -> None:
    page.get_by_role("link", name=title, exact=True).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    page.wait_for_selector(SETTLED)
    settle(page)
