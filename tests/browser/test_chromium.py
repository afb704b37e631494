"""The app in a real browser: every page, links, downloads, narrow and dark screens."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
)
from served import CHROMIUM, ROOT, chromium, served, settle

from replication.browser.views import VIEWS
from replication.browser.views.overview import TITLE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no chromium on the PATH; on Debian: `apt-get install chromium`",
    ),
]
SHOTS = ROOT / "screenshots"
WIDE = ViewportSize(width=1280, height=2400)
PHONE = ViewportSize(width=390, height=2400)
NAMES = [view.name for view in VIEWS]
HEADINGS = {view.name: view.title for view in VIEWS} | {NAMES[0]: TITLE}
PATHS = {name: "" if name == NAMES[0] else name for name in NAMES}  # the first page is the root


@pytest.fixture(scope="module")
def address(made_trees) -> Iterator[str]:
    with served(made_trees("full")) as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def context(browser) -> BrowserContext:
    """All pages are of one: it has the front end's files once the first has loaded them."""
    shared = browser.new_context(viewport=WIDE)
    shared.set_default_timeout(20_000)
    return shared


@contextmanager
def opening(context: BrowserContext, address: str) -> Iterator[Callable[..., Page]]:
    """Opens pages of the app; at the end, nothing was asked of any other server and no script or
    page failed."""
    opened, outside, errors = [], [], []

    def go(path: str = "", dark: bool = False, size: ViewportSize = WIDE) -> Page:
        page = context.new_page()
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.on("request", lambda r: _is_outside(r.url, address) and outside.append(r.url))
        page.on("console", lambda m: _is_error(m) and errors.append(f"{m.text} {m.location}"))
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.goto(f"{address}/{path}")
        settle(page)
        opened.append(page)
        return page

    yield go
    for page in opened:
        page.close()
    assert outside == []
    assert errors == []


@pytest.fixture
def visit(context, address) -> Iterator[Callable[..., Page]]:
    with opening(context, address) as go:
        yield go


@pytest.fixture(scope="module")
def first(context, address) -> Iterator[Page]:
    """The first page, opened once for the tests that look at it."""
    with opening(context, address) as go:
        yield go()


def _is_outside(url: str, address: str) -> bool:
    return not url.startswith((address, address.replace("http", "ws", 1), "data:", "blob:"))


def _is_error(message: ConsoleMessage) -> bool:
    """Streamlit's own search for its server, first below the page's address, is none."""
    return message.type == "error" and "/_stcore/" not in message.location["url"]


def no_failure(page: Page) -> None:
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.get_by_text("This app has encountered an error").count() == 0


# Each page has tests of its own without a browser; here one stands for all in `make test`.
@pytest.mark.parametrize(
    "views", [VIEWS[:1], pytest.param(VIEWS[1:], marks=pytest.mark.slow)], ids=["first", "others"]
)
def test_every_page_is_reached_by_the_navigation_and_says_what_it_is_for(first, views):
    for view in (*views, VIEWS[0]):
        link = first.get_by_test_id("stSidebarNav").get_by_role("link", name=view.title, exact=True)
        link.click()
        heading = first.get_by_role("heading", name=HEADINGS[view.name], exact=True)
        expect(heading).to_be_visible()
        settle(first)
        expect(first.get_by_text(view.purpose)).to_be_visible()
        expect(first.get_by_text("Demo data: not evidence about the paper.").first).to_be_visible()
        no_failure(first)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_page_on_a_phone_without_scrolling_sideways_and_in_light(visit, name):
    page = visit(PATHS[name], size=PHONE)
    no_failure(page)
    for part in ("html", '[data-testid="stMain"]'):
        assert page.locator(part).evaluate("e => e.scrollWidth") <= PHONE["width"]
    _shoot(page, f"{name}-phone")
    page.set_viewport_size(WIDE)
    settle(page)
    no_failure(page)
    assert _colour(page) == "rgb(255, 255, 255)"
    _shoot(page, f"{name}-light")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_page_in_dark(visit, name):
    page = visit(PATHS[name], dark=True)
    no_failure(page)
    assert _colour(page) == "rgb(13, 17, 23)"
    _shoot(page, f"{name}-dark")


def _colour(page: Page) -> str:
    app = page.locator('[data-testid="stApp"]')
    return app.evaluate("e => getComputedStyle(e).backgroundColor")


