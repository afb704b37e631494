import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from trees import HOSTILE

from replication.browser.words import MEANINGS, SIGNS, counted, plain, signed

MARKUP = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PLAIN = {"text", "paragraph_open", "paragraph_close", "inline", "code_inline", "softbreak"}


def rendered(text: str) -> list:
    """The tokens of a Markdown text, those inside lines among them."""
    found = []
    for token in MARKUP.parse(text):
        found += [token, *(token.children or ())]
    return found


@pytest.mark.parametrize(
    "text",
    [HOSTILE, "![i](http://outside.invalid/i.png)", "[a](javascript:alert(1))", "<b>x</b>",
     "# title", "- item", "1. item", "> quote", "**b** __b__ ~~s~~", "a | b", "$x$", ":red[x]",
     "\\![i](u)", "`![i](u)", "``![i](u)`", "`a``![i](u)``b`", "a`![i](u)`` b", "&lt;b&gt;",
     "http://outside.invalid", "<http://outside.invalid>", "---", "===", "+ x"],
)  # fmt: skip
def test_text_of_a_file_is_no_markup(text):
    assert {token.type for token in rendered(plain(text))} <= PLAIN
    shown = "".join(t.content for t in rendered(plain(text)) if t.type in ("text", "code_inline"))
    joined = shown.replace("\N{WORD JOINER}", "")
    assert joined.replace("`", "").split() == text.replace("`", "").split()


@given(st.text(alphabet="`![]()<>*_\\ab:/|#&;-$~ .", max_size=24))
def test_no_text_is_markup(text):
    assert {token.type for token in rendered(plain(f"x{text}"))} <= PLAIN


@pytest.mark.parametrize("text", [":material/home:", ":red[x]", ":streamlit:", "http://a.b"])
def test_nothing_is_left_for_streamlit_to_replace(text):
    assert plain(text) != text
    assert "://" not in plain(text) and ":material" not in plain(text).replace("\\", "")


def test_commands_stay_commands():
    assert plain("run `dvc repro grid@a-b-1` (now)") == "run `dvc repro grid@a-b-1` \\(now\\)"


def test_verdicts_have_a_sign_of_their_own():
    assert signed("within") == signed("agrees") == "✓ agrees"
    assert signed("partial 1/3") == "◐ partial 1/3"
    assert signed("running") == "▶ running"
    assert len(set(SIGNS.values())) == len(SIGNS) == len(MEANINGS)


def test_counts():
    assert [counted(n, "run") for n in (0, 1, 2, 1234)] == ["0 runs", "1 run", "2 runs",
                                                           "1,234 runs"]  # fmt: skip
