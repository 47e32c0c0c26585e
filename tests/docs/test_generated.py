"""What the documents take from the code is what the code says now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callcenter.calls import life
from callcenter.calls.model import CallState
from callcenter.telephony.asterisk import line as asterisk
from callcenter.telephony.asterisk import watch
from callcenter.telephony.twilio import house as twilio
from callcenter.web.admin import LINE_COUNTS
from scripts import fill_docs
from tests.docs.pages import named

AGAIN = "run `make docs`"
#: Played by random histories, and so compared by itself.
PLAYED = "life-of-a-call"
HISTORIES = 200
SHOWN = [page for page in fill_docs.documents() if fill_docs.blocks_of(page.read_text())]


@pytest.mark.parametrize("page", SHOWN, ids=named)
def test_a_page_says_what_the_code_says(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    stands = fill_docs.blocks_of(text).get(PLAYED, "")
    monkeypatch.setitem(fill_docs.BLOCKS, PLAYED, lambda: stands)
    assert fill_docs.fill(text) == text, AGAIN


def test_every_block_is_shown_somewhere() -> None:
    shown = {name for page in SHOWN for name in fill_docs.blocks_of(page.read_text())}
    assert shown == fill_docs.BLOCKS.keys()


def test_a_call_goes_where_the_picture_says() -> None:
    """Rare ways may be missing in so few histories, but none may be new."""
    page = fill_docs.ROOT / "docs" / "architecture.md"
    drawn = {
        (before, happened, after)
        for before, after, words in re.findall(
            r"^    (\w+) --> (\w+): (.+)$", fill_docs.blocks_of(page.read_text())[PLAYED], re.M
        )
        for happened in words.split(", ")
    }
    walked = {
        (before, happened.replace("_", " "), after)
        for before, happened, after in fill_docs.call_arrows(range(HISTORIES))
    }
    assert walked <= drawn, AGAIN
    table = {(state, what.replace("_", " ")) for state, what in life.TABLE}
    assert {(CallState(before), happened) for before, happened, _ in drawn} <= table, AGAIN


def test_every_count_of_a_line_is_a_metric_with_a_meaning() -> None:
    counts = (asterisk.Counts, twilio.Counts, watch.Counts)
    counted = {name for one in counts for name in one.__struct_fields__}
    assert counted | {"connects"} == LINE_COUNTS.keys()


def test_every_line_is_in_the_table_of_lines() -> None:
    folders = {path.parent.name for path in (fill_docs.ROOT / "callcenter").rglob("line.py")}
    assert folders - {"callcenter"} == fill_docs.LINES.keys()