def test_the_first_screenful_tells_demo_from_evidence_and_what_the_page_answers(first):
    first.set_viewport_size({"width": 1280, "height": 720})
    settle(first)
    for text in ("Which language model", "Demo data: not evidence", "None of the 11 claims"):
        expect(first.get_by_text(text).first).to_be_in_viewport()
    first.set_viewport_size(WIDE)


def test_a_link_opens_what_it_names(visit):
    page = visit("?claim=C2")
    statement = "Fine-tuning the GloVe vectors makes NRMS worse than it is with the vectors kept."
    expect(page.locator("strong", has_text=statement)).to_be_visible()


@pytest.mark.slow
def test_a_link_that_names_what_there_is_not_is_told(visit):
    page = visit("?claim=C99")
    expect(page.get_by_text("The link asks for")).to_contain_text("C99")
    no_failure(page)


@pytest.mark.slow
def test_an_unknown_page_leads_to_the_first_one(context, address):
    page = context.new_page()
    page.goto(f"{address}/no-such-page")
    settle(page)
    expect(page.get_by_role("heading", name=TITLE, exact=True)).to_be_visible()
    page.close()


def test_the_downloaded_csv_holds_the_claims(first):
    with first.expect_download() as waiting:
        first.get_by_role("button", name="CSV").first.click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    claims = json.loads((ROOT / "reports/claims.json").read_text(encoding="utf-8"))["claims"]
    assert [row["id"] for row in rows] == [claim["id"] for claim in claims]
    found = claims[0]["verdicts"]["clean"]["found"]
    assert float(rows[0]["ours, clean"]) == found


@pytest.mark.slow
def test_two_runs_are_compared_by_keyboard_alone(visit):
    page = visit("compare")
    _tab_to(page, "First run")
    _type_choice(page, "LSTUR, static vectors, frozen, clean")
    _tab_to(page, "Second run")
    _type_choice(page, "NRMS, MiniLM, frozen, clean")
    pair = "a=lstur-static-frozen-clean-s1&b=nrms-minilm-frozen-clean-s1"
    page.wait_for_url(f"**/compare?{pair}")
    settle(page)
    runs = {
        name: json.loads((ROOT / f"reports/runs/{name}/metrics.json").read_text(encoding="utf-8"))
        for name in ("lstur-static-frozen-clean-s1", "nrms-minilm-frozen-clean-s1")
    }
    a, b = (metrics["auc"] for metrics in runs.values())
    higher, lower = ("higher", "lower") if b > a else ("lower", "higher")
    expect(page.get_by_text(f"B's AUC is {abs(b - a):.4f} {higher}")).to_be_visible()
    _tab_to(page, "Swap")
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare?a=nrms-minilm-frozen-clean-s1&b=lstur-static-frozen-clean-s1")
    settle(page)
    expect(page.get_by_text(f"B's AUC is {abs(b - a):.4f} {lower}")).to_be_visible()


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what is in focus has `name`."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator("input:focus, button:focus")
        if focused.count() and name in (
            focused.get_attribute("aria-label") or focused.inner_text()
        ):
            return
    raise AssertionError(f"Tab does not reach {name}")


def _type_choice(page: Page, text: str) -> None:
    page.keyboard.type(text)
    page.wait_for_timeout(300)  # the list filters as one types
    page.keyboard.press("Enter")
    settle(page)


@pytest.mark.slow
def test_a_new_result_shows_after_a_reload(browser, own_tree):
    folder = own_tree("full")
    with served(folder) as where:
        page = browser.new_context(viewport=WIDE).new_page()
        page.goto(f"{where}/?claim=C1")
        settle(page)
        path = folder / "reports/claims.json"
        claims = json.loads(path.read_text(encoding="utf-8"))
        claims["claims"][0]["statement"] = "A claim that was made while the page was open."
        path.write_text(json.dumps(claims), encoding="utf-8")
        page.reload()
        settle(page)
        expect(page.locator("strong", has_text="made while the page was open")).to_be_visible()


@pytest.mark.slow
def test_texts_from_files_are_shown_as_text(browser, made_trees):
    """Neither markup nor an image: the browser would have to ask another server for it."""
    with served(made_trees("hostile")) as where:
        context = browser.new_context(viewport=WIDE)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for name in NAMES:
            page.goto(f"{where}/{PATHS[name]}")
            settle(page)
            no_failure(page)
        page.goto(f"{where}/?claim=C1")
        settle(page)
        expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
        assert [url for url in asked if "outside.invalid" in url] == []
        context.close()


def _shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
