"""The README's first call, made in a real browser as it is written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.docs.pages import read
from tests.e2e.served import Served, browsing, serving

pytestmark = [pytest.mark.needs("chromium", "pages")]

STEPS = re.findall(
    r"^\d\. (.*)$", read("README.md").split("## A first call")[1].split("\n##")[0], re.MULTILINE
)
#: What a step has one press, in its order: the name of a button, or a key.
PRESSED = re.compile(r"\*\*(.+?)\*\*|`(\d)`")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def _press(page: Page, name: str) -> None:
    """Press the button that says ``name`` first (a shortcut may follow)."""
    if name == "EN":
        page.locator("button.language").click()
    else:
        page.get_by_role("button", name=re.compile(rf"^{name}\b")).first.click()


def test_the_first_call_goes_as_written(served: Served) -> None:
    pressed = [[button or key for button, key in PRESSED.findall(step)] for step in STEPS]
    assert pressed == [
        ["EN", "Ready"],
        ["Call", "9", "1", "1"],
        ["Answer"],
        ["Hang up", "Complaint recorded", "Hang up", "Call again", "9", "2"],
    ]
    with browsing() as browser:
        console, phone = browser.new_context().new_page(), browser.new_context().new_page()

        console.goto(f"{served.url}/console")
        _press(console, "EN")
        console.get_by_label("User name").fill("agen")
        console.get_by_label("Password").fill(served.passwords["agen"])
        console.keyboard.press("Enter")
        _press(console, "Ready")
        console.get_by_text("Calls come in here", exact=True).wait_for()

        phone.goto(f"{served.url}/phone")
        _press(phone, "EN")
        for name in pressed[1]:
            _press(phone, name)
        phone.get_by_text("We will connect you").wait_for()

        _press(console, "Answer")
        form = console.get_by_label("What happened")
        form.fill("Wages of two months are unpaid.")
        console.locator(".save-line.clean", has_text="Saved").wait_for()
        number, pin = (
            re.sub(r"\D", "", console.locator(".case-head .spoken").nth(n).inner_text())
            for n in range(2)
        )
        assert (len(number), len(pin)) == (10, 6)

        _press(console, "Hang up")
        _press(console, "Complaint recorded")
        console.get_by_text("Calls come in here", exact=True).wait_for()
        phone.get_by_text("Your complaint number is").wait_for()
        for name in (*pressed[3][2:], *number, *pin):
            _press(phone, name)
        phone.get_by_text("Your complaint has reached us").wait_for()


def test_there_are_four_steps() -> None:
    assert len(STEPS) == 4
