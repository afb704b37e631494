"""Pages repeat the study's figures as they are, and the pictures of the app show these reports."""

import json
import re
import shutil

import pytest
from blocks import BLOCK, BLOCKS, PAGES, ROOT, filled
from reports_digest import digest


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_says_what_its_source_says(page):
    text = page.read_text(encoding="utf-8")
    begun = re.findall(r"<!-- figures: \w+ -->", text)
    assert len(begun) == len(BLOCK.findall(text)), "a block has no end"
    assert filled(text) == text, "run `make figures`"


def test_every_block_is_on_a_page():
    used = {name for page in PAGES for _, name, *_ in BLOCK.findall(page.read_text("utf-8"))}
    assert used == set(BLOCKS)


def test_another_figure_is_another_page(tmp_path, monkeypatch):
    """The blocks follow reports/: a run that took twice as long changes what is said of time."""
    for name in ("reports/runs", "reports/adapters", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    before = BLOCKS["time"]()
    for path in (tmp_path / "reports/runs").glob("*/cost.json"):
        cost = json.loads(path.read_bytes())
        path.write_text(json.dumps(cost | {"seconds": 2 * cost["seconds"]}), encoding="utf-8")
    assert BLOCKS["time"]() != before


def test_an_unknown_block_is_an_error():
    with pytest.raises(KeyError, match="weather"):
        filled("<!-- figures: weather -->\n<!-- end of figures -->")


def test_the_pictures_show_these_reports():
    shown = json.loads((ROOT / "docs/screenshots.json").read_bytes())
    assert shown["reports_sha256"] == digest(ROOT), "commit, then `make screenshots`"
    for name in shown["pictures"]:
        assert (ROOT / "docs" / name).is_file()
