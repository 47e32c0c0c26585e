"""The agent answers in a browser: SIP over WebSocket to a real Asterisk, and sound both ways."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from callcenter.people.permissions import Role
from tests.e2e.application import PASSWORD, Application, Person, Session
from tests.e2e.conftest import Make
from tests.e2e.desks import wait_hears_anything
from tests.e2e.exchange import Exchange
from tests.e2e.phones import Phones, until
from tests.e2e.served import SCREEN, browsing
from tests.e2e.wire import Sound

pytestmark = pytest.mark.needs("chromium", "pages")

CALLER_HZ = 620.0

#: The loudest frequency of what comes out of the softphone's loudspeaker, in Hz; 0: silence.
LOUDEST = """
async () => {
  const stream = document.getElementById("remote-audio")?.srcObject;
  if (!stream) return 0;
  const context = (window.listening ??= new AudioContext());
  if (window.listenedTo !== stream) {
    window.listenedTo = stream;
    window.analyser = new AnalyserNode(context, {fftSize: 8192, smoothingTimeConstant: 0});
    context.createMediaStreamSource(stream).connect(window.analyser);
  }
  await context.resume();
  await new Promise((done) => setTimeout(done, 300));
  const bins = new Float32Array(window.analyser.frequencyBinCount);
  window.analyser.getFloatFrequencyData(bins);
  const loudest = bins.indexOf(Math.max(...bins));
  return bins[loudest] < -60 ? 0 : loudest * context.sampleRate / window.analyser.fftSize;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


def console(browser: Browser, application: Application, username: str) -> Page:
    """A signed-in console whose softphone is registered."""
    page = browser.new_context(viewport=SCREEN, locale="id-ID").new_page()
    page.goto(f"http://127.0.0.1:{application.port}/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".device .good-text")
    return page


def shown(page: Page) -> Any:
    """What the server tells this console."""
    return page.evaluate("() => fetch('/api/agent').then((answer) => answer.json())")


def beeps(sound: Sound) -> int:
    """How often the browser's false microphone beeps in it: 400 Hz for 20 ms, twice a second."""
    loud = [max(map(abs, packet_samples)) > 4000 for packet_samples in sound.pieces()]
    return sum(now and not before for before, now in itertools.pairwise([False, *loud]))


def test_answered_in_the_browser(
    make_application: Make, exchange: Exchange, phones: Phones, browser: Browser
) -> None:
    application = make_application()
    application.add(Person("sari", topics=("upah",)), Person("petugas", role=Role.OFFICER))
    application.start()
    page = console(browser, application, "sari")
    page.keyboard.press("F4")
    page.wait_for_selector(".state-bar.good")

    (caller,) = phones.call("+628111234567", tone=CALLER_HZ)
    caller.press("11")
    page.wait_for_selector(".offer h2")
    assert "+62 811 1234 567" in page.inner_text(".offer")
    page.keyboard.press("F2")
    page.wait_for_selector(".talk")
    until(lambda: shown(page)["agent"]["state"] == "talking", "they talk")
    together = time.time()
    caller.speak()

    # The agent hears the caller's tone, the caller the agent's microphone.
    until(lambda: abs(page.evaluate(LOUDEST) - CALLER_HZ) < 10, "the browser plays the tone")
    until(lambda: beeps(caller.heard(together)) >= 4, "the caller hears the microphone")
    heard = caller.heard(together)
    assert heard.level(400) > 0.05
    assert heard.level(700) < 0.01
    assert abs(beeps(heard) - 2 * heard.seconds) <= 2

    # The complaint is typed while they talk, and saved by itself.
    page.fill("textarea[name=narrative]", "")
    page.locator("textarea[name=narrative]").press_sequentially("Upah Oktober belum dibayar.")
    page.wait_for_selector(".save-line.clean")
    page.keyboard.press("F9")
    page.wait_for_selector(".wrapping")
    over = time.time()
    wait_hears_anything(caller, over)  # thanks, and the number again
    assert not caller.gone
    caller.hang_up()
    page.keyboard.press("F6")  # from the form to the buttons
    page.keyboard.press("1")
    page.wait_for_selector(".rest")
    exchange.wait_empty()
    application.wait_settled()

    officer = Session(application.port).sign_in("petugas")
    (row,) = officer.get("/api/desk/cases")["cases"]
    case = officer.get(f"/api/cases/{row['number']}")
    assert (case["status"], case["narrative"]) == ("new", "Upah Oktober belum dibayar.")
    assert [call["role"] for call in case["calls"]] == ["opened"]
    assert application.complaints() == []

    # The account lives as long as the sign-in.
    assert exchange.accounts() == [f"agent-{shown(page)['agent']['id']}"]
    page.evaluate(
        """async () => {
          const {csrf} = await (await fetch("/api/me")).json();
          await fetch("/api/sign-out", {method: "POST", headers: {"X-CSRF-Token": csrf}});
        }"""
    )
    until(lambda: exchange.accounts() == [], "the account is removed")


def test_the_agents_page_is_closed_in_mid_talk(
    make_application: Make, exchange: Exchange, phones: Phones, browser: Browser
) -> None:
    application = make_application()
    application.add(Person("sari", topics=("upah",)))
    application.start()
    page = console(browser, application, "sari")
    page.keyboard.press("F4")
    page.wait_for_selector(".state-bar.good")
    (caller,) = phones.call("+628111234567", tone=CALLER_HZ)
    caller.press("11")
    page.wait_for_selector(".offer h2")
    page.keyboard.press("F2")
    until(lambda: shown(page)["agent"]["state"] == "talking", "they talk")
    caller.speak()
    until(lambda: abs(page.evaluate(LOUDEST) - CALLER_HZ) < 10, "the browser plays the tone")
    call = shown(page)["call"]["id"]

    # The new page registers in place of the old one: the talk is taken back at once, not only when
    # Asterisk misses the sound (BROWSER_RTP_TIMEOUT_S).
    context = page.context
    page.close()
    closed = time.time()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{application.port}/")
    until(lambda: application.facts("requeued"), "the old page's talk is over", 15)
    until(lambda: len(application.facts("answered")) == 2, "they talk again", 40)
    wait_hears_anything(caller, closed)
    until(lambda: abs(page.evaluate(LOUDEST) - CALLER_HZ) < 10, "the browser plays the tone")
    assert shown(page)["call"]["id"] == call
    caller.hang_up()
    exchange.wait_empty()
    application.wait_settled()
    assert [fact.kind for fact in application.facts("requeued")] == ["requeued"]
    assert application.complaints() == []
