"""docs/browser-*.png: pages of the app over the committed reports, and which reports they show.

They are taken of a clone, as readers have it: commit reports/ first. It needs a Chromium, as the
tests of the app in a real browser do.
"""

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser
from reports_digest import digest
from served import chromium, served, settle

ROOT = Path(__file__).parents[2]
SHOWN = ROOT / "docs/screenshots.json"
SIZE = {"width": 1280, "height": 860}
# Picture -> path of the page, whether the screen is dark. Compare opens on a pair by itself.
PICTURES = {"browser-overview.png": ("", False), "browser-compare.png": ("compare", True)}


def main() -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "study"
        clone = ["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), folder]
        subprocess.run(clone, check=True)
        shown = digest(folder)
        with served(folder) as address, chromium() as browser:
            for name, (path, dark) in PICTURES.items():
                _shoot(browser, f"{address}/{path}", dark, ROOT / "docs" / name)
    content = {"pictures": sorted(PICTURES), "reports_sha256": shown}
    SHOWN.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _shoot(browser: Browser, address: str, dark: bool, file: Path) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.goto(address)
    settle(page)
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    main()
