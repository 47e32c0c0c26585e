"""The button that sends the number: a real browser, the real application, a fake Twilio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.asterisk import free_port
from tests.e2e.served import SCREEN, Served, browsing, call_the_hotline, sign_in
from tests.fake_twilio import FakeTwilio

pytestmark = pytest.mark.needs("chromium", "pages")

OURS = "+622150630150"
LIMIT_MS = 20_000


@contextmanager
def beside(twilio: FakeTwilio) -> Iterator[FakeTwilio]:
    """The fake at work in a loop of its own: Playwright has this thread's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(what: object) -> None:
        assert asyncio.iscoroutine(what)
        asyncio.run_coroutine_threadsafe(what, loop).result(20)

    try:
        do(twilio.__aenter__())
        try:
            yield twilio
        finally:
            do(twilio.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    fake = FakeTwilio(speed=1.0)
    fake.number(OURS)
    with beside(fake):
        yield fake


@pytest.fixture
def served(tmp_path: Path, twilio: FakeTwilio) -> Iterator[Served]:
    settings = {
        "TWILIO_ACCOUNT_SID": twilio.account_sid,
        "TWILIO_AUTH_TOKEN": twilio.auth_token,
        "TWILIO_NUMBER": OURS,
        "TWILIO_API_URL": twilio.base_url,
    }
    running = Served(tmp_path, free_port(), settings)
    running.environment["PUBLIC_BASE_URL"] = running.url
    running.start()
    yield running
    running.stop()


def place(page: Page) -> tuple[float, float]:
    """Where the notes begin, and how high they are."""
    box = page.locator("textarea").bounding_box()
    assert box is not None
    return box["y"], box["height"]


def test_the_number_is_sent_and_nothing_moves(served: Served, twilio: FakeTwilio) -> None:
    with browsing() as browser:
        agent = browser.new_context(viewport=SCREEN, locale="id-ID").new_page()
        agent.set_default_timeout(LIMIT_MS)
        sign_in(agent, served, "agen")
        agent.keyboard.press("F4")
        agent.wait_for_selector(".state-bar.good")
        caller = browser.new_context(viewport=SCREEN, locale="id-ID").new_page()
        caller.set_default_timeout(LIMIT_MS)
        call_the_hotline(caller, served)
        agent.wait_for_selector(".offer h2")
        agent.keyboard.press("F2")
        button = agent.get_by_role("button", name="lewat SMS")
        button.wait_for()
        before = place(agent)
        button.click()
        became = agent.locator(".case-message [role=status]")
        expect(became).to_have_text("SMS: ✓ sampai", timeout=LIMIT_MS)
        expect(button).to_have_count(0)
        assert place(agent) == before
        number = agent.locator(".case-head .spoken").first.inner_text().replace(" ", "-")
        (sent,) = twilio.messages
        assert number in sent.body
        assert twilio.problems == []
