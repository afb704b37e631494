"""The app as its users meet it: `streamlit run app.py` over a folder, and a Chromium to open it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PATIENCE = 60  # seconds until the server must answer, on a machine that does other things too


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the app over the study in `folder`."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    # The settings that the project ships, whatever the folder holds.
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit", dirs_exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", ROOT / "app.py", f"--server.port={port}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait(f"http://localhost:{port}/_stcore/health", server, folder / "server.log")
            yield f"http://localhost:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(address: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the app did not start: {log.read_text(encoding='utf-8')}")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def settle(page: Page, heading: str = "") -> None:
    """Wait until the script has run and its charts are drawn, on the page with this `heading`.

    One question, asked at each frame: Playwright looks for an element again only after half a
    second if it has not come within a quarter of one, too coarse for timing.
    """
    page.wait_for_function(
        """([settled, heading]) => {
            const all = (query) => [...document.querySelectorAll(query)];
            const says = (element, text) => element.textContent.includes(text);
            const charts = all('[data-testid="stVegaLiteChart"]');
            return document.querySelector(settled)
                && all("h1, h2").some((e) => !heading || e.textContent === heading)
                // The last to come.
                && all('[data-testid="stCaptionContainer"]').some((e) => says(e, "· loaded"))
                // Tables and buttons are grey bars until their part of the front end is loaded.
                && !document.querySelector('[data-testid="stSkeleton"]')
                && charts.every((chart) => chart.querySelector("canvas, svg"));
        }""",
        arg=[SETTLED, heading],
    )
